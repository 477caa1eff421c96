/** Entry of the process in which one question is asked: `ask.ts NAME`, started by bench/run.ts, which hears of everything by IPC. */

import { Random, SEED } from "../../test/support/random.ts";
import type { Answer, Question } from "./question.ts";

export type FromQuestion =
  | { readonly type: "title"; readonly title: string }
  | { readonly type: "progress"; readonly text: string }
  | { readonly type: "answer"; readonly answer: Answer };

function tell(message: FromQuestion): void {
  process.send?.(message);
}

// Whoever asked has gone.
process.on("disconnect", () => process.exit(1));

const name = process.argv[2]!;
const { question } = (await import(new URL(`../${name}.ts`, import.meta.url).href)) as { question: Question };
tell({ type: "title", title: question.title });
const answer = await question.ask({
  full: process.env.SP_BENCH === "full",
  random: new Random(0, SEED),
  progress: (text) => tell({ type: "progress", text }),
});
process.send?.({ type: "answer", answer } satisfies FromQuestion, () => process.exit(0));
