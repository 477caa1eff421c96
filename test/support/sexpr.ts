/**
 * S-expressions of the WebAssembly text format, as much as the script level needs: lists, atoms and strings, each with its
 * place in the source. Module bodies are not looked into any further; an assembler gets their text as it stands.
 */

export interface Atom {
  readonly kind: "atom";
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A string literal is a string of bytes, which need not be UTF-8. */
export interface Literal {
  readonly kind: "literal";
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly start: number;
  readonly end: number;
}

export interface List {
  readonly kind: "list";
  readonly items: readonly Node[];
  readonly start: number;
  readonly end: number;
}

export type Node = Atom | Literal | List;

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, "\\": 92, "'": 39, '"': 34 };

/** Reads a whole source into its top-level lists. Throws a plain Error with the offset where it is not well-formed. */
export function readLists(source: string): List[] {
  const encoder = new TextEncoder();
  const open: { items: Node[]; start: number }[] = [{ items: [], start: 0 }];
  let at = 0;

  function literal(): Literal {
    const start = at++;
    const bytes: number[] = [];
    while (source[at] !== '"') {
      if (at >= source.length) throw new Error(`string at ${start} has no end`);
      if (source[at] !== "\\") {
        const character = String.fromCodePoint(source.codePointAt(at)!);
        bytes.push(...encoder.encode(character));
        at += character.length;
        continue;
      }
      const escaped = source[at + 1]!;
      if (escaped in ESCAPES) {
        bytes.push(ESCAPES[escaped]!);
        at += 2;
      } else if (escaped === "u") {
        const close = source.indexOf("}", at);
        bytes.push(...encoder.encode(String.fromCodePoint(Number.parseInt(source.slice(at + 3, close), 16))));
        at = close + 1;
      } else {
        bytes.push(Number.parseInt(source.slice(at + 1, at + 3), 16));
        at += 3;
      }
    }
    return { kind: "literal", bytes: Uint8Array.from(bytes), start, end: ++at };
  }

  function skipBlockComment(): void {
    let depth = 0;
    do {
      if (source.startsWith("(;", at)) depth++;
      else if (source.startsWith(";)", at)) depth--;
      else {
        at++;
        continue;
      }
      at += 2;
    } while (depth > 0 && at < source.length);
  }

  while (at < source.length) {
    const character = source[at]!;
    if (character === ";") at = source.indexOf("\n", at) + 1 || source.length;
    else if (source.startsWith("(;", at)) skipBlockComment();
    else if (character === "(") open.push({ items: [], start: at++ });
    else if (character === ")") {
      const list = open.pop()!;
      const parent = open.at(-1);
      if (parent === undefined) throw new Error(`unmatched ) at ${at}`);
      parent.items.push({ kind: "list", items: list.items, start: list.start, end: ++at });
    } else if (character === '"') open.at(-1)!.items.push(literal());
    else if (/\s/.test(character)) at++;
    else {
      const start = at;
      while (at < source.length && !/[\s()";]/.test(source[at]!)) at++;
      open.at(-1)!.items.push({ kind: "atom", text: source.slice(start, at), start, end: at });
    }
  }
  if (open.length !== 1) throw new Error(`list at ${open.at(-1)!.start} has no end`);
  return open[0]!.items.filter((node) => node.kind === "list");
}
