/**
 * Which locals of a function are still needed where a guest may be captured.
 *
 * The classic backward analysis, on structured control: the text is walked from its end, `live` being the locals whose values
 * may be read from here on. A branch takes what is live at its label: after the block, or at the header of a loop. That is not
 * known yet when a loop is met at its end, so what is known of headers is kept and the walk repeated until no header grows;
 * one more walk than loops are nested, mostly two or three. Whatever may throw also needs what the handlers around it read.
 *
 * Sets are bits in words. Dead code is walked like any other and may keep a local alive for nothing; that does no harm.
 */

import type { FunctionScan } from "./scan.ts";

/** A set for each site may take so many words; a function that would need more is no program. */
const WORDS_MAX = 1 << 24;

export class Liveness {
  readonly #scan: FunctionScan;
  readonly #words: number;
  #live: Uint32Array;
  /** What is known of each loop's header, by the number of the loop in the text. */
  #headers: Uint32Array;
  readonly #headerOf: Map<number, number> = new Map();
  /** By control depth: at the label; where an `if` goes that is not taken; in all handlers around. */
  #labels: Uint32Array;
  #others: Uint32Array;
  #handlers: Uint32Array;
  #depth = 0;
  #changed = false;
  readonly #sites: readonly number[];
  readonly #atSites: Uint32Array;

  /** `sites` are tokens in the order of the text; -1 for the function's entry. Gives undefined for what is out of proportion. */
  static of(scan: FunctionScan, sites: readonly number[]): Liveness | undefined {
    const words = (scan.locals.length + 31) >>> 5;
    return words * sites.length > WORDS_MAX ? undefined : new Liveness(scan, words, sites);
  }

  private constructor(scan: FunctionScan, words: number, sites: readonly number[]) {
    this.#scan = scan;
    this.#words = words;
    this.#sites = sites;
    this.#live = new Uint32Array(words);
    this.#labels = new Uint32Array(16 * words);
    this.#others = new Uint32Array(16 * words);
    this.#handlers = new Uint32Array(16 * words);
    this.#atSites = new Uint32Array(words * sites.length);
    for (let t = 0; t < scan.count; t++) if (scan.op[t] === 0x03) this.#headerOf.set(t, this.#headerOf.size);
    this.#headers = new Uint32Array(words * this.#headerOf.size);
    do {
      this.#changed = false;
      this.#walk();
    } while (this.#changed);
  }

  /** Locals that are live at a site, given by its place in the list. */
  at(site: number): number[] {
    const locals: number[] = [];
    for (let w = 0; w < this.#words; w++) {
      for (let bits = this.#atSites[site * this.#words + w]!; bits !== 0; bits &= bits - 1) {
        locals.push(32 * w + 31 - Math.clz32(bits & -bits));
      }
    }
    return locals;
  }

  #walk(): void {
    const { op, value, peer, count } = this.#scan;
    const sites = this.#sites;
    let next = sites.length - 1;
    this.#depth = 0;
    this.#live.fill(0);
    this.#open(-1);
    for (let t = count - 2; t >= 0; t--) {
      const code = op[t]!;
      if (sites[next] === t && code !== 0x03) this.#record(next--);
      switch (code) {
        case 0x20: // local.get
          this.#live[value[t]! >>> 5]! |= 1 << (value[t]! & 31);
          break;
        case 0x21: // local.set
        case 0x22: // local.tee
          this.#live[value[t]! >>> 5]! &= ~(1 << (value[t]! & 31));
          break;
        case 0x0b: // end
        case 0x18: // delegate
          this.#open(peer[t]!);
          break;
        case 0x03: // loop
          if (sites[next] === t) this.#record(next--);
          this.#closeLoop(t);
          break;
        case 0x04: // if
          this.#add(this.#live, 0, this.#others, this.#depth - 1);
          this.#depth--;
          break;
        case 0x02: // block
        case 0x06: // try
        case 0x1f: // try_table
          this.#depth--;
          break;
        case 0x05: // else
          this.#copy(this.#others, this.#depth - 1, this.#live, 0);
          this.#copy(this.#live, 0, this.#labels, this.#depth - 1);
          break;
        case 0x07: // catch
        case 0x19: // catch_all
          this.#add(this.#handlers, this.#depth - 1, this.#live, 0);
          this.#copy(this.#live, 0, this.#labels, this.#depth - 1);
          break;
        case 0x0c: // br
          this.#live.fill(0);
          this.#branch(value[t]!);
          break;
        case 0x0d: // br_if
        case 0xd5: // br_on_null
        case 0xd6: // br_on_non_null
          this.#branch(value[t]!);
          break;
        case 0x0e: // br_table
          this.#live.fill(0);
          this.#branches(t);
          break;
        case 0x118: // br_on_cast
        case 0x119: // br_on_cast_fail
          this.#branches(t);
          break;
        case 0x00: // unreachable
        case 0x0f: // return
        case 0x12: // return_call
        case 0x13: // return_call_indirect
        case 0x15: // return_call_ref
          this.#live.fill(0);
          break;
        case 0x08: // throw
        case 0x09: // rethrow
        case 0x0a: // throw_ref
          this.#copy(this.#live, 0, this.#handlers, this.#depth - 1);
          break;
        case 0x10: // call
        case 0x11: // call_indirect
        case 0x14: // call_ref
          this.#add(this.#live, 0, this.#handlers, this.#depth - 1);
          break;
      }
    }
    if (sites[next] === -1) this.#record(next);
  }

  /** What follows a site may still throw where the site is a call, into the handlers around it. */
  #record(site: number): void {
    this.#copy(this.#atSites, site, this.#live, 0);
    this.#add(this.#atSites, site, this.#handlers, this.#depth - 1);
  }

  /** Enters a construct, by its end; -1 for the function itself. */
  #open(opener: number): void {
    const d = this.#depth++;
    if (this.#depth * this.#words > this.#labels.length) {
      this.#labels = doubled(this.#labels);
      this.#others = doubled(this.#others);
      this.#handlers = doubled(this.#handlers);
    }
    if (d === 0) this.#handlers.fill(0, 0, this.#words);
    else this.#copy(this.#handlers, d, this.#handlers, d - 1);
    const code = opener < 0 ? 0x02 : this.#scan.op[opener]!;
    if (code === 0x03) this.#copy(this.#labels, d, this.#headers, this.#headerOf.get(opener)!);
    else this.#copy(this.#labels, d, this.#live, 0);
    this.#copy(this.#others, d, this.#live, 0);
    if (code === 0x1f) this.#catches(opener);
  }

  #closeLoop(t: number): void {
    const header = this.#headerOf.get(t)!;
    const headers = this.#headers;
    for (let w = 0; w < this.#words; w++) {
      const grown = headers[header * this.#words + w]! | this.#live[w]!;
      if (grown === (headers[header * this.#words + w]! | 0)) continue;
      headers[header * this.#words + w] = grown;
      this.#changed = true;
    }
    this.#depth--;
  }

  #catches(opener: number): void {
    // Labels count from outside of it.
    for (const { label } of this.#scan.reread(opener).labels())
      this.#add(this.#handlers, this.#depth - 1, this.#labels, this.#depth - 2 - label);
  }

  #branch(label: number): void {
    if (label < this.#depth) this.#add(this.#live, 0, this.#labels, this.#depth - 1 - label);
  }

  #branches(t: number): void {
    for (const { label } of this.#scan.reread(t).labels()) this.#branch(label);
  }

  #copy(to: Uint32Array, toSet: number, from: Uint32Array, fromSet: number): void {
    const words = this.#words;
    for (let w = 0; w < words; w++) to[toSet * words + w] = from[fromSet * words + w]!;
  }

  #add(to: Uint32Array, toSet: number, from: Uint32Array, fromSet: number): void {
    const words = this.#words;
    for (let w = 0; w < words; w++) to[toSet * words + w]! |= from[fromSet * words + w]!;
  }
}

function doubled(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}
