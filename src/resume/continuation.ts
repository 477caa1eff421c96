/**
 * Continuations: the body of a function with everything before one site cut away.
 *
 * A continuation takes its frame off the ledger, puts the locals back, and opens the constructs that surround the site, without
 * what stands in them before it. At the site it calls the continuation of the frame inside, or issues a host's call again, or
 * polls. From there on it is the original, rewritten as in the image:
 *
 *   cont(block { pre; P; post })     =  block { cont(P); post }
 *   cont(if … then { pre; P; post }) =  block { cont(P); post }                    the other arm is left out
 *   cont(loop L { pre; P; post })    =  block $done { block $again { cont(P); post; br $done }   ;; br L here means br $again
 *                                       loop L { pre; P; post } }                                ;; the whole loop, unchanged
 *   cont(try { pre; P; post } …)     =  try { cont(P); post } …
 *
 * The body of a catch becomes a block, or where its exception is needed the body of one that has just caught it.
 *
 * Operands that lay on the stack at the site are put there again from their names, level by level, and parameters of constructs
 * with them. Loops come out twice where something branches back to them. So what cannot be reached is left out, and a larger
 * loop is not written at all: the continuation of the poll at its header is that loop, and is gone to, by a tail call, with a
 * frame as if the guest had been captured there. All continuations inside a loop share that one, which also means that it is
 * the one that engines find worth optimising.
 *
 * Sites, names and what is saved are those of the image, because the same passes write them; so a continuation can be captured
 * like the function itself.
 */

import { ENTRY, isTailCall, POLL, resultsAt, type Site } from "../prepare/capture.ts";
import type { CapturePlan } from "../prepare/capture-plan.ts";
import { SAVED_BYTES, writeFrameAccess, writeFramesTop } from "../prepare/frames.ts";
import type { Layout } from "../prepare/layout.ts";
import type { Options } from "../prepare/options.ts";
import { Rewriter } from "../prepare/rewrite.ts";
import { type Savers, writePop } from "../prepare/savers.ts";
import { EDIT_KEEP, EDIT_LOOP, EDIT_SITE, EDIT_WAIT, type Frame } from "../prepare/scan.ts";
import { segmentUse } from "../prepare/survey.ts";
import { AGAIN, SAVES } from "../prepare/suspension.ts";
import { functionType, type Module } from "../wasm/module.ts";
import { closes, opens, SIGNATURES } from "../wasm/opcodes.ts";
import { type FunctionType, I32, type ValueType, writeValueType } from "../wasm/types.ts";
import type { Writer } from "../wasm/writer.ts";
import type { SiteRef } from "./site.ts";

/** Where things are in the module that the continuation will be in. */
export interface Relocation {
  callee(functionIndex: number): number;
  global(index: number): number;
  /** A function is referred to by ref.func. */
  refer(functionIndex: number): number;
  type(type: FunctionType): number;
  /** The continuation of another site, if it has been made before; undefined if it is to be written as well. */
  continuation(site: SiteRef): number | undefined;
  /** The table of continuations. */
  readonly continuations: number;
}

/** What ends a construct or its present part: else, catch, end, delegate, catch_all. */
const isClosing = (op: number): boolean => closes(op) || op === 0x05 || op === 0x07 || op === 0x19;

/** A call of a continuation that is in the same module: where its index belongs, which is known once everything is written. */
export interface LocalCall {
  readonly at: number;
  readonly site: number;
}

/** Bytes of such an index: any number fits. */
export const LOCAL_INDEX_BYTES = 5;

/** Of an open construct: whether its end is reached from a part of it that has been written. */
interface Reach {
  reached: boolean;
}

export class ContinuationWriter extends Rewriter {
  readonly #plan: CapturePlan;
  readonly #relocation: Relocation;
  readonly #sharedLoopBytesMin: number;
  readonly #reach: Reach[] = [];
  /** What is being written cannot be reached. */
  #dead = false;
  /** The `end` just written cannot be reached, nor what follows it. */
  #deadEnd = false;
  /** The local with the place of the frame that was taken. */
  #frame = 0;
  /** In the body that is being written, and in all of them. */
  #localCalls: LocalCall[] = [];
  readonly localCalls: (LocalCall & { readonly functionIndex: number })[] = [];
  /** Sites of the present function to write, in their order: those asked for and the loops that they go to. */
  #order: Site[] = [];

  constructor(
    module: Module,
    layout: Layout,
    options: Options,
    plan: CapturePlan,
    savers: Savers,
    relocation: Relocation,
    sharedLoopBytesMin: number,
  ) {
    super(module, layout, options, plan, savers);
    this.#plan = plan;
    this.#relocation = relocation;
    this.#sharedLoopBytesMin = sharedLoopBytesMin;
  }

  /**
   * Appends a body for each wanted site of one function, for `max` of them at most, and then for each loop that they go to and
   * that has no continuation yet. Gives the ids of all of them, in their order.
   */
  continuations(
    functionIndex: number,
    { wanted, max = Number.POSITIVE_INFINITY }: { wanted: (id: number) => boolean; max?: number },
    out: Writer,
  ): number[] {
    const entryPoll = this.#plan.entryPolls[functionIndex - this.module.functionsImported] === 1;
    this.begin(functionIndex, entryPoll, undefined, wanted);
    const { refused, sites } = this.capture!;
    this.#frame = this.locals.add(I32);
    const { params } = functionType(this.module, functionIndex);
    this.#order = refused === undefined ? sites.filter(({ id }) => wanted(id)).slice(0, max) : [];
    // It grows on the way.
    for (const site of this.#order) {
      this.code.clear();
      this.#localCalls = [];
      this.#write(site);
      this.finish(functionIndex, out, params);
      const start = out.length - this.code.length;
      for (const { at, site } of this.#localCalls) this.localCalls.push({ at: start + at, site, functionIndex });
    }
    return this.#order.map(({ id }) => id);
  }

  #write(site: Site): void {
    const { code, scan, capture } = this;
    this.#dead = false;
    this.#deadEnd = false;
    writePop(code, this.#frame, site.bytes);
    let offset = 0;
    for (const [i, type] of site.savedTypes.entries()) {
      code.put(0x20);
      code.u32(this.#frame);
      writeFrameAccess(code, type, "load", offset);
      offset += SAVED_BYTES.get(type)!;
      code.put(0x21);
      code.u32(site.savedLocals[i]!);
    }
    capture!.writeHeldLocals(code, site);
    this.labels.open();
    const tail = site.token !== ENTRY && isTailCall(scan.op[site.token]!);
    const frames = tail ? [] : site.frames!.filter(({ opener }) => opener !== site.token);
    let height = 0;
    for (const [depth, frame] of frames.entries()) {
      // Nobody asked for what surrounds such a loop, but it is known.
      if (this.#isSharedLoop(frame.opener)) this.capture!.siteAt(frame.opener)!.frames ??= frames.slice(0, depth + 1);
      this.#reload(site, height, frame.height);
      height = frame.height;
      this.#openFrame(frame, site);
    }
    if (site.held.length + site.heldLocals.length > 0) {
      // Exceptions lay between this frame and the next.
      writeFramesTop(code);
      code.put(0x21);
      code.u32(this.#frame);
    }
    let next: number;
    if (site.outcome === POLL) {
      this.#reload(site, height, site.operands.length);
      next = this.#poll(site);
    } else {
      if (!tail) this.#reload(site, height, site.pending);
      next = this.#call(site);
    }
    for (const frame of frames.toReversed()) next = this.#closeFrame(frame, next);
    const last = scan.count - 1;
    if (!this.#dead) {
      this.tokens(next, last);
      this.copyUpTo(scan.at[last]!);
    }
    code.put(0x0b);
    this.labels.close();
  }

  #reload({ operands }: Site, from: number, to: number): void {
    for (let height = from; height < to; height++) {
      this.code.put(0x20);
      this.code.u32(this.locals.nameAt(height, operands[height]!));
    }
  }

  // ---- at the site; these give the token with which to go on ----

  /** A poll polls once more, so that a freeze in the meantime is seen at once. */
  #poll({ token }: Site): number {
    const { scan } = this;
    if (token === ENTRY) {
      this.from = scan.codeStart;
      this.poll(ENTRY);
      return 0;
    }
    const next = scan.peer[token]! + 1;
    this.from = scan.at[token]!;
    this.tokens(token, next);
    this.copyUpTo(scan.at[next]!);
    return next;
  }

  #call(site: Site): number {
    const { code, scan } = this;
    const { token, outcome, pending, operands } = site;
    const wait = (scan.edit[token]! & EDIT_WAIT) !== 0;
    const results = resultsAt(this.module, scan, token);
    const either = outcome === (SAVES | AGAIN);
    if (either) {
      // Without a frame inside it was the host's function that was left.
      code.put(0x20);
      code.u32(this.#frame);
      code.put(0x45, 0x04); // i32.eqz, if
      this.#blockType([], results);
    }
    if (outcome & AGAIN) {
      this.#reload(site, pending, operands.length);
      this.from = scan.at[token]!;
      if (wait) this.wait(token);
      else this.writeCall(token);
    }
    if (either) code.put(0x05);
    if (outcome & SAVES) this.#callInner(results);
    if (either) code.put(0x0b);
    this.from = scan.at[token + 1]!;
    if (isTailCall(scan.op[token]!)) {
      this.check(site);
      code.put(0x0f);
      this.#dead = true;
    } else this.after(token, scan.edit[token]!);
    return token + 1;
  }

  /** Calls the continuation of the frame that is now on top: its trailer says where that is. */
  #callInner(results: readonly ValueType[]): void {
    const { code } = this;
    code.put(0x20);
    code.u32(this.#frame);
    writeFrameAccess(code, I32, "load", -4);
    code.put(0x11);
    code.u32(this.#relocation.type({ kind: "function", params: [], results }));
    code.u32(this.#relocation.continuations);
  }

  // ---- the constructs around it ----

  #openFrame({ opener, arm, type }: Frame, { held }: Site): void {
    const { code, scan } = this;
    const op = scan.op[opener]!;
    this.#reach.push({ reached: false });
    if (this.#repeats(opener)) {
      code.put(0x02);
      this.#blockType([], type.results);
      code.put(0x02);
      this.#blockType([], type.params);
      this.labels.open(2);
      return;
    }
    if (held.some((exception) => exception.arm === arm)) {
      this.capture!.writeHandler(code, () => this.#blockType([], type.results));
      this.labels.open();
      return;
    }
    code.put(arm < 0 && (op === 0x06 || op === 0x1f) ? op : 0x02);
    this.#blockType([], type.results);
    if (op === 0x1f) {
      const reader = scan.reread(opener);
      code.u32(reader.second);
      this.writeLabels(reader, reader.labelsAt);
    }
    this.labels.open();
  }

  /** Writes what follows inside of a construct, and its end. Gives the token after it. */
  #closeFrame({ opener, arm, height, type }: Frame, next: number): number {
    const { code, scan, labels } = this;
    const { at, op, peer, edit } = scan;
    const end = peer[opener]!;
    const stop = this.#closing(next);
    if (!this.#dead) {
      this.tokens(next, stop);
      this.copyUpTo(at[stop]!);
    }
    if (op[opener] === 0x06 && arm < 0) {
      // Its handlers, or where it delegates to.
      this.from = at[stop]!;
      this.tokens(stop, end + 1);
      this.copyUpTo(at[end + 1]!);
      this.from = at[end + 1]!;
      return end + 1;
    }
    labels.close();
    this.#reach.pop();
    let dead = this.#dead && !labels.hit;
    if (this.#repeats(opener)) {
      const again = labels.hit;
      if (!this.#dead) code.put(0x0c, 1); // br $done
      code.put(0x0b);
      labels.written++;
      if (again && this.#isSharedLoop(opener)) this.#goToLoop(opener, height, type);
      else if (again) {
        this.#dead = false;
        this.from = at[opener]!;
        this.tokens(opener, end + 1);
        this.copyUpTo(at[end + 1]!);
      } else code.put(0x00);
      labels.written--;
      // What goes to another continuation does not come back here.
      dead = again && this.#isSharedLoop(opener) ? this.#dead : this.#dead && dead;
    }
    code.put(0x0b);
    this.#dead = dead;
    this.from = at[end + 1]!;
    this.after(end, edit[end]! & EDIT_KEEP);
    if (dead) code.put(0x00);
    return end + 1;
  }

  #isSharedLoop(opener: number): boolean {
    const { at, peer } = this.scan;
    return this.#repeats(opener) && at[peer[opener]!]! - at[opener]! >= this.#sharedLoopBytesMin;
  }

  /** Ends in the continuation of a loop's own poll, to which it passes its frame. The loop's parameters are on the stack. */
  #goToLoop(opener: number, height: number, { params }: FunctionType): void {
    const { code, capture } = this;
    for (let i = params.length - 1; i >= 0; i--) {
      code.put(0x21);
      code.u32(this.locals.nameAt(height + i, params[i]!));
    }
    const site = capture!.siteAt(opener)!;
    // Its site is inside of the loop, this is not.
    capture!.writeFrame(code, this.scan, { site, label: (depth) => this.labels.move(depth - 1) });
    code.put(0x12);
    const known = this.#relocation.continuation({ functionIndex: this.scan.functionIndex, site: site.id });
    if (known !== undefined) return code.u32(known);
    if (!this.#order.includes(site)) this.#order.push(site);
    this.#localCalls.push({ at: code.length, site: site.id });
    code.room(LOCAL_INDEX_BYTES);
  }

  #repeats(opener: number): boolean {
    return this.scan.op[opener] === 0x03 && (this.scan.edit[opener]! & EDIT_LOOP) !== 0;
  }

  /** The token that closes the present part of the construct in which `t` is. */
  #closing(t: number): number {
    const { op, peer } = this.scan;
    let closing = t;
    while (!isClosing(op[closing]!)) closing = opens(op[closing]!) ? peer[closing]! + 1 : closing + 1;
    return closing;
  }

  #blockType(params: readonly ValueType[], results: readonly ValueType[]): void {
    if (params.length === 0 && results.length === 0) this.code.put(0x40);
    else if (params.length === 0 && results.length === 1) writeValueType(this.code, results[0]!);
    else this.code.signed(this.#relocation.type({ kind: "function", params, results }));
  }

  // ---- what differs from rewriting in place ----

  protected override nested(t: number): void {
    const { op, value } = this.scan;
    const code = op[t]!;
    super.nested(t);
    if (opens(code)) {
      // An `if` without an `else` may be passed over.
      this.#reach.push({ reached: code === 0x04 && op[this.#armOf(t)] === 0x0b });
      return;
    }
    switch (code) {
      case 0x05: // else
      case 0x07: // catch
      case 0x19: // catch_all
        if (!this.#dead) this.#reach.at(-1)!.reached = true;
        this.#dead = false;
        return;
      case 0x0b: // end
      case 0x18: {
        // delegate
        const { reached } = this.#reach.pop()!;
        const loop = op[this.scan.peer[t]!] === 0x03;
        this.#dead &&= !reached && (loop || !this.labels.hit);
        this.#deadEnd = this.#dead;
        return;
      }
      case 0x10: // call
      case 0x12: // return_call
        if (code === 0x10 || (this.scan.edit[t]! & EDIT_SITE) === 0) this.#move(t, this.callee(value[t]!));
        return;
      case 0x23: // global.get
      case 0x24: // global.set
        this.#move(t, this.#relocation.global(value[t]!));
        return;
      case 0xd2: // ref.func
        this.#move(t, this.#relocation.refer(value[t]!));
        return;
      case 0x208: // memory.init
      case 0x209: // data.drop
      case 0x20c: // table.init
      case 0x20d: // elem.drop
        this.#segmentUse(t);
    }
  }

  /** The `else` or `end` of an `if`. */
  #armOf(t: number): number {
    return this.#closing(t + 1);
  }

  protected override beyond(t: number): number {
    const { op, at } = this.scan;
    if (SIGNATURES[op[t]!] === "!") this.#dead = true;
    else if (!this.#deadEnd) return t;
    this.copyUpTo(at[t + 1]!);
    if (this.#deadEnd) this.code.put(0x00);
    this.#deadEnd = false;
    const closing = this.#closing(t + 1);
    this.from = at[closing]!;
    return closing - 1;
  }

  protected override loop(t: number): number {
    const last = super.loop(t);
    if (last === t) return t;
    this.#reach.pop();
    this.#dead = false;
    return last;
  }

  protected override body(t: number, width: number): void {
    this.#dead = false;
    super.body(t, width);
  }

  protected override callee(functionIndex: number): number {
    return this.#relocation.callee(functionIndex);
  }

  /** The same instruction with another index. */
  #move(t: number, index: number): void {
    const { code, scan } = this;
    this.copyUpTo(scan.at[t]!);
    const start = code.length;
    code.put(scan.op[t]!);
    code.u32(index);
    this.replaced(t, start);
  }

  #segmentUse(t: number): void {
    const { code, scan } = this;
    const use = segmentUse(scan.reread(t));
    this.copyUpTo(scan.at[t]!);
    const start = code.length;
    code.put(0x10);
    code.u32(this.callee(this.#plan.segmentFunction(use)));
    this.replaced(t, start);
  }
}
