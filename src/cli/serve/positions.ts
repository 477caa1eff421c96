/**
 * A JSON file whose values know where they stand, so that whatever is wrong with one can be said with its line and column.
 * Places are named by JSON pointers, as validators do.
 */

import { type DocumentNode, evaluate, parse, type ValueNode } from "@humanwhocodes/momoa";
import { CommandError } from "../exit-status.ts";

export class PositionedJson {
  readonly value: unknown;
  readonly #file: string;
  readonly #document: DocumentNode;

  /** @throws {CommandError} where it stops being JSON */
  constructor(file: string, text: string) {
    this.#file = file;
    try {
      this.#document = parse(text, { mode: "json" });
    } catch (error) {
      const { message, line, column } = error as Error & { line: number; column: number };
      throw new CommandError(`${file}:${line}:${column}: ${message.replace(/ ?\(\d+:\d+\)/, "").replace(/\.$/, "")}`);
    }
    this.value = evaluate(this.#document);
  }

  /** What is wrong at a place; `key` names a member there whose name is the trouble. */
  error(pointer: string, message: string, key?: string): CommandError {
    const { line, column } = this.#find(pointer, key).loc.start;
    return new CommandError(`${this.#file}:${line}:${column}: ${message}`);
  }

  #find(pointer: string, key: string | undefined): { readonly loc: ValueNode["loc"] } {
    let node: ValueNode = this.#document.body;
    for (const part of pointer.split("/").slice(1)) {
      const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (node.type === "Array") node = node.elements[Number(name)]!.value;
      else if (node.type === "Object") node = memberOf(node, name)!.value;
    }
    return (key !== undefined && node.type === "Object" ? memberOf(node, key)?.name : undefined) ?? node;
  }
}

type ObjectNode = Extract<ValueNode, { type: "Object" }>;

function memberOf({ members }: ObjectNode, name: string): ObjectNode["members"][number] | undefined {
  // The last of several counts, as in JSON.parse.
  return members.findLast((member) => (member.name.type === "String" ? member.name.value : member.name.name) === name);
}
