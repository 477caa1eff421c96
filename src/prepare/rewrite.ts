/**
 * Rewrites one function body: the tokens of a scan, copied in runs of bytes, with what the passes add between them.
 *
 * Most tokens have no edit and are only stepped over. A run of unchanged bytes is pending from `#from` on and is copied when
 * something has to go after it. Inside a loop that got a new shape, branches that leave it are written anew with their
 * labels moved; such loops are innermost, so this does not nest.
 */

import { ModuleUnsupportedError } from "../errors.ts";
import { CodeReader } from "../wasm/code.ts";
import { LIMITS, type Module } from "../wasm/module.ts";
import { Reader } from "../wasm/reader.ts";
import { Writer } from "../wasm/writer.ts";
import { type Hint, HintWriter, readHints, UNLIKELY } from "./hints.ts";
import type { ImageInfo } from "./image.ts";
import type { Layout } from "./layout.ts";
import { AddedLocals } from "./locals.ts";
import { Marks } from "./marks.ts";
import type { Options } from "./options.ts";
import { type LoopShape, loopShape, writeCounter, writePoll } from "./polls.ts";
import { EDIT_HINT, EDIT_LOOP, EDIT_MARK, EDIT_NAME, EDIT_WAIT, FunctionScan } from "./scan.ts";
import { writeWait } from "./waits.ts";

/**
 * Runs of original bytes in a rewritten body, in its order. Three numbers each: offset in the body, original offset, length. A
 * negative length is that of something written in place of the one instruction at the original offset.
 */
export type Trace = number[];

export class Rewriter {
  readonly hints: HintWriter = new HintWriter();
  readonly #loops: Record<LoopShape["kind"], number> = { polled: 0, unrolled: 0, counted: 0 };
  #entryPolls = 0;
  readonly #module: Module;
  readonly #layout: Layout;
  readonly #options: Options;
  readonly #scan: FunctionScan;
  readonly #locals: AddedLocals = new AddedLocals();
  readonly #marks: Marks | undefined;
  readonly #hinted: ReadonlyMap<number, readonly Hint[]>;
  readonly #wasShared: boolean;
  readonly #code: Writer = new Writer(1 << 16);
  readonly #declarations: Writer = new Writer();
  #likely: Map<number, number> = new Map();
  #trace: Trace | undefined;
  /** Original bytes from here on are yet to be copied. */
  #from = 0;

  constructor(module: Module, layout: Layout, options: Options) {
    this.#module = module;
    this.#layout = layout;
    this.#options = options;
    let bodyBytesMax = 0;
    for (const { start, end } of module.bodies) bodyBytesMax = Math.max(bodyBytesMax, end - start);
    this.#scan = new FunctionScan(module, bodyBytesMax);
    this.#marks = options.track === "marks" ? new Marks(layout, options, this.#locals) : undefined;
    this.#hinted = readHints(module);
    this.#wasShared = module.memories[0]?.shared ?? false;
  }

  get counts(): Omit<ImageInfo["counts"], "functions" | "loops"> {
    return {
      loopsPolled: this.#loops.polled,
      loopsUnrolled: this.#loops.unrolled,
      loopsCounted: this.#loops.counted,
      entryPolls: this.#entryPolls,
      marks: this.#marks?.count ?? 0,
      marksMerged: this.#marks?.merged ?? 0,
    };
  }

  /** Appends the rewritten body, with its size before it. */
  rewrite(functionIndex: number, entryPoll: boolean, out: Writer, trace?: Trace): void {
    const scan = this.#scan;
    const code = this.#code;
    const body = this.#module.bodies[functionIndex - this.#module.functionsImported]!;
    code.clear();
    this.#trace = trace;
    scan.begin(functionIndex);
    this.#locals.begin(scan.locals.length);
    this.#marks?.begin();
    scan.walk(this.#marks);
    this.#findHints(functionIndex);

    this.#from = scan.codeStart;
    if (entryPoll) {
      this.#entryPolls++;
      this.#poll();
    }
    this.#tokens(0, scan.count, 0);
    this.#copyUpTo(body.end);

    const declarations = this.#declarations;
    declarations.clear();
    this.#locals.write(declarations, new Reader(this.#module.bytes, body.start, scan.codeStart), functionIndex);
    this.hints.finish(functionIndex, declarations.length);
    if (trace !== undefined) for (let i = 0; i < trace.length; i += 3) trace[i]! += declarations.length;
    const byteCount = declarations.length + code.length;
    if (byteCount > LIMITS.functionBytes)
      throw new ModuleUnsupportedError(`function ${functionIndex} of so many bytes`, body.start);
    out.u32(byteCount);
    out.copy(declarations.view);
    out.copy(code.view);
  }

  /** Tokens from `first` to before `last`. Where `shift` is not 0 they are the body of a loop: labels that leave it move by as much. */
  #tokens(first: number, last: number, shift: number): void {
    const { edit, at } = this.#scan;
    let depth = 0;
    for (let t = first; t < last; t++) {
      const edits = edit[t]!;
      if (edits & EDIT_HINT) {
        this.#copyUpTo(at[t]!);
        this.hints.add(this.#code.length, this.#likely.get(t)!);
      }
      if (shift !== 0) depth = this.#nested(t, depth, shift);
      if (edits === 0) continue;
      if (edits & EDIT_LOOP) t = this.#loop(t);
      else if (edits & EDIT_WAIT) this.#wait(t);
      else if (edits & EDIT_MARK) {
        this.#copyUpTo(at[t]!);
        this.#marks!.writeBefore(this.#code, t);
      }
      this.#after(t, edit[t]!);
    }
  }

  #after(t: number, edits: number): void {
    if ((edits & (EDIT_NAME | EDIT_MARK)) === 0) return;
    this.#copyUpTo(this.#scan.at[t + 1]!);
    if (edits & EDIT_NAME) this.#marks!.writeName(this.#code, t);
    if (edits & EDIT_MARK) this.#marks!.writeMark(this.#code, this.#scan, t);
  }

  #wait(t: number): void {
    const { op, at, value } = this.#scan;
    this.#copyUpTo(at[t]!);
    const start = this.#code.length;
    writeWait(this.#code, this.#layout, op[t]!, value[t]!, this.#wasShared);
    this.#replaced(t, start);
  }

  #poll(): void {
    this.hints.add(writePoll(this.#code, this.#layout, this.#options), UNLIKELY);
  }

  // ---- loops ----

  /** A polled loop; gives the token with which the caller goes on: the header, or the end of a loop written here. */
  #loop(t: number): number {
    const scan = this.#scan;
    const { at, peer } = scan;
    const shape = loopShape(scan, t);
    this.#loops[shape.kind]++;
    if (shape.kind === "polled") {
      this.#copyUpTo(at[t + 1]!);
      this.#poll();
      return t;
    }
    const code = this.#code;
    const end = peer[t]!;
    const blockType = scan.module.bytes.subarray(at[t]! + 1, at[t + 1]!);
    this.#copyUpTo(at[t]!);
    if (shape.kind === "counted") {
      code.put(0x03);
      code.copy(blockType);
      this.#poll();
      this.hints.add(writeCounter(code, this.#locals.counter, blockType), UNLIKELY);
      this.#body(t, 1);
      code.put(0x0b, 0x0b);
    } else {
      code.put(0x02);
      code.copy(blockType);
      code.put(0x03);
      code.copy(blockType);
      this.#poll();
      for (let i = 0; i < shape.copies; i++) {
        code.put(0x02, 0x40);
        this.#body(t, 2);
        code.put(0x0c, 2, 0x0b);
      }
      code.put(0x0c, 0, 0x0b, 0x0b);
    }
    this.#from = at[end + 1]!;
    return end;
  }

  #body(t: number, shift: number): void {
    const { at, peer } = this.#scan;
    this.#from = at[t + 1]!;
    this.#tokens(t + 1, peer[t]!, shift);
    this.#copyUpTo(at[peer[t]!]!);
  }

  /** Follows the nesting inside a loop's body (0 directly in it), and moves the labels of branches that leave the loop. */
  #nested(t: number, depth: number, shift: number): number {
    switch (this.#scan.op[t]!) {
      case 0x02: // block
      case 0x03: // loop
      case 0x04: // if
        return depth + 1;
      case 0x0b: // end
        return depth - 1;
      case 0x09: // rethrow, of what a handler further out has caught
      case 0x0c: // br
      case 0x0d: // br_if
      case 0x0e: // br_table
      case 0xd5: // br_on_null
      case 0xd6: // br_on_non_null
      case 0x118: // br_on_cast
      case 0x119: // br_on_cast_fail
        this.#branch(t, depth, shift);
    }
    return depth;
  }

  #branch(t: number, depth: number, shift: number): void {
    const { at, op } = this.#scan;
    const code = this.#code;
    const reader = new CodeReader(this.#module.bytes, at[t]!, at[t + 1]!);
    const move = (label: number) => code.u32(label > depth ? label + shift : label);
    this.#copyUpTo(at[t]!);
    const start = code.length;
    reader.next();
    if (op[t] === 0x0e) {
      code.put(0x0e);
      code.u32(reader.value);
      const labels = new Reader(reader.bytes, reader.vectorAt, reader.at);
      while (!labels.done) move(labels.u32());
    } else if (op[t]! >= 0x118) {
      code.put(0xfb, op[t]! - 0x100, reader.value);
      move(reader.second);
      const heaps = new Reader(reader.bytes, at[t]!, reader.at);
      heaps.u8();
      heaps.u32();
      heaps.u8();
      heaps.u32();
      code.copy(reader.bytes, heaps.at, reader.at);
    } else {
      code.put(op[t]!);
      move(reader.value);
    }
    this.#replaced(t, start);
  }

  // ---- bytes ----

  #copyUpTo(to: number): void {
    if (to <= this.#from) return;
    this.#trace?.push(this.#code.length, this.#from, to - this.#from);
    this.#code.copy(this.#module.bytes, this.#from, to);
    this.#from = to;
  }

  /** Token `t` has been written in another form, from `start` on. */
  #replaced(t: number, start: number): void {
    const { at } = this.#scan;
    this.#trace?.push(start, at[t]!, start - this.#code.length);
    this.#from = at[t + 1]!;
  }

  #findHints(functionIndex: number): void {
    const hints = this.#hinted.get(functionIndex);
    if (hints === undefined) return;
    this.#likely = new Map();
    const { at, count, edit } = this.#scan;
    let t = 0;
    for (const hint of hints) {
      while (t < count && at[t]! < hint.at) t++;
      if (t === count || at[t] !== hint.at) continue;
      edit[t]! |= EDIT_HINT;
      this.#likely.set(t, hint.likely);
    }
  }
}
