/** The page on a live process, as files of the package: `stillpoint serve` serves them. */

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("."),
  base: "./",
  // What is in it is for the demo.
  publicDir: false,
  build: {
    outDir: here("../../dist/dashboard"),
    emptyOutDir: true,
    target: "es2024",
    rolldownOptions: { input: here("dashboard.html"), checks: { pluginTimings: false } },
  },
});
