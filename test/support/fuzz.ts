/**
 * Modules that binaryen makes of random bytes (`wasm-opt --translate-to-fuzz`): every kind of instruction in odd places, though
 * few loops that turn often; test/support/loops.ts has those. The tool's program is evaluated many times over in this process
 * with its wasm compiled once, because a start of its own takes the tool longer than the work.
 */
import * as fs from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import binaryen from "binaryen";
import { V8_FEATURES } from "./assemble.ts";
import type { Random } from "./random.ts";

/** What the tool may use: all that V8 compiles, without what an image may not have. */
const FEATURES = [
  "--all-features",
  "--disable-custom-descriptors",
  "--disable-custom-page-sizes",
  "--disable-fp16",
  "--disable-memory64",
  "--disable-multibyte",
  "--disable-multimemory",
  "--disable-acquire-release-atomics",
  "--disable-compact-imports",
  "--disable-relaxed-atomics",
  "--disable-relaxed-simd",
  "--disable-shared-everything",
  "--disable-stack-switching",
  "--disable-strings",
  "--disable-wide-arithmetic",
];
/** Removes NaN wherever one could arise, since the bits of a NaN may differ from run to run on the same engine. */
/** It mixes both encodings of exceptions, which newer engines refuse in one module, some of the time: only the newer one is left. */
const PASSES = ["--translate-to-fuzz", "--denan", "--translate-to-exnref"];

/** The library takes features here; its declarations have them in a function that it lacks. */
const readBinary = binaryen.readBinary as typeof binaryen.readBinaryWithFeatures;

/** The tool's program as a function of the globals that it may change or that are wanted different for it. */
type Tool = (Module: object, require: (name: string) => unknown, process: object, WebAssembly: object) => void;

function quietWrite(
  descriptor: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number | null,
): number {
  return descriptor === 2 ? length : fs.writeSync(descriptor, buffer, offset, length, position);
}

export class Fuzzer {
  readonly #directory: string = fs.mkdtempSync(join(tmpdir(), "fuzz-"));
  readonly #require: NodeJS.Require = createRequire(import.meta.url);
  /** What the tool warns of goes past its own printErr, straight to the file descriptor. */
  readonly #quiet = (name: string): unknown =>
    /^(node:)?fs$/.test(name) ? { ...fs, writeSync: quietWrite } : this.#require(name);
  readonly #tool: Tool;
  #compiled: Promise<WebAssembly.Module> | undefined;

  constructor() {
    const path = join(this.#require.resolve("binaryen"), "../bin/wasm-opt");
    const source = fs.readFileSync(path, "utf8").replace(/^#!.*/, "");
    const names = ["Module", "require", "process", "WebAssembly", "__filename", "__dirname"];
    this.#tool = new Function(...names, source) as Tool;
  }

  /** A module made of `bytes` random bytes; their number decides its size. It exports its memory as "memory". */
  async make(random: Random, bytes: number, { gc = random.oneIn(2) } = {}): Promise<Uint8Array<ArrayBuffer>> {
    const input = join(this.#directory, "input");
    const output = join(this.#directory, "output.wasm");
    fs.writeFileSync(
      input,
      Uint8Array.from({ length: bytes }, () => random.below(256)),
    );
    // With threads the tool makes shared memories only.
    const threads = random.oneIn(2) ? [] : ["--disable-threads"];
    const collected = gc ? [] : ["--disable-gc"];
    await this.#run([input, ...FEATURES, ...threads, ...collected, ...PASSES, "-o", output]);
    const module = readBinary(fs.readFileSync(output), V8_FEATURES);
    if (module.hasMemory()) module.addMemoryExport("0", "memory");
    const exporting = new Uint8Array(module.emitBinary());
    module.dispose();
    return exporting;
  }

  #run(args: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const ownProcess = Object.create(process, { exitCode: { value: undefined, writable: true } });
      const engine = Object.create(WebAssembly, {
        instantiate: {
          value: async (bytes: BufferSource, imports: WebAssembly.Imports) => {
            this.#compiled ??= WebAssembly.compile(bytes);
            return { instance: await WebAssembly.instantiate(await this.#compiled, imports) };
          },
        },
      });
      const module = {
        arguments: [...args],
        print() {},
        printErr() {},
        postRun() {
          if (ownProcess.exitCode === 0) resolve();
          else reject(new Error(`wasm-opt ended with ${ownProcess.exitCode}`));
        },
      };
      this.#tool(module, this.#quiet, ownProcess, engine);
    });
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }
}
