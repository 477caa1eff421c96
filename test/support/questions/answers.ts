/** A question that has an answer at once. */

import type { Question } from "../../../bench/support/question.ts";

export const question: Question = {
  chapter: "growth",
  title: "Does it answer?",
  ask: async () => ({
    tables: [],
    figures: [
      { name: "answer", value: 42, unit: "" },
      { name: "none", value: Number.NaN, unit: "" },
    ],
    notes: [],
  }),
};
