import { defineConfig } from "vitest/config";

const server = process.env.CARRIER_URL ?? "http://127.0.0.1:8080";
const here = (path: string) => new URL(path, import.meta.url).pathname;

export default defineConfig({
  resolve: {
    alias: {
      "react-dom/client": "preact/compat/client",
      "react-dom": "preact/compat",
      "react/jsx-runtime": "preact/jsx-runtime",
      "react/jsx-dev-runtime": "preact/jsx-dev-runtime",
      react: here("scripts/react.js"),
      "@carrier/client": here("../clients/typescript/src/index.ts"),
      // The one for browsers asks the document, which a worker has not.
      "decode-named-character-reference": here(
        "node_modules/decode-named-character-reference/index.js",
      ),
      "openapi-fetch": here("node_modules/openapi-fetch"),
      uuid: here("node_modules/uuid"),
    },
  },
  // The largest is a list of all emoji, which is loaded when somebody looks for one.
  build: {
    target: "es2023",
    sourcemap: false,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
    // The script that asks for the chats; all that each page needs; what a visitor sees; and the
    // chats. Each in one file: in several, they are larger, and a browser asks for six at once.
    rolldownOptions: {
      input: { index: here("index.html"), first: here("src/first.ts") },
      // "use client", for a server that draws components: there is none.
      checks: { moduleLevelDirective: false },
      output: {
        codeSplitting: {
          groups: [
            {
              name: "first",
              test: /\/src\/(first|early|state\/first-look)\.ts$/,
              priority: 4,
            },
            { name: "index", test: /./, tags: ["$initial"], priority: 3 },
            {
              name: "visitor",
              test: /\/src\/screens\/(landing|log-in|sign-up)\.tsx$/,
              priority: 2,
            },
            { name: "shell", test: /\/src\/screens\/shell\.tsx$/, priority: 1 },
          ],
        },
      },
    },
  },
  test: { include: ["unit/**/*.test.ts"] },
  // `npm run dev` beside a server that runs: its cookie is this origin's.
  server: { proxy: { "/v1": { target: server, ws: true } } },
});
