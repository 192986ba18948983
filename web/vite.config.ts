import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = process.env["CARRIER_URL"] ?? "http://127.0.0.1:8080";
const here = (path: string) => new URL(path, import.meta.url).pathname;

export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: {
      "@carrier/client": here("../clients/typescript/src/index.ts"),
      "openapi-fetch": here("node_modules/openapi-fetch"),
      uuid: here("node_modules/uuid"),
    },
  },
  // The largest is a list of all emoji, which is loaded when somebody looks for one.
  build: { target: "es2023", sourcemap: false, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 1000 },
  // `npm run dev` beside a server that runs: its cookie is this origin's.
  server: { proxy: { "/v1": { target: server, ws: true, changeOrigin: true } } },
});
