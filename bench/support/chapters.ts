/**
 * Which chapter a question belongs to, which only the question itself knows. It is loaded in a process of its own, where what it does when
 * loaded stays: `chapters.ts NAME...` prints them as JSON. One that cannot even be loaded here is in none.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Chapter, Question } from "./question.ts";

export function chaptersOf(names: readonly string[]): Readonly<Record<string, Chapter>> {
  const { stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...names], {
    encoding: "utf8",
  });
  const last = stdout.trim().split("\n").at(-1);
  if (!last) throw new Error(`the questions could not be loaded: ${stderr}`);
  return JSON.parse(last) as Record<string, Chapter>;
}

if (import.meta.main) {
  const chapters: Record<string, Chapter> = {};
  for (const name of process.argv.slice(2)) {
    try {
      chapters[name] = ((await import(`../${name}.ts`)) as { question: Question }).question.chapter;
    } catch {
      // It will say so itself when it is asked.
    }
  }
  console.log(`\n${JSON.stringify(chapters)}`);
  process.exit();
}
