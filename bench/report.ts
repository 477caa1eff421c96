/** Answers as Markdown, and the facts without which no figure means anything: machine, runtime, flags, commit, seed. */

import { execFileSync } from "node:child_process";
import { arch, cpus, loadavg, release, totalmem, type } from "node:os";
import type { Answer, Cell, Column, Figure, Table } from "./support/question.ts";

export interface Circumstances {
  readonly date: string;
  readonly size: "full" | "smoke";
  readonly seed: number;
  readonly commit: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly system: string;
    /** Mean number of busy threads in the minute before: above 0.5 the figures are of a machine that did something else too. */
    readonly load: number;
  };
  readonly runtime: { readonly node: string; readonly v8: string; readonly flags: readonly string[] };
}

export interface Report {
  readonly circumstances: Circumstances;
  readonly answers: Readonly<Record<string, Answer & { readonly title: string; readonly seconds: number }>>;
}

/** A figure with an A/A spread above this is marked. */
export const NOISE_MAX = 1.1;

function git(...args: string[]): string {
  try {
    return execFileSync("git", args, {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}

function commit(): string {
  const head = git("rev-parse", "--short=12", "HEAD").trim();
  if (head === "") return "unknown";
  const changed = git("status", "--porcelain", "--untracked-files=no").trim() !== "";
  return changed ? `${head} with changes` : head;
}

export function circumstances({ full, seed }: { full: boolean; seed: number }): Circumstances {
  return {
    date: new Date().toISOString(),
    size: full ? "full" : "smoke",
    seed,
    commit: commit(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? "unknown",
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release()} ${arch()}`,
      load: loadavg()[0] ?? 0,
    },
    runtime: {
      node: process.version,
      v8: process.versions.v8,
      flags: [...process.execArgv, ...(process.env.NODE_OPTIONS?.split(" ") ?? [])],
    },
  };
}

function cellText(cell: Cell, { digits }: Column): string {
  if (cell === undefined) return "–";
  if (typeof cell === "string") return cell.replaceAll("|", "\\|");
  return cell.toFixed(digits ?? 0);
}

function tableText({ title, columns, rows }: Table): string {
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((column) => cellText(row[column.key], column))),
  ];
  // Text to the left, numbers to the right.
  const numeric = columns.map(({ key }) => rows.some((row) => typeof row[key] === "number"));
  const widths = columns.map((_, i) => Math.max(3, ...cells.map((line) => line[i]!.length)));
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, i) => (numeric[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (numeric[i] ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`;
  return [`**${title}**`, "", line(cells[0]!), rule, ...cells.slice(1).map(line)].join("\n");
}

function figureText({ name, value, unit, atMost, noise }: Figure): string {
  const verdict = atMost === undefined ? "" : `, bar ${atMost} ${unit}: ${value <= atMost ? "held" : "MISSED"}`;
  const spread =
    noise === undefined ? "" : `, A/A ${noise.toFixed(2)}${noise > NOISE_MAX ? " (too noisy to quote)" : ""}`;
  return `- ${name}: ${Number(value.toPrecision(3))} ${unit}${verdict}${spread}`;
}

export function answerText({ title, tables, figures, notes }: Answer & { readonly title: string }): string {
  const parts = [`## ${title}`, ...tables.map(tableText)];
  if (figures.length > 0) parts.push(figures.map(figureText).join("\n"));
  if (notes.length > 0) parts.push(notes.join("\n\n"));
  return parts.join("\n\n");
}

export function headText({ date, size, seed, commit, machine, runtime }: Circumstances): string {
  const flags = runtime.flags.length === 0 ? "no flags" : runtime.flags.join(" ");
  return [
    `# Benches, ${size} run of ${date.slice(0, 10)}`,
    "",
    `Node ${runtime.node} (V8 ${runtime.v8}), ${flags}; ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ` +
      `${machine.system}, load ${machine.load.toFixed(2)} at the start; commit ${commit}; SP_SEED=${seed}.`,
    ...(size === "smoke" ? ["", "A smoke run: it shows that the benches work. Its numbers are nothing to quote."] : []),
  ].join("\n");
}
