/** In a page: does the turns that the bench asks for, until there are no more. What goes wrong is an answer, too. */

import { type Images, Pauses, SUBJECTS } from "./pauses.ts";
import type { Answered, Turn } from "./turns.ts";

async function bytesAt(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}

async function next(answer: Answered): Promise<Turn | undefined> {
  const response = await fetch("/turn", { method: "POST", body: JSON.stringify(answer) });
  const text = await response.text();
  return text === "" ? undefined : (JSON.parse(text) as Turn);
}

try {
  const images = Object.fromEntries(
    await Promise.all(SUBJECTS.map(async (name, i) => [name, await bytesAt(`/image/${i}`)] as const)),
  ) as unknown as Images;
  await using pauses = await Pauses.open(images);
  let turn = await next({ pauses: [] });
  while (turn !== undefined) turn = await next({ pauses: await pauses.turn(turn.subject, turn.count, Math.random) });
} catch (error) {
  await next({ failed: String(error) });
}
