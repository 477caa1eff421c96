// The same command under Node's own WASI, for comparison: node native.ts MODULE DIRECTORY ARGS…

import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [, , path = "", directory = "", ...args] = process.argv;
const wasi = new WASI({ version: "preview1", args, preopens: { "/data": directory }, returnOnExit: true });
const module = new WebAssembly.Module(readFileSync(path));
process.exitCode = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject() as WebAssembly.Imports));
