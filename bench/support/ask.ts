/** Entry of the process in which one question is asked: `ask.ts NAME`, started by bench/run.ts, which hears of everything by IPC. */

import { readFileSync } from "node:fs";
import { Random, SEED } from "../../test/support/random.ts";
import type { Answer, Chapter, Question } from "./question.ts";

export type FromQuestion =
  | { readonly type: "title"; readonly title: string; readonly chapter: Chapter; readonly cores: string | undefined }
  | { readonly type: "progress"; readonly text: string }
  | { readonly type: "answer"; readonly answer: Answer }
  | { readonly type: "failed"; readonly reason: string };

function tell(message: FromQuestion): void {
  process.send?.(message);
}

/** The last word. */
function end(message: FromQuestion, code: number): void {
  process.send?.(message, () => process.exit(code));
}

/** Where this process may run, asked of the system: it is no matter who has pinned it, or whether somebody failed to. */
function cores(): string | undefined {
  try {
    return /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

// Whoever asked has gone.
process.on("disconnect", () => process.exit(1));
// In a callback of nobody's as well as here.
process.on("uncaughtException", (error) => {
  console.error(error);
  end({ type: "failed", reason: error instanceof Error ? error.message : String(error) }, 1);
});

const name = process.argv[2]!;
const { question } = (await import(new URL(`../${name}.ts`, import.meta.url).href)) as { question: Question };
tell({ type: "title", title: question.title, chapter: question.chapter, cores: cores() });
const answer = await question.ask({
  full: process.env.SP_BENCH === "full",
  random: new Random(0, SEED),
  progress: (text) => tell({ type: "progress", text }),
});
end({ type: "answer", answer }, 0);
