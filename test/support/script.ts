/**
 * Reader of the script level of WebAssembly test scripts (.wast): which modules to make, what to ask of them, what has to
 * come back. The modules themselves stay text, or bytes where the script gives bytes; test/support/assemble.ts does the rest.
 */
import { type List, type Literal, type Node, readLists } from "./sexpr.ts";
import { type Pattern, readPattern, readValue, type Value } from "./values.ts";

/** A module as its script gives it. `quoted` text may be malformed on purpose. */
export type ModuleSource =
  | { readonly kind: "text"; readonly text: string; readonly quoted: boolean }
  | { readonly kind: "binary"; readonly bytes: Uint8Array<ArrayBuffer> };

export interface Action {
  readonly kind: "invoke" | "get";
  /** The script's name of an instance; the latest one where there is none. */
  readonly instance: string | undefined;
  readonly name: string;
  readonly args: readonly Value[];
}

export type Command = { readonly line: number } & (
  | { readonly kind: "module"; readonly name: string | undefined; readonly source: ModuleSource }
  | { readonly kind: "definition"; readonly source: ModuleSource }
  | { readonly kind: "register"; readonly as: string; readonly instance: string | undefined }
  | { readonly kind: "action"; readonly action: Action }
  | { readonly kind: "return"; readonly action: Action; readonly expected: readonly Pattern[] }
  | { readonly kind: "trap" | "exhaustion" | "exception"; readonly action: Action }
  | { readonly kind: "start trap" | "unlinkable" | "invalid"; readonly source: ModuleSource }
);

function word(node: Node | undefined): string | undefined {
  return node?.kind === "atom" ? node.text : undefined;
}

function join(literals: readonly Node[]): Uint8Array<ArrayBuffer> {
  const parts = literals.map((node) => (node as Literal).bytes);
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function readModule(
  source: string,
  list: List,
): { name: string | undefined; definition: boolean; source: ModuleSource } {
  let at = 1;
  const definition = word(list.items[at]) === "definition";
  if (definition) at++;
  const name = word(list.items[at])?.startsWith("$") ? word(list.items[at++]) : undefined;
  const form = word(list.items[at]);
  const literals = list.items.slice(at + 1);
  if (form === "binary") return { name, definition, source: { kind: "binary", bytes: join(literals) } };
  if (form === "quote") {
    const text = `(module ${new TextDecoder().decode(join(literals))})`;
    return { name, definition, source: { kind: "text", text, quoted: true } };
  }
  const rest = source.slice(list.items[at]?.start ?? list.end - 1, list.end);
  return { name, definition, source: { kind: "text", text: `(module ${rest}`, quoted: false } };
}

function readAction(list: List): Action {
  const [head, ...rest] = list.items;
  const instance = word(rest[0])?.startsWith("$") ? word(rest.shift()) : undefined;
  const name = new TextDecoder().decode((rest.shift() as Literal).bytes);
  return { kind: word(head) as "invoke" | "get", instance, name, args: rest.map((item) => readValue(item as List)) };
}

function readCommand(source: string, list: List, line: number): Command {
  const head = word(list.items[0]);
  const subject = list.items[1];
  const isModule = subject?.kind === "list" && word(subject.items[0]) === "module";
  switch (head) {
    case "module": {
      const { name, definition, source: module } = readModule(source, list);
      return definition ? { kind: "definition", source: module, line } : { kind: "module", name, source: module, line };
    }
    case "register":
      return {
        kind: "register",
        as: new TextDecoder().decode((subject as Literal).bytes),
        instance: word(list.items[2]),
        line,
      };
    case "invoke":
    case "get":
      return { kind: "action", action: readAction(list), line };
    case "assert_return": {
      const expected = list.items.slice(2).map((item) => readPattern(item as List));
      return { kind: "return", action: readAction(subject as List), expected, line };
    }
    case "assert_trap":
      if (isModule) return { kind: "start trap", source: readModule(source, subject).source, line };
      return { kind: "trap", action: readAction(subject as List), line };
    case "assert_exhaustion":
      return { kind: "exhaustion", action: readAction(subject as List), line };
    case "assert_exception":
      return { kind: "exception", action: readAction(subject as List), line };
    case "assert_unlinkable":
      return { kind: "unlinkable", source: readModule(source, subject as List).source, line };
    case "assert_invalid":
    case "assert_malformed":
      return { kind: "invalid", source: readModule(source, subject as List).source, line };
    default:
      throw new Error(`line ${line}: ${head} is no command that these scripts use`);
  }
}

export function readScript(source: string): Command[] {
  let line = 1;
  let counted = 0;
  return readLists(source).map((list) => {
    for (; counted < list.start; counted++) if (source[counted] === "\n") line++;
    return readCommand(source, list, line);
  });
}
