/** A question during which something throws that nobody waits for. */

import type { Question } from "../../../bench/support/question.ts";

export const question: Question = {
  chapter: "growth",
  title: "Does it throw later?",
  ask: () =>
    new Promise(() => {
      setTimeout(() => {
        throw new Error("nobody waited for this");
      });
    }),
};
