/**
 * Runs a test script on one side of a comparison (test/support/sides.ts) and writes down what came of each command, in a
 * form that can be compared with the other side's and with what the script expects.
 */
import { StillpointError } from "../../dist/errors.js";
import { assemble } from "./assemble.ts";
import { caller, globalBits } from "./bridge.ts";
import type { Action, Command, ModuleSource } from "./script.ts";
import type { Program, Running, Side } from "./sides.ts";
import { readSignatures, type Signatures } from "./signatures.ts";
import { matches, type Value } from "./values.ts";

export type Outcome =
  | { readonly kind: "made" }
  | { readonly kind: "returned"; readonly values: readonly Value[] }
  | { readonly kind: "trapped"; readonly message: string }
  | { readonly kind: "threw" | "exhausted" | "unlinkable" }
  /** The command could not be carried out, for this reason: no assembler or engine knows the module, or it is refused. */
  | { readonly kind: "left out"; readonly reason: string };

/** Bytes of every module of a script, assembled once for all sides; `undefined` where no assembler reads the text. */
export type Modules = ReadonlyMap<ModuleSource, Uint8Array<ArrayBuffer> | undefined>;

export function assembleModules(commands: readonly Command[]): Modules {
  const sources = commands.flatMap((command) => ("source" in command ? [command.source] : []));
  return new Map(
    sources.map((source) => [source, source.kind === "binary" ? source.bytes : assemble(source.text)] as const),
  );
}

interface Instance {
  readonly running: Running;
  readonly signatures: Signatures;
}

/** The module that every script may import from. */
function spectest(side: Side): WebAssembly.ModuleImports {
  const nothing = (): void => {};
  return {
    print: nothing,
    print_i32: nothing,
    print_i64: nothing,
    print_f32: nothing,
    print_f64: nothing,
    print_i32_f32: nothing,
    print_f64_f64: nothing,
    global_i32: new WebAssembly.Global({ value: "i32" }, 666),
    global_i64: new WebAssembly.Global({ value: "i64" }, 666n),
    global_f32: new WebAssembly.Global({ value: "f32" }, 666.6),
    global_f64: new WebAssembly.Global({ value: "f64" }, 666.6),
    table: new WebAssembly.Table({ initial: 10, maximum: 20, element: "anyfunc" }),
    memory: new WebAssembly.Memory({ initial: 1, maximum: 2, shared: side.shared }),
    shared_memory: new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }),
  };
}

/** Data that does not fit is the engine's to name in one case and a plain access in the other, where the boot function copies it. */
function trapMessage({ message }: Error): string {
  return /data segment \d+ is out of bounds/.test(message) ? "memory access out of bounds" : message;
}

function failure(error: unknown): Outcome {
  if (error instanceof StillpointError) return { kind: "left out", reason: error.message };
  if (error instanceof WebAssembly.CompileError) return { kind: "left out", reason: error.message };
  if (error instanceof WebAssembly.RuntimeError) return { kind: "trapped", message: trapMessage(error) };
  if (error instanceof WebAssembly.Exception) return { kind: "threw" };
  if (error instanceof RangeError && /call stack/.test(error.message)) return { kind: "exhausted" };
  if (error instanceof WebAssembly.LinkError || error instanceof TypeError) return { kind: "unlinkable" };
  throw error;
}

export function runScript(commands: readonly Command[], modules: Modules, side: Side): Outcome[] {
  const host = { poll() {} };
  const imports: WebAssembly.Imports = { spectest: spectest(side) };
  const named = new Map<string, Instance | undefined>();
  let latest: Instance | undefined;

  function load(source: ModuleSource): { program: Program; bytes: Uint8Array<ArrayBuffer> } {
    const bytes = modules.get(source);
    if (bytes === undefined) throw new WebAssembly.CompileError("neither assembler reads it");
    return { program: side.load(bytes), bytes };
  }

  function instantiate(source: ModuleSource): Instance {
    const { program, bytes } = load(source);
    return { running: program.instantiate(imports, host), signatures: readSignatures(bytes) };
  }

  function find(name: string | undefined): Instance {
    const instance = name === undefined ? latest : named.get(name);
    if (instance === undefined) throw new WebAssembly.CompileError("its module was left out");
    return instance;
  }

  function act(action: Action): Outcome {
    const { running, signatures } = find(action.instance);
    const target = running.exports[action.name];
    if (action.kind === "get") {
      return { kind: "returned", values: [globalBits(target, signatures.globals.get(action.name)!)] };
    }
    const type = signatures.functions.get(action.name)!;
    const values = running.invoke?.(target, type, action.args) ?? caller(target, type)(action.args);
    return { kind: "returned", values };
  }

  function carryOut(command: Command): Outcome {
    switch (command.kind) {
      case "module":
        latest = undefined;
        if (command.name !== undefined) named.delete(command.name);
        latest = instantiate(command.source);
        if (command.name !== undefined) named.set(command.name, latest);
        return { kind: "made" };
      case "definition":
        load(command.source);
        return { kind: "made" };
      case "register":
        imports[command.as] = find(command.instance).running.exports as WebAssembly.ModuleImports;
        return { kind: "made" };
      case "action":
      case "return":
      case "trap":
      case "exhaustion":
      case "exception":
        return act(command.action);
      case "start trap":
      case "unlinkable":
        instantiate(command.source);
        return { kind: "made" };
      case "invalid":
        return { kind: "left out", reason: "not for running" };
    }
  }

  return commands.map((command) => {
    try {
      return carryOut(command);
    } catch (error) {
      return failure(error);
    }
  });
}

/** What came of a command, in a line; the same for equal outcomes on both sides and different for different ones. */
export function outcomeText(outcome: Outcome): string {
  switch (outcome.kind) {
    case "returned":
      return `returned ${outcome.values.map(valueText).join(", ")}`;
    case "trapped":
      return `trapped: ${outcome.message}`;
    case "left out":
      return `left out: ${outcome.reason}`;
    default:
      return outcome.kind;
  }
}

/** Functions and host objects have no identity that both sides share; strings stand for host references. */
function valueText(value: Value): string {
  if (typeof value === "bigint") return `0x${value.toString(16)}`;
  return typeof value === "string" || value === null ? String(value) : typeof value;
}

/** Whether an outcome is what the script asks for. */
export function asExpected(command: Command, outcome: Outcome): boolean {
  switch (command.kind) {
    case "return":
      return (
        outcome.kind === "returned" &&
        outcome.values.length === command.expected.length &&
        command.expected.every((pattern, index) => matches(outcome.values[index], pattern))
      );
    case "action":
      return outcome.kind === "returned";
    case "trap":
    case "start trap":
      return outcome.kind === "trapped";
    case "exhaustion":
      return outcome.kind === "exhausted";
    case "exception":
      return outcome.kind === "threw";
    case "unlinkable":
      return outcome.kind === "unlinkable";
    case "invalid":
      return true;
    default:
      return outcome.kind === "made";
  }
}
