/**
 * Rewrites one function body: the tokens of a scan, copied in runs of bytes, with what the passes add between them.
 *
 * Most tokens have no edit and are only stepped over. A run of unchanged bytes is pending from `#from` on and is copied when
 * something has to go after it. Inside a loop that got a new shape, branches that leave it are written anew with their
 * labels moved; such loops are innermost, so this does not nest.
 *
 * What the passes know of a function is garbage when the next one begins, and there are many functions, so it has to be such that a
 * collector of young objects frees it. Maps are made anew, not cleared: the table of a cleared map refers to the one that takes
 * its place, so of a chain of them that begins in the old generation nothing goes away. And what there are many of at a time is
 * numbers or instances of a class, not literals: an engine that sees what a literal makes stay in one large function puts all
 * that it makes into the old generation from then on.
 */

import { ModuleUnsupportedError } from "../errors.ts";
import type { CodeReader } from "../wasm/code.ts";
import { bodyOf, LIMITS, type Module } from "../wasm/module.ts";
import { closes, hasLabels, opens } from "../wasm/opcodes.ts";
import { Reader } from "../wasm/reader.ts";
import type { ValueType } from "../wasm/types.ts";
import { Writer } from "../wasm/writer.ts";
import { Capture, ENTRY, isTailCall, type LabelAt, type Site } from "./capture.ts";
import type { CapturePlan } from "./capture-plan.ts";
import { Exceptions } from "./exceptions.ts";
import { type Hint, HintWriter, readHints, UNLIKELY } from "./hints.ts";
import type { ImageInfo } from "./image.ts";
import { Labels } from "./labels.ts";
import type { Layout } from "./layout.ts";
import { AddedLocals } from "./locals.ts";
import { Marks } from "./marks.ts";
import type { Options } from "./options.ts";
import { writePin } from "./pins.ts";
import { type LoopShape, loopShape, openPoll, writeCounter } from "./polls.ts";
import type { Savers } from "./savers.ts";
import {
  EDIT_HINT,
  EDIT_HOLD,
  EDIT_KEEP,
  EDIT_LOOP,
  EDIT_MARK,
  EDIT_NAME,
  EDIT_PIN,
  EDIT_SITE,
  EDIT_WAIT,
  FunctionScan,
} from "./scan.ts";
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
  readonly #captured: Rewriter["captured"] = { sites: 0, functionsMaySuspend: 0, functionsRefused: [] };
  protected readonly module: Module;
  protected readonly layout: Layout;
  readonly #options: Options;
  protected readonly scan: FunctionScan;
  protected readonly locals: AddedLocals = new AddedLocals();
  /** Only with capture. */
  protected readonly capture: Capture | undefined;
  readonly #marks: Marks | undefined;
  readonly #hinted: ReadonlyMap<number, readonly Hint[]>;
  readonly #wasShared: boolean;
  protected readonly code: Writer = new Writer(1 << 16);
  protected readonly labels: Labels = new Labels();
  readonly #declarations: Writer = new Writer();
  #likely: Map<number, number> = new Map();
  #trace: Trace | undefined;
  /** Original bytes from here on are yet to be copied. */
  protected from: number = 0;

  constructor(module: Module, layout: Layout, options: Options, plan?: CapturePlan, savers?: Savers) {
    this.module = module;
    this.layout = layout;
    this.#options = options;
    let bodyBytesMax = 0;
    for (const { start, end } of module.bodies) bodyBytesMax = Math.max(bodyBytesMax, end - start);
    this.scan = new FunctionScan(module, bodyBytesMax);
    if (plan !== undefined && savers !== undefined) {
      const callee = (functionIndex: number) => this.callee(functionIndex);
      const exceptions = plan.exceptions && new Exceptions(module, plan.exceptions, savers, callee);
      this.capture = new Capture(module, layout, plan.suspension, this.locals, savers, exceptions);
    }
    this.#marks = options.track === "marks" ? new Marks(layout, options, this.locals, this.capture) : undefined;
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

  get captured(): {
    sites: number;
    functionsMaySuspend: number;
    functionsRefused: { index: number; reason: string }[];
  } {
    return this.#captured;
  }

  /** Appends the rewritten body, with its size before it; gives that size. */
  rewrite(functionIndex: number, entryPoll: boolean, out: Writer, trace?: Trace): number {
    this.begin(functionIndex, entryPoll, trace);
    this.#countCaptured(functionIndex);
    this.from = this.scan.codeStart;
    if (entryPoll) this.#entryPolls++;
    if (this.capture?.isRefused) this.#pinning(entryPoll);
    else {
      this.capture?.writeEntry(this.code);
      if (entryPoll) this.poll(ENTRY);
      this.tokens(0, this.scan.count);
    }
    this.copyUpTo(bodyOf(this.module, functionIndex).end);
    return this.finish(functionIndex, out);
  }

  /** A function that pins its guest, up to its `end`. What surrounds it moves the labels that lead out of it. */
  #pinning(entryPoll: boolean): void {
    const { scan, code, labels } = this;
    const capture = this.capture!;
    const last = scan.count - 1;
    const around = capture.writeOpening(code);
    if (around > 0) labels.open();
    labels.written += around;
    if (entryPoll) this.poll(ENTRY);
    this.tokens(0, last);
    this.copyUpTo(scan.at[last]!);
    capture.writeClosing(code);
    labels.written -= around;
    if (around > 0) labels.close();
  }

  /** Walks a function, so that all passes know what they will do. */
  protected begin(functionIndex: number, entryPoll: boolean, trace?: Trace, wanted?: (id: number) => boolean): void {
    const { scan, capture } = this;
    this.code.clear();
    this.#trace = trace;
    scan.begin(functionIndex);
    this.locals.begin(scan.locals.length);
    this.#marks?.begin();
    capture?.begin(functionIndex, entryPoll, wanted);
    scan.walk(this.#marks, capture);
    capture?.finish(scan);
    this.#findHints(functionIndex);
  }

  /** Appends what has been written, gives its size. `parameters` are locals that were parameters in the original. */
  protected finish(functionIndex: number, out: Writer, parameters: readonly ValueType[] = []): number {
    const body = bodyOf(this.module, functionIndex);
    const declarations = this.#declarations;
    declarations.clear();
    const original = new Reader(this.module.bytes, body.start, this.scan.codeStart);
    this.locals.write(declarations, original, functionIndex, parameters);
    this.hints.finish(functionIndex, declarations.length);
    const trace = this.#trace;
    if (trace !== undefined) for (let i = 0; i < trace.length; i += 3) trace[i]! += declarations.length;
    const byteCount = declarations.length + this.code.length;
    if (byteCount > LIMITS.functionBytes)
      throw new ModuleUnsupportedError("a function of so many bytes", body.start, {
        function: `func[${functionIndex}]`,
      });
    out.u32(byteCount);
    out.copy(declarations.view);
    out.copy(this.code.view);
    return byteCount;
  }

  #countCaptured(index: number): void {
    const { capture } = this;
    if (capture === undefined || capture.sites.length === 0) return;
    this.#captured.functionsMaySuspend++;
    if (capture.refused === undefined) this.#captured.sites += capture.sites.length;
    else this.#captured.functionsRefused.push({ index, reason: capture.refused });
  }

  /** Tokens from `first` to before `last`. Where labels are followed, branches are written anew. */
  protected tokens(first: number, last: number): void {
    const { edit, at } = this.scan;
    for (let t = first; t < last; t++) {
      const edits = edit[t]!;
      if (edits & EDIT_HINT) {
        this.copyUpTo(at[t]!);
        this.hints.add(this.code.length, this.#likely.get(t)!);
      }
      if (edits & EDIT_MARK) {
        // Before the token, in whatever form it is written.
        this.copyUpTo(at[t]!);
        this.#marks!.writeBefore(this.code, t);
      }
      if (edits & EDIT_PIN) {
        this.copyUpTo(at[t]!);
        writePin(this.code);
      }
      if (this.labels.count > 0) {
        this.nested(t);
        if (edits !== 0) t = this.#edited(t, edits);
        t = this.beyond(t);
      } else if (edits !== 0) t = this.#edited(t, edits);
    }
  }

  /** Writes a token with an edit; gives the token with which to go on. */
  #edited(t: number, edits: number): number {
    const { edit } = this.scan;
    if (edits & EDIT_SITE) this.#beforeSite(t);
    if (edits & EDIT_LOOP) t = this.loop(t);
    else if (edits & EDIT_WAIT) this.wait(t);
    this.after(t, edit[t]!);
    return t;
  }

  protected after(t: number, edits: number): void {
    if ((edits & (EDIT_NAME | EDIT_MARK | EDIT_SITE | EDIT_KEEP | EDIT_HOLD)) === 0) return;
    const { code, capture, scan } = this;
    this.copyUpTo(scan.at[t + 1]!);
    if (edits & EDIT_SITE) this.#afterSite(t);
    if (edits & EDIT_KEEP && capture?.isRefused === false) {
      // A loop that is polled has its names before the poll.
      if ((edits & EDIT_LOOP) === 0) capture.writeNames(code, scan, t);
    } else if (edits & EDIT_NAME) this.#marks!.writeName(code, t);
    if (edits & EDIT_MARK) this.#marks!.writeMark(code, scan, t);
    if (edits & EDIT_HOLD) capture!.writeHold(code, scan, t);
  }

  /** For those who pass over code that cannot be reached: the token with which to go on after `t`. */
  protected beyond(t: number): number {
    return t;
  }

  // ---- sites ----

  #beforeSite(t: number): void {
    const { capture, code, scan } = this;
    const tail = isTailCall(scan.op[t]!);
    if (!tail && !capture!.isRefused) return;
    this.copyUpTo(scan.at[t]!);
    if (capture!.isRefused) capture!.writePin(code, false);
    if (!tail) return;
    // It may have to be issued again, or must not be left, so its frame stays.
    const start = code.length;
    this.writeCall(t);
    if (capture!.isRefused) capture!.writePin(code, true);
    else this.check(capture!.siteAt(t)!);
    code.put(0x0f);
    this.replaced(t, start);
  }

  #afterSite(t: number): void {
    const { capture, code, scan } = this;
    if (isTailCall(scan.op[t]!)) return;
    if (capture!.isRefused) capture!.writePin(code, true);
    else this.check(capture!.siteAt(t)!);
  }

  /** Where it may have been left. `more` constructs have been opened around the site that are not followed. */
  protected check(site: Site, more: number = 0): void {
    const label: LabelAt = (depth) => this.labels.move(depth) + more;
    this.capture!.writeCheck(this.code, this.scan, this.hints, { site, label });
  }

  /** A call, or for a tail call the call that it would be. */
  protected writeCall(t: number): void {
    const { at, op, value } = this.scan;
    const code = this.code;
    if (op[t] === 0x10 || op[t] === 0x12) {
      code.put(0x10);
      code.u32(this.callee(value[t]!));
      return;
    }
    code.put(op[t] === 0x13 || op[t] === 0x11 ? 0x11 : 0x14);
    code.copy(this.module.bytes, at[t]! + 1, at[t + 1]!);
  }

  /** Under which index a function is called here. */
  protected callee(functionIndex: number): number {
    return functionIndex;
  }

  protected wait(t: number): void {
    const { op, at, value } = this.scan;
    this.copyUpTo(at[t]!);
    const start = this.code.length;
    writeWait(this.code, this.layout, op[t]!, value[t]!, this.#wasShared);
    this.replaced(t, start);
  }

  /** A poll, and in its cold arm the site that it is. `more` is as for check(). */
  protected poll(token: number, more: number = 0): void {
    const { code, capture } = this;
    this.hints.add(openPoll(code, this.#options), UNLIKELY);
    if (capture?.isRefused) capture.writePin(code, false);
    code.put(0x10);
    code.u32(this.layout.poll);
    const site = capture?.siteAt(token);
    if (site !== undefined) this.check(site, more + 1);
    if (capture?.isRefused) capture.writePin(code, true);
    code.put(0x0b);
  }

  // ---- loops ----

  /** A polled loop; gives the token with which the caller goes on: the header, or the end of a loop written here. */
  protected loop(t: number): number {
    const scan = this.scan;
    const { at, peer } = scan;
    const shape = loopShape(scan, t);
    this.#loops[shape.kind]++;
    if (shape.kind === "polled") {
      this.copyUpTo(at[t + 1]!);
      if (scan.edit[t]! & EDIT_KEEP && this.capture?.isRefused === false) this.capture.writeNames(this.code, scan, t);
      this.poll(t);
      return t;
    }
    const code = this.code;
    const end = peer[t]!;
    const blockType = scan.module.bytes.subarray(at[t]! + 1, at[t + 1]!);
    this.copyUpTo(at[t]!);
    if (shape.kind === "counted") {
      code.put(0x03);
      code.copy(blockType);
      this.poll(t);
      this.hints.add(writeCounter(code, this.locals.counter, blockType), UNLIKELY);
      this.body(t, 2);
      code.put(0x0b, 0x0b);
    } else {
      code.put(0x02);
      code.copy(blockType);
      code.put(0x03);
      code.copy(blockType);
      this.poll(t, 1);
      for (let i = 0; i < shape.copies; i++) {
        code.put(0x02, 0x40);
        this.body(t, 3);
        code.put(0x0c, 2, 0x0b);
      }
      code.put(0x0c, 0, 0x0b, 0x0b);
    }
    this.from = at[end + 1]!;
    if (this.labels.count > 0) this.labels.close();
    return end;
  }

  /** The body of a loop that has become `width` constructs. */
  protected body(t: number, width: number): void {
    const { at, peer } = this.scan;
    const followed = this.labels.count > 0;
    if (followed) this.labels.close();
    this.labels.open(width);
    this.from = at[t + 1]!;
    this.tokens(t + 1, peer[t]!);
    this.copyUpTo(at[peer[t]!]!);
    this.labels.close();
    if (followed) this.labels.open();
  }

  /** Follows the nesting, and moves the labels of branches. */
  protected nested(t: number): void {
    const op = this.scan.op[t]!;
    // Labels of `delegate` and of `try_table` count from outside of the construct.
    if (closes(op)) this.labels.close();
    if (hasLabels(op)) this.#branch(t);
    if (opens(op)) this.labels.open();
  }

  /** Bytes of an instruction from `from` on, with its labels moved. */
  protected writeLabels(reader: CodeReader, from: number): void {
    const { code } = this;
    for (const { label, at, end } of reader.labels()) {
      code.copy(reader.bytes, from, at);
      code.u32(this.labels.move(label));
      from = end;
    }
    code.copy(reader.bytes, from, reader.at);
  }

  #branch(t: number): void {
    const reader = this.scan.reread(t);
    this.copyUpTo(reader.start);
    const start = this.code.length;
    this.writeLabels(reader, reader.start);
    this.replaced(t, start);
  }

  // ---- bytes ----

  protected copyUpTo(to: number): void {
    if (to <= this.from) return;
    this.#trace?.push(this.code.length, this.from, to - this.from);
    this.code.copy(this.module.bytes, this.from, to);
    this.from = to;
  }

  /** Token `t` has been written in another form, from `start` on. */
  protected replaced(t: number, start: number): void {
    const { at } = this.scan;
    this.#trace?.push(start, at[t]!, start - this.code.length);
    this.from = at[t + 1]!;
  }

  #findHints(functionIndex: number): void {
    const hints = this.#hinted.get(functionIndex);
    if (hints === undefined) return;
    this.#likely = new Map();
    const { at, count, edit } = this.scan;
    let t = 0;
    for (const hint of hints) {
      while (t < count && at[t]! < hint.at) t++;
      if (t === count || at[t] !== hint.at) continue;
      edit[t]! |= EDIT_HINT;
      this.#likely.set(t, hint.likely);
    }
  }
}
