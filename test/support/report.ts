/** Reports of benches made by hand, of a single question. */

import type { Report } from "../../bench/report/report.ts";
import type { Answer } from "../../bench/support/question.ts";

export function reportOf({
  figures,
  tables = [],
  plots = [],
  node = "v24.0.0",
  size = "full",
  cores = 2,
}: Partial<Answer> & Pick<Answer, "figures"> & { node?: string; size?: "full" | "smoke"; cores?: number }): Report {
  return {
    circumstances: {
      date: "2026-01-02T03:04:05.678Z",
      size,
      seed: 4_123_456_789,
      commit: "0123456789ab",
      machine: { cpu: "Some CPU", cores, memoryGiB: 8, system: "Linux 6 x64", load: 0.1 },
      runtime: { node, v8: "13", flags: [] },
    },
    answers: { question: { chapter: "pause", title: "How long?", seconds: 1, tables, figures, plots, notes: [] } },
    unanswered: {},
  };
}
