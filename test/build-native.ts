/**
 * Builds the guests in C and C++, of test/guests/native/, into test/output/. Behind `npm run build:native`.
 *
 *   sqlite.wasm           SQLite as a command            sqlite-reactor.wasm   SQLite as a reactor
 *   cleanup.wasm          destructors under exceptions, in the older encoding of exceptions, which is the one that the compiler has
 *   cleanup-exnref.wasm   the same in the newer one, translated by binaryen
 *
 * It takes Debian's clang-19, lld-19, wasi-libc and libclang-rt-19-dev-wasm32. Where they are missing it says so and builds nothing,
 * and the tests of these guests say the same. What is built from the same sources by the same compiler is not built again.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import binaryen from "binaryen";
import { V8_FEATURES } from "./support/assemble.ts";
import { NATIVE_GUESTS, nativePath } from "./support/native.ts";

const COMPILER = "clang-19";
const TARGET = ["--target=wasm32-wasi", "-O2"];
const LINK = ["-Wl,--strip-debug"];
const SQLITE = [
  "-DSQLITE_THREADSAFE=0",
  "-DSQLITE_OMIT_LOAD_EXTENSION",
  "-D_WASI_EMULATED_GETPID",
  "-D_WASI_EMULATED_MMAN",
];
const SQLITE_LIBRARIES = ["-lwasi-emulated-getpid", "-lwasi-emulated-mman"];
const EXCEPTIONS = ["-fwasm-exceptions", "-fno-threadsafe-statics", "-nostdlib++"];

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const source = (name: string): string => at(`guests/native/${name}`);
const AMALGAMATION = at("../node_modules/better-sqlite3/deps/sqlite3");
const OBJECT = at("output/sqlite3.o");
const STAMP = at("output/native.sha256");

/** Without what packages bring: the compiler would run an optimiser that it finds there, of whatever version. */
const PATH = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .join(delimiter);

function clang(args: readonly string[], input = ""): { failed: boolean; output: string } {
  const { status, error, stdout, stderr } = spawnSync(COMPILER, [...TARGET, ...args], {
    input,
    encoding: "utf8",
    env: { ...process.env, PATH },
  });
  return { failed: status !== 0, output: error === undefined ? stdout + stderr : error.message };
}

function compile(args: readonly string[]): void {
  const { failed, output } = clang(args);
  if (!failed) return;
  console.error(output);
  process.exit(1);
}

/** Of everything that the result follows from. */
function stamp(): string {
  const hash = createHash("sha256");
  for (const file of ["sqlite.c", "cleanup.cpp", "unwind.cpp"]) hash.update(readFileSync(source(file)));
  for (const file of ["sqlite3.c", "sqlite3.h"]) hash.update(readFileSync(`${AMALGAMATION}/${file}`));
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  return hash.update(clang(["--version"]).output).digest("hex");
}

function build(): void {
  mkdirSync(at("output"), { recursive: true });
  compile(["-c", `${AMALGAMATION}/sqlite3.c`, "-o", OBJECT, ...SQLITE]);
  for (const [name, model] of [
    ["sqlite", []],
    ["sqlite-reactor", ["-mexec-model=reactor", "-DREACTOR"]],
  ] as const) {
    const inputs = [source("sqlite.c"), OBJECT, `-I${AMALGAMATION}`];
    compile([...model, ...inputs, "-o", nativePath(name), ...LINK, ...SQLITE_LIBRARIES]);
  }
  rmSync(OBJECT);

  compile([source("cleanup.cpp"), source("unwind.cpp"), "-o", nativePath("cleanup"), ...EXCEPTIONS, ...LINK]);
  const module = binaryen.readBinary(readFileSync(nativePath("cleanup")));
  // With types of GC it would give exceptions types that compilers do not use.
  module.setFeatures(V8_FEATURES & ~binaryen.Features.GC);
  module.runPasses(["translate-to-exnref"]);
  writeFileSync(nativePath("cleanup-exnref"), module.emitBinary());
  module.dispose();
}

// Linked as well as compiled: headers, libraries and the linker come in packages of their own.
const probe = clang(["-x", "c", "-", "-o", "/dev/null"], '#include <stdio.h>\nint main(void) { return puts(""); }');
if (probe.failed) {
  console.log(`# no ${COMPILER} for wasm32-wasi here, so the guests in C and C++ are not built`);
} else {
  const now = stamp();
  const built = existsSync(STAMP) && NATIVE_GUESTS.every((name) => existsSync(nativePath(name)));
  if (!built || readFileSync(STAMP, "utf8") !== now) {
    build();
    writeFileSync(STAMP, now);
  }
}
