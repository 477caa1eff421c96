/** A question that finds that it cannot be asked here. */

import type { Question } from "../../../bench/support/question.ts";

export const question: Question = {
  chapter: "growth",
  title: "Does it throw?",
  ask: async () => {
    throw new Error("the kernel has no such call");
  },
};
