/** The page as files, and its server: with the headers that isolate it. */

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  // Works from any folder of any server.
  base: "./",
  // The package as other pages get it.
  resolve: { alias: { stillpoint: fileURLToPath(new URL("../../dist/browser/index.js", import.meta.url)) } },
  build: {
    outDir: fileURLToPath(new URL("../../dist-demo", import.meta.url)),
    emptyOutDir: true,
    target: "es2024",
    // A busy machine is no reason for a warning.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { headers, fs: { allow: [fileURLToPath(new URL("../..", import.meta.url))] } },
  preview: { headers },
});
