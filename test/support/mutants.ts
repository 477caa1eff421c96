/**
 * The mutants: each is one line, or a few that belong together, made wrong on purpose, and the tests that have to notice.
 * The text must be found exactly once, so the table stays true when the code changes. Left out is what cannot be noticed
 * because the program does the same (a sleep that becomes a busy wait, say), and what would only make a program run for ever.
 */

export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly becomes: string;
  /** Test files below test/, without their ending; one of them has to fail. */
  readonly tests: readonly string[];
}

type Line = readonly [name: string, text: string, becomes: string];

function of(file: string, tests: readonly string[], lines: readonly Line[]): Mutant[] {
  return lines.map(([name, text, becomes]) => ({ name, file, text, becomes, tests }));
}

export const MUTANTS: readonly Mutant[] = [
  ...of(
    "assembly/safepoint.ts",
    ["assembly/safepoint", "assembly/steps", "assembly/torture"],
    [
      ["request: keeps the generation", "+ (1 << STATE_BITS) + state", "+ state"],
      [
        "request: stores FREEZING unseen",
        "if (!swap(run, nextGeneration(run, FREEZING))) continue;",
        "atomic.store<u32>(OFF_RUN, nextGeneration(run, FREEZING));",
      ],
      [
        "request: stores FROZEN unseen",
        "if (!swap(run, nextGeneration(run, FROZEN))) continue;",
        "atomic.store<u32>(OFF_RUN, nextGeneration(run, FROZEN));",
      ],
      ["request: sets no hint", "atomic.store<u32>(OFF_HINT, 1);", ""],
      ["request: forgets what it found", "store<u32>(OFF_FOUND, state);", ""],
      [
        "withdraw: stores RUNNING unseen",
        "if (!swap(run, withState(run, RUNNING))) return stateOf(atomic.load<u32>(OFF_RUN));",
        "atomic.store<u32>(OFF_RUN, withState(run, RUNNING));",
      ],
      [
        "release: wakes nobody",
        "withState(run, load<u32>(OFF_FOUND)));\n  atomic.notify(OFF_RUN, -1);",
        "withState(run, load<u32>(OFF_FOUND)));",
      ],
      [
        "release: leaves the hint",
        "  atomic.store<u32>(OFF_HINT, 0);\n  // Pairs with the loads in park()",
        "  // Pairs with the loads in park()",
      ],
      ["release: leaves the epoch", "atomic.store<u32>(OFF_EPOCH, atomic.load<u32>(OFF_EPOCH) + 1);", ""],
      [
        "handOver: acts in any state",
        "if (stateOf(atomic.load<u32>(OFF_RUN)) != FROZEN) return REFUSED;\n  return atomic.cmpxchg",
        "return atomic.cmpxchg",
      ],
      [
        "bury: a host asked to freeze was doing nothing",
        "if (was == FREEZING) was = RUNNING;",
        "if (was == FREEZING) was = IDLE;",
      ],
      ["bury: looks at FROZEN, not at what it found", "if (was == FROZEN) was = load<u32>(OFF_FOUND);", ""],
      ["park: the grant wakes nobody", "parked = true;\n      atomic.notify(OFF_RUN, -1);", "parked = true;"],
      ["park: does not tell that it woke", "atomic.store<u32>(OFF_WOKEN, over >> STATE_BITS);", ""],
      [
        "move: stores unseen",
        "if (swap(run, withState(run, to))) return YES;",
        "atomic.store<u32>(OFF_RUN, withState(run, to));\n    return YES;",
      ],
      ["move: from any state", "if (stateOf(run) != from) return NO;", ""],
    ],
  ),
  ...of(
    "assembly/safepoint.ts",
    ["assembly/steps"],
    [
      [
        "park: grants for a guest that is with another host",
        "if (atomic.load<u32>(OFF_HOST) != number) return LOST;",
        "",
      ],
    ],
  ),
  ...of(
    "assembly/safepoint.ts",
    ["assembly/safepoint", "assembly/steps"],
    [
      ["recall: keeps the generation", "const again = nextGeneration(run, FROZEN);", "const again = run;"],
      [
        "unrecall: from a host that is on its way",
        "return atomic.cmpxchg<u32>(OFF_WANTED, atomic.load<u32>(OFF_RUN), 0) == LEAVING ? REFUSED : 0;",
        "atomic.store<u32>(OFF_WANTED, 0);\n  return 0;",
      ],
      [
        "taken: the recall stands",
        "export function taken(): void {\n  atomic.store<u32>(OFF_WANTED, 0);",
        "export function taken(): void {",
      ],
      ["taken: the guest waits on", "if (load<u32>(OFF_FOUND) == WAITING) store<u32>(OFF_FOUND, RUNNING);", ""],
      ["takeUp: before the release", "return parkOwned(true, true) == LEAVE ? WANTED : YES;", "return YES;"],
    ],
  ),
  ...of(
    "assembly/safepoint.ts",
    ["assembly/safepoint"],
    [
      ["holds: the first release lets the guest go", "if (holds > 0) return holds;", ""],
      [
        "holds: a second request adds none",
        "atomic.store<u32>(OFF_HOLDS, holds + 1);",
        "atomic.store<u32>(OFF_HOLDS, holds);",
      ],
      ["holds: a withdrawal takes none away", "atomic.store<u32>(OFF_HOLDS, holds - 1);", ""],
      ["holds: the first withdrawal takes all", "if (holds > 1) {", "if (holds > 2) {"],
      [
        "holds: stand after the guest has ended",
        "function finish(run: u32): void {\n  atomic.store<u32>(OFF_HOLDS, 0);",
        "function finish(run: u32): void {",
      ],
    ],
  ),
  ...of(
    "assembly/safepoint.ts",
    ["assembly/clock"],
    [
      [
        "clock: a wait is timed from after its beginning",
        "  store<i64>(OFF_WAIT_FROM_NS, now());\n  store<i64>(OFF_WAIT_PAUSED_NS, atomic.load<i64>(OFF_PAUSED_NS));\n  return move(RUNNING, WAITING, canUnwind());",
        "  const moved = move(RUNNING, WAITING, canUnwind());\n  store<i64>(OFF_WAIT_FROM_NS, now());\n  store<i64>(OFF_WAIT_PAUSED_NS, atomic.load<i64>(OFF_PAUSED_NS));\n  return moved;",
      ],
    ],
  ),
  ...of(
    "assembly/clock.ts",
    ["assembly/clock"],
    [
      ["clock: reads while a release is half done", "if (frozen && atomic.load<u32>(OFF_HOLDS) == 0) continue;", ""],
      ["clock: goes on while frozen", "frozen ? atomic.load<i64>(OFF_FROZEN_AT_NS) : now()", "now()"],
      ["clock: goes back", "if (reading < floor) return floor;", ""],
      ["clock: excludes under include", "if (load<u32>(OFF_POLICY) == INCLUDE) return;", ""],
      ["clock: catches up during a pause", "lagAt(frozenAtNs) + pause", "lagAt(resumedAtNs) + pause"],
      [
        "clock: catches up from the pause's beginning",
        "atomic.store<i64>(OFF_SLEW_FROM_NS, resumedAtNs);",
        "atomic.store<i64>(OFF_SLEW_FROM_NS, frozenAtNs);",
      ],
      [
        "clock: overtakes time",
        "return max<i64>(lag - scale(since, load<u32>(OFF_SLEW_PPM)), 0);",
        "return lag - scale(since, load<u32>(OFF_SLEW_PPM));",
      ],
      ["clock: catches up for ever, says a deadline", "return max<i64>(shortened, ahead - lag);", "return shortened;"],
      ["clock: a deadline comes a moment too early", "* PPM + PPM + ppm - 1) / (PPM + ppm)", "* PPM) / (PPM + ppm)"],
      ["clock: waits count as running", "- atomic.load<i64>(OFF_WAITED_NS);", ";"],
    ],
  ),
  ...of(
    "assembly/dirty.ts",
    ["assembly/dirty"],
    [
      ["dirty: a range reaches a byte too far", "<u64>ptr + bytes - 1", "<u64>ptr + bytes"],
      [
        "dirty: a range beyond 4 GiB wraps",
        "(<u32>min<u64>(<u64>ptr + bytes - 1, u32.MAX_VALUE)) >> shift",
        "(ptr + bytes - 1) >> shift",
      ],
      ["dirty: a sweep begins too early", "if (base < from) marks &= u64.MAX_VALUE << (from - base);", ""],
      ["dirty: a sweep ends too late", "if (to - base < 64) marks &= ~(u64.MAX_VALUE << (to - base));", ""],
      ["dirty: a run ends with its 64 pages", "((marks << 1) | inside)", "(marks << 1)"],
      ["dirty: the last run is lost", "  if (inside != 0) {\n    store<u32>", "  if (inside > 1) {\n    store<u32>"],
      ["dirty: runs flow over the scratch area", "if (++runs == RUNS_MAX) return runs;", "++runs;"],
      [
        "dirty: the last page is not counted",
        "for (; page < to; page++) pages +=",
        "for (; page + 1 < to; page++) pages +=",
      ],
      [
        "dirty: half of the map stays dirty",
        "memory.fill(OFF_DIRTY_MAP, 0, DIRTY_MAP_BYTES);",
        "memory.fill(OFF_DIRTY_MAP, 0, DIRTY_MAP_BYTES / 2);",
      ],
    ],
  ),
  ...of(
    "assembly/streams.ts",
    ["assembly/streams"],
    [
      ["streams: a span goes over the end", "return RING_BYTES - (counter & (RING_BYTES - 1));", "return RING_BYTES;"],
      [
        "streams: a full ring takes a byte more",
        "const free = RING_BYTES - (head",
        "const free = RING_BYTES + 1 - (head",
      ],
      [
        "streams: writing rings no bell",
        "  atomic.notify(at(ring, RING_HEAD), -1);\n  ringBell();\n}\n\n/** Bytes that can be read",
        "}\n\n/** Bytes that can be read",
      ],
      [
        "streams: reading rings no bell",
        "  atomic.notify(at(ring, RING_TAIL), -1);\n  ringBell();\n}\n\n/** The producer",
        "}\n\n/** The producer",
      ],
      ["streams: the bell wakes nobody", "atomic.notify(OFF_BELL, -1);", ""],
    ],
  ),
  ...of(
    "assembly/scan.ts",
    ["assembly/scan"],
    [
      ["scan: the word is not multiplied", "rotl<u64>(lane + word * P2, 31) * P1", "rotl<u64>((lane ^ word) * P1, 29)"],
      ["scan: the last lane is forgotten", " + rotl<u64>(mix(d), 47)", ""],
    ],
  ),
  ...of(
    "src/prepare/marks.ts",
    ["prepare/marks", "prepare/random"],
    [
      ["marks: merges over what lies between", "this.#line++;", ""],
      ["marks: merges although the base was set", "if (setting > producer) return false;", ""],
      [
        "marks: merges different settings of a base",
        " && this.#settings[i] === setting) return true;",
        ") return true;",
      ],
      [
        "marks: merges all groups",
        "key = local * 2 ** 24 + Math.floor(offset / GROUP_BYTES);",
        "key = local * 2 ** 24;",
      ],
      ["marks: leaves the group out", "if (offset >= GROUP_BYTES) {", "if (offset >= 2 ** 32) {"],
      ["slack: groups wider than a dirty page's slack", "const GROUP_BYTES = 256;", "const GROUP_BYTES = 8192;"],
      [
        "slack: bulk operations longer than the slack are marked like a store",
        "const BULK_AS_STORE_MAX = GROUP_BYTES;",
        "const BULK_AS_STORE_MAX = 65536;",
      ],
      [
        "marks: a range ends a page early",
        "code.put(0x20, 0, 0x20, 1, 0x6a, 0x41, 1, 0x6b, 0x41, shift, 0x76, 0x21, 2);",
        "code.put(0x20, 0, 0x20, 1, 0x6a, 0x41, 1, 0x6b, 0x41, shift, 0x76, 0x41, 1, 0x6b, 0x21, 2);",
      ],
    ],
  ),
  ...of(
    "src/prepare/polls.ts",
    ["prepare/polls", "prepare/random"],
    [
      ["polls: read another word than the hint", "code.u32(OFF_HINT);", "code.u32(OFF_HINT + 32);"],
      ["polls: call another entry", "SLOW_POLL, 0x11", "SLOW_POLL + 1, 0x11"],
      ["strip-mining: polls too rarely", "code.signed(COUNTED_ROUNDS);", "code.signed(4 * COUNTED_ROUNDS);"],
      ["strip-mining: counts up", "code.put(0x41, 1, 0x6b, 0x22);", "code.put(0x41, 1, 0x6a, 0x22);"],
      ["strip-mining: branches out instead of to the poll", "code.put(0x0d, 1);", "code.put(0x0d, 2);"],
      ["unrolling: of loops with parameters", "|| hasParams(scan, t)) return", ") return"],
      [
        "unrolling: of a larger body, without a poll",
        "bodyBytes > UNROLL_BODY_BYTES_MAX ||",
        "bodyBytes > 8 * UNROLL_BODY_BYTES_MAX ||",
      ],
    ],
  ),
  ...of(
    "src/prepare/rewrite.ts",
    ["prepare/polls", "prepare/random"],
    [
      ["branch depth: a counted loop is three constructs", "this.body(t, 2);", "this.body(t, 3);"],
      ["branch depth: an unrolled loop is four constructs", "this.body(t, 3);", "this.body(t, 4);"],
      [
        "branch depth: br_table keeps its labels",
        "code.u32(this.labels.move(label));",
        "code.u32(reader.op === 0x0e ? label : this.labels.move(label));",
      ],
      ["unrolling: the copies are not repeated", "code.put(0x0c, 0, 0x0b, 0x0b);", "code.put(0x0b, 0x0b);"],
    ],
  ),
  ...of(
    "src/prepare/segments.ts",
    ["prepare/segments"],
    [
      ["boot: forgets to drop a segment", "    code.put(0xfc, 0x09);\n    code.u32(index);\n", ""],
      ["boot: does not call the start function", "if (module.start !== undefined) {", "if (module.start === -1) {"],
      ["boot: marks nothing", "if (!marks) continue;", "if (marks || !marks) continue;"],
    ],
  ),
  ...of(
    "src/prepare/liveness.ts",
    ["resume/shapes", "resume/random"],
    [
      [
        "liveness: handlers around a site read nothing",
        "    this.#add(this.#atSites, site, this.#handlers, this.#depth - 1);\n",
        "",
      ],
      [
        "liveness: a branch needs nothing",
        "if (label < this.#depth) this.#add(this.#live, 0, this.#labels, this.#depth - 1 - label);",
        "if (label < 0) this.#add(this.#live, 0, this.#labels, this.#depth - 1 - label);",
      ],
      ["liveness: a loop is walked once", "} while (this.#changed);", "} while (this.#depth < 0);"],
      [
        "liveness: what follows an if that is not taken needs nothing",
        "          this.#add(this.#live, 0, this.#others, this.#depth - 1);\n",
        "",
      ],
      [
        "liveness: only the first eight locals are read",
        "this.#live[value[t]! >>> 5]! |= 1 << (value[t]! & 31);",
        "if (value[t]! < 8) this.#live[value[t]! >>> 5]! |= 1 << (value[t]! & 31);",
      ],
      [
        "liveness: nothing is needed at a loop's header",
        "        case 0x03: // loop\n          if (sites[next] === t) this.#record(next--);\n",
        "        case 0x03: // loop\n          if (sites[next] === t) next--;\n",
      ],
    ],
  ),
  ...of(
    "src/prepare/capture.ts",
    ["resume/shapes", "resume/random"],
    [
      [
        "slots: a call that is issued again has lost its arguments",
        "const to = outcome & AGAIN ? scan.height : pending;",
        "const to = pending;",
      ],
      [
        "sites: a tail call out of a handler is a call in it",
        "if (tail && isHandled(scan)) scan",
        "if (tail && isHandled(scan) && t < 0) scan",
      ],
      [
        "slots: operands below a named one have none",
        "if ((edit[producer]! & EDIT_KEEP) !== 0 && from === 0) break;",
        "if (from === 0) break;",
      ],
      [
        "frames: each says that it stopped at the first site",
        "code.signed(site.id);",
        "code.signed(this.sites[0]!.id);",
      ],
      [
        "frames: calls by table save none",
        "default:\n        return this.suspension.indirect(index);",
        "default:\n        return index < 0 ? this.suspension.indirect(index) : RETURNS;",
      ],
      [
        "frames: a host function that was left is not noticed",
        "if (left) writeUnwindingWord(code);",
        "if (left && site.id < 0) writeUnwindingWord(code);",
      ],
      ["frames: nobody hears that a host function was left", "code.put(0x41, 1, 0x24);", "code.put(0x41, 0, 0x24);"],
      [
        "frames: calls that only seem to be the last have none",
        "!last.has(token) || !sameTypes(resultsAt(this.#module, scan, token), results);",
        "!last.has(token);",
      ],
    ],
  ),
  ...of(
    "src/prepare/exceptions.ts",
    ["resume/exceptions"],
    [
      ["throw: takes all of a payload from one place", "      offset += SAVED_BYTES.get(type)!;\n", ""],
      ["keep: makes no record of null", 'if (what === "keep") this.#writeRecord(code, NO_EXCEPTION | 0);', ""],
      ["hold: lets go of what is not its own", 'if (what === "hold") writePin(code);', ""],
      ["handlers: let go of what is not their own", "code.put(0x19);\n    writePin(code);", "code.put(0x19);"],
    ],
  ),
  ...of(
    "src/prepare/capture.ts",
    ["resume/exceptions"],
    [
      [
        "exceptions: lie under a frame in the wrong order",
        "depth } of site.held)",
        "depth } of site.held.toReversed())",
      ],
      ["exceptions: go back into the wrong locals", "of heldLocals.toReversed())", "of heldLocals)"],
      [
        "exceptions: not looked at where they come in as parameters",
        "local < params.length);",
        "local < 0 * params.length);",
      ],
    ],
  ),
  ...of(
    "src/prepare/savers.ts",
    ["prepare/capture", "resume/shapes", "resume/random"],
    [
      [
        "frames: the size of one is written too small",
        "  store(I32, () => {\n    code.put(0x41);\n    code.signed(size);",
        "  store(I32, () => {\n    code.put(0x41);\n    code.signed(size - 4);",
      ],
      [
        "globals: integers are left behind",
        "if (!mutable || bytes === undefined) return [];",
        "if (!mutable || bytes === undefined || type === I32) return [];",
      ],
      ["frames: a full ledger does not grow", "code.put(0x41, GROW_PAGES, 0x40,", "code.put(0x41, 0, 0x40,"],
      [
        "globals: the guest unwinds for ever",
        "  code.put(0x41, 0, 0x24);\n  code.u32(layout.unwinding);",
        "  code.put(0x41, 1, 0x24);\n  code.u32(layout.unwinding);",
      ],
    ],
  ),
  ...of(
    "src/resume/continuation.ts",
    ["resume/shapes", "resume/random"],
    [
      [
        "continuation: locals are not put back",
        "      code.put(0x21);\n      code.u32(site.savedLocals[i]!);\n    }\n    capture!.writeHeldLocals(code, site);",
        "      code.put(0x1a, 0x20);\n      code.u32(site.savedLocals[i]!);\n      code.put(0x1a);\n    }\n    capture!.writeHeldLocals(code, site);",
      ],
      ["continuation: falls into the loop again", "if (!this.#dead) code.put(0x0c, 1); // br $done", ""],
      [
        "continuation: goes to a loop with what its parameters were before",
        "      code.put(0x21);\n      code.u32(this.locals.nameAt(height + i, params[i]!));",
        "      code.put(0x1a, 0x20);\n      code.u32(this.locals.nameAt(height + i, params[i]!));\n      code.put(0x1a);",
      ],
      [
        "continuation: what the frame inside returns has no name",
        "} else this.after(token, scan.edit[token]!);",
        "} else this.after(token, 0);",
      ],
      [
        "continuation: what a construct leaves has no name",
        "this.after(end, edit[end]! & EDIT_KEEP);",
        "this.after(end, 0);",
      ],
      [
        "continuation: takes the frame inside for a host function",
        "code.put(0x45, 0x04); // i32.eqz, if",
        "code.put(0x45, 0x45, 0x04); // i32.eqz, i32.eqz, if",
      ],
    ],
  ),
  ...of(
    "src/resume/tables.ts",
    ["resume/shapes"],
    [
      [
        "tables: what was emptied is full again",
        "if (entry === NONE) table.set(i, null);",
        "if (entry === NONE) continue;",
      ],
      [
        "tables: none grows",
        "if (table.length < entries.length) table.grow(entries.length - table.length);",
        "if (table.length < entries.length) continue;",
      ],
    ],
  ),
  ...of(
    "src/resume/resume.ts",
    ["resume/shapes", "resume/random", "resume/layout"],
    [
      ["segments: a new instance has them once more", "    this.#call(EXPORT_DROP);\n", ""],
      [
        "frames: the innermost is not told where it goes on",
        "for (const frame of frames) setContinuation",
        "for (const frame of frames.slice(0, -1)) setContinuation",
      ],
    ],
  ),
  ...of(
    "src/guest/stack.ts",
    ["guest/handover-files"],
    [
      [
        "stack: globals do not come along",
        "    loadTables(this.#exports, tables);\n    this.loadGlobals();",
        "    loadTables(this.#exports, tables);",
      ],
    ],
  ),
  ...of(
    "src/guest/stack.ts",
    ["guest/reattach"],
    [["at rest: the ledger has no globals", "    this.clear();\n    this.saveGlobals();", "    this.clear();"]],
  ),
  ...of(
    "src/guest/reattach.ts",
    ["guest/reattach"],
    [["at rest: services begin anew", "    tables: [],\n    services,", "    tables: [],\n    services: undefined,"]],
  ),
  ...of(
    "src/guest/tier-up.ts",
    ["guest/tier-up"],
    [
      [
        "tier-up: a function is in its best code wherever it is",
        "return lived.some((site) => this.#entered.get(siteKey(site))! < ENOUGH);",
        "return lived.length > 0 && this.#attempts < ENOUGH;",
      ],
    ],
  ),
  ...of(
    "src/guest/pinning.ts",
    ["guest/pinning", "guest/handover-waits"],
    [
      [
        "pinning: a wait in WASI under a service counts as the service's own",
        "const onlyService = pins && pinned === 1",
        "const onlyService = pinned === 1",
      ],
      [
        "pinning: any wait takes all of JavaScript off",
        "const onlyService = pins && pinned === 1 && this.#outside === 0;",
        "const onlyService = pins;",
      ],
      ["pinning: a service that is left unwinds nothing", "    this.#words[OFF_UNWINDING >> 2] = 1;\n", ""],
    ],
  ),
  ...of(
    "src/guest/attach.ts",
    ["guest/handover-waits"],
    [["waits: each host begins anew", "const ns = pinning.deadlineNs ?? asked;", "const ns = asked;"]],
  ),
  ...of(
    "src/guest/handover.ts",
    ["guest/handover-calls"],
    [
      [
        "owner: stays the old host",
        "if (core.handOver(old.number, standby.number) !== 0)",
        "if (core.handOver(old.number, old.number) !== 0)",
      ],
    ],
  ),
  ...of(
    "src/guest/handover.ts",
    ["guest/handover"],
    [
      [
        "owner: a guest off its thread is not put back",
        "return (await goOn(side, off)).blackoutMs;",
        "return (await side.freezing.resume()).blackoutMs;",
      ],
    ],
  ),
  ...of(
    "src/guest/host.ts",
    ["guest/health"],
    [["calls: one that comes for a guest off its thread waits for the release", "    if (this.#away) return;\n", ""]],
  ),
  ...of(
    "src/guest/messages.ts",
    ["guest/health"],
    [
      [
        "calls: one that came while the one before was left is not sent again",
        'kind === "idle" || kind === "leaving"',
        'kind === "idle"',
      ],
    ],
  ),
  ...of(
    "src/wasi/poll-calls.ts",
    ["wasi/poll"],
    [
      [
        "wasi: looks before it reads the bell",
        "const seen = host.bell();\n        const ready = look(subscriptions, events);",
        "const ready = look(subscriptions, events);\n        const seen = host.bell();",
      ],
      ["wasi: sleeps to the latest deadline", "a.ns < b.ns ? -1 : 1", "a.ns < b.ns ? 1 : -1"],
      ["wasi: reports a deadline that has not come", "if (nowNs(clock) < ns) continue;", ""],
    ],
  ),
  ...of(
    "src/wasi/transfer-calls.ts",
    ["wasi/transfer"],
    [
      [
        "wasi: reads before it reads the bell",
        "const seen = host.bell();\n        const bytes = channel.read(at === 0 ? span : span.subarray(at));",
        "const bytes = channel.read(at === 0 ? span : span.subarray(at));\n        const seen = host.bell();",
      ],
    ],
  ),
  ...of(
    "src/wasi/waits.ts",
    ["wasi/poll"],
    [["wasi: a call that is issued again begins anew", "const begun = this.interrupted ?? {", "const begun = {"]],
  ),
  ...of(
    "src/schedule/event.ts",
    ["schedule/events"],
    [
      ["event: due too early", "this.#keeper.clock.nowMs() >= this", "this.#keeper.clock.nowMs() + 1 >= this"],
      [
        "event: starts without leave",
        "if (!this.#waits || !this.#told) return false;",
        "if (!this.#waits) return false;",
      ],
      ["event: forgets to look again", "Math.min(remainingMs, LOOK_MS_MAX)", "remainingMs"],
      ["event: is over twice", "if (this.#over) return false;", ""],
      ["event: is over and nobody is told", 'this.#tell("withdrawn");', ""],
      ["event: ends with its first guest", "if (resources.length === 1) {", "if (resources.length >= 1) {"],
      ["event: keeps its timer", "this.#told = true;\n    this.#stopTimer?.();", "this.#told = true;"],
    ],
  ),
  ...of(
    "src/schedule/events.ts",
    ["schedule/events"],
    [
      ["events: approves what the guest does not see", "(by.guest !== undefined && of !== set)", "false"],
      ["events: approves the first of a wrong list", "if (life !== undefined) lives.push(life);", "life?.approve();"],
      ["events: ids in lower case are unknown", "String(id).toUpperCase()", "String(id)"],
      [
        "events: an approval is heard at the next look",
        "of of new Set(lives.map(({ event }) => event.set))",
        "of of new Set<string>()",
      ],
      ["events: a Terminate waits for nobody", 'if (life.event.type !== "Terminate") return false;', "return false;"],
      ["events: listeners hear out of order", "if (this.#telling) return;", ""],
      ["events: remembers every event", "if (this.#gone.size <= GONE_MAX) break;", "break;"],
      [
        "events: names guests of two domains",
        'for (const key of ["set", "updateDomain"] as const)',
        'for (const key of ["set"] as const)',
      ],
    ],
  ),
  ...of(
    "src/schedule/journal.ts",
    ["schedule/journal"],
    [
      [
        "journal: one incarnation is served unreserved",
        "if (incarnation <= this.#reserved) return;",
        "if (incarnation <= this.#reserved + 1) return;",
      ],
    ],
  ),
  ...of(
    "src/schedule/notice.ts",
    ["schedule/events"],
    [["notice: rounded down", "Math.ceil(atMs / 1000)", "Math.floor(atMs / 1000)"]],
  ),
  ...of(
    "src/schedule/document.ts",
    ["events/conformance"],
    [
      ["document: a started event has a time", 'event.status === "Started" ? "" : event', "event"],
      ["document: shows types that the version does not know", "version.types.includes(type)", "true"],
    ],
  ),
  ...of(
    "src/events/endpoint.ts",
    ["events/conformance", "events/hostile"],
    [
      ["endpoint: serves an old document", "known?.incarnation === incarnation", "known !== undefined"],
      ["endpoint: one document for all sets", "const key = set === undefined ?", "const key = true ?"],
      ["endpoint: a guest's listener knows others", "(own !== undefined && target.guest !== undefined)", "false"],
      ["endpoint: a guest approves as operators do", "identity === undefined ? {} : { guest: identity.guest }", "{}"],
      ["endpoint: approvals need no header", 'const lenient = method === "GET" && route', "const lenient = route"],
      ["endpoint: takes what a proxy forwards", 'headers["x-forwarded-for"] !== undefined', "false"],
      ["endpoint: takes what a page sends", "headers.origin !== undefined", "false"],
      ["endpoint: no limit for guests", "guest !== undefined && !this.#rates.admit(guest)", "false"],
    ],
  ),
  ...of(
    "src/events/listener.ts",
    ["events/hostile"],
    [
      ["listener: hides headers beyond a count", "this.#server.maxHeadersCount = 0;", ""],
      ["listener: refuses the newest connection", "const [oldest] = this.#connections;", "const oldest = socket;"],
      ["listener: waits for the slow for ever", "requestTimeout: limits.requestMs,", "requestTimeout: 0,"],
    ],
  ),
  ...of(
    "src/events/body.ts",
    ["events/hostile"],
    [
      [
        "body: keeps what is too much",
        "if (bytes <= bytesMax) return void chunks.push(chunk);",
        "return void chunks.push(chunk);",
      ],
    ],
  ),
  ...of(
    "src/events/rate-limit.ts",
    ["events/rate-limit"],
    [
      ["rate: fills without end", "Math.min(this.#perSecond, left", "(left"],
      [
        "rate: forgets who is not full",
        "if (this.#filled(bucket, nowMs) === this.#perSecond)",
        "if (bucket.atMs <= nowMs)",
      ],
    ],
  ),
  ...of(
    "src/guest/notices.ts",
    ["guest/notices"],
    [
      [
        "notices: written in one place",
        "const place = edition & 1;\n    const memory",
        "const place = 0;\n    const memory",
      ],
      [
        "notices: believed without another look",
        "if (Atomics.compareExchange(this.#words, 0, edition, edition) !== edition) continue;",
        "",
      ],
      ["notices: approvals sent again", "announced.has(id) && !sent.has(id)", "announced.has(id)"],
      ["notices: approvals of nothing sent", "announced.has(id) && !sent.has(id)", "!sent.has(id)"],
    ],
  ),
  ...of(
    "src/wasi/notice-files.ts",
    ["wasi/notices"],
    [
      ["notices: an open document changes", "open.notice.bytes.subarray(", "this.#notices.read().bytes.subarray("],
      [
        "notices: what was written last is forgotten",
        "if (open.name === REQUESTS) this.#approve(new RequestReader(open.pending).end());",
        "",
      ],
      ["notices: half a request is forgotten", "open.pending = requests.pending;", ""],
      [
        "notices: a move forgets what is open",
        "this.#open = new Map(open.map(([handle, one]) => [handle, { ...one }]));",
        "",
      ],
    ],
  ),
  ...of(
    "src/wasi/start-requests.ts",
    ["wasi/notices"],
    [
      ["notices: a request is taken unchecked", "for (const id of ids) checked(id);", ""],
      [
        "notices: a refused piece stays",
        'const pending = this.#pending;\n    this.#pending = "";',
        "const pending = this.#pending;",
      ],
    ],
  ),
];
