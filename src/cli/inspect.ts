/** `stillpoint inspect`: what a module needs and offers, whether it can be prepared, and what preparing adds to it. */

import { styleText } from "node:util";
import type { Command } from "commander";
import { type Eligibility, eligibilityOf } from "../guest/eligibility.ts";
import { type ImageInfo, ModuleUnsupportedError, prepare } from "../index.ts";
import { count, size } from "./figures.ts";
import { imageOf, readModule } from "./module-file.ts";

const PAGE_BYTES = 0x10000;

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly feature: string;
  readonly offset: number;
  readonly function: string | null;
}

/** What `--json` prints: names stay. Either `refusal` is null, or `image` and `eligibility` are. */
interface Inspection {
  readonly file: string;
  readonly bytes: number;
  readonly prepared: boolean;
  readonly image: ImageInfo | null;
  readonly eligibility: Eligibility | null;
  readonly refusal: Refusal | null;
}

/** A module that is no image is prepared, to see whether it can be; what comes out is not kept. */
async function inspect(file: string): Promise<Inspection> {
  const bytes = await readModule(file);
  const found = { file, bytes: bytes.length };
  const stored = imageOf(bytes);
  try {
    const image = stored ?? (await prepare(bytes));
    const prepared = stored !== undefined;
    return { ...found, prepared, image: image.info, eligibility: eligibilityOf(image), refusal: null };
  } catch (error) {
    if (!(error instanceof ModuleUnsupportedError)) throw error;
    const { code, message, feature, offset } = error;
    return {
      ...found,
      prepared: false,
      image: null,
      eligibility: null,
      refusal: { code, message, feature, offset, function: error.function ?? null },
    };
  }
}

/** A heading with what belongs under it, or nothing. */
function section(heading: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  return [styleText("bold", heading, { stream: process.stdout }), ...lines.map((line) => `  ${line}`)];
}

function pages(number: number): string {
  return size(number * PAGE_BYTES);
}

function described({ kind, name, type }: { kind: string; name: string; type?: string }): string {
  return kind === "function" ? `${name} ${type ?? ""}`.trimEnd() : `${kind} ${name}`;
}

function memoryLines({ memory }: ImageInfo): string[] {
  const names = memory.exportNames.length === 0 ? "not exported" : `exported as ${memory.exportNames.join(", ")}`;
  const was = { defined: "its own", imported: "imported", absent: "none; it gets an empty one" }[memory.was];
  return [
    `${pages(memory.minimumPages)} at first, at most ${pages(memory.maximumPages)}`,
    `${was}${memory.wasShared ? ", shared" : ""}, ${names}`,
  ];
}

function addedLines({ options, counts, sizes }: ImageInfo): string[] {
  return [
    `polls in ${count(counts.loopsPolled)} of ${count(counts.loops, "loop")} (${options.polls})` +
      `, ${count(counts.loopsUnrolled)} of them unrolled, ${count(counts.loopsCounted)} counted` +
      `; at the entry of ${count(counts.entryPolls, "function")}`,
    options.track === "marks"
      ? `${count(counts.marks)} marks of written pages of ${options.pageBytes} bytes, ${count(counts.marksMerged)} merged away`
      : "no marks of written pages",
    `code ${size(sizes.codeOriginal)} → ${size(sizes.code)}, module ${size(sizes.original)} → ${size(sizes.module)}`,
  ];
}

/** Functions that are not listed one by one. */
const REFUSED_MAX = 20;

function handoverLines(eligibility: Eligibility): string[] {
  if (!eligibility.ok) {
    const where = eligibility.function === undefined ? "" : ` (${eligibility.function})`;
    return [`cannot be handed over: ${eligibility.reason}${where}`];
  }
  const { count: total, captured, refused } = eligibility.functions;
  const share = total === 0 ? 100 : Math.floor((captured / total) * 1000) / 10;
  const lines = [`${count(captured)} of ${count(total, "function")} that may suspend can be captured (${share} %)`];
  for (const { function: name, reason } of refused.slice(0, REFUSED_MAX)) lines.push(`not ${name}: ${reason}`);
  if (refused.length > REFUSED_MAX) lines.push(`nor ${count(refused.length - REFUSED_MAX)} more`);
  return lines;
}

function text({ file, bytes, prepared, image, eligibility, refusal }: Inspection): string {
  if (image === null || eligibility === null) {
    return `${file}: ${size(bytes)}, cannot be prepared\n  ${refusal?.feature}, at byte ${refusal?.offset}\n`;
  }
  const state = prepared ? "prepared" : "can be prepared";
  const lines = [
    `${file}: ${size(bytes)}, a ${image.style} of ${count(image.counts.functions, "function")}, ${state}`,
    `  sha256 ${image.sha256}${prepared ? " (of the original)" : ""}`,
    ...section("Memory", memoryLines(image)),
    ...section(
      "Imports",
      image.imports.map((entry) => `${entry.module}.${described(entry)}`),
    ),
    ...section("Exports", image.exports.map(described)),
    ...section(prepared ? "Added" : "Preparing adds", addedLines(image)),
    ...section("Handover", handoverLines(eligibility)),
  ];
  return `${lines.join("\n")}\n`;
}

const HELP = `
A module that is no image is prepared for the occasion, which tells whether
that can be done.

--json prints one line; refusal is null, or image and eligibility are:
  { file, bytes, prepared: boolean,
    image: { format, abi, options, sha256, style: "command" | "reactor",
             memory, imports, exports, globals, counts, sizes, capture },
    eligibility: { ok: true, functions: { count, captured,
                   refused: [{ function, reason }] } }
               | { ok: false, code, reason, function? },
    refusal: { code, message, feature, offset, function: string | null } }

Example:
  stillpoint inspect app.wasm --json`;

export function addInspect(program: Command): void {
  program
    .command("inspect")
    .summary("show what a module needs, and whether it can be prepared")
    .description("Shows what a module or an image needs and offers, and what preparing adds to it.")
    .argument("<file>", "module or image")
    .option("--json", "print it as one line of JSON")
    .addHelpText("after", HELP)
    .action(async (file: string, { json }: { json?: true }) => {
      const found = await inspect(file);
      process.stdout.write(json ? `${JSON.stringify(found)}\n` : text(found));
    });
}
