import { existsSync } from "node:fs";

import { defineConfig } from "@playwright/test";

/** Chromium of the distribution. */
const chromium = [
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
].find((path) => existsSync(path));

export default defineConfig({
  testDir: "test",
  // Patient: it shares a machine with all other tests.
  timeout: 600_000,
  expect: { timeout: 60_000 },
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  // Told as flaky, and to be mended: two browsers share two processors with all other tests.
  retries: 1,
  ...(process.env.PICTURES === undefined ? { grepInvert: /@pictures/ } : { grep: /@pictures/ }),
  reporter: [["list"]],
  use: {
    baseURL: process.env.CARRIER_URL ?? "http://127.0.0.1:8080",
    actionTimeout: 60_000,
    viewport: { width: 1280, height: 800 },
    trace: "retain-on-failure",
    launchOptions: {
      args: ["--no-sandbox"],
      ...(chromium !== undefined && { executablePath: chromium }),
    },
  },
});
