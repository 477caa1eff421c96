/** A question whose process is gone before it has answered. */

import type { Question } from "../../../bench/support/question.ts";

export const question: Question = {
  chapter: "growth",
  title: "Does it end?",
  ask: async () => process.exit(3),
};
