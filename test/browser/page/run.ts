/** Runs one test file of Node's side in the page, and says what came of it: everything that was printed, uvu's summary last. */

declare global {
  var UVU_DEFER: boolean;
}

const lines: string[] = [];
for (const level of ["log", "error", "warn"] as const) {
  console[level] = (...parts: unknown[]) => {
    lines.push(parts.map((part) => (part instanceof Error ? `${part}\n${part.stack}` : String(part))).join(" "));
  };
}
addEventListener("unhandledrejection", ({ reason }) => {
  console.error("a rejection that nobody handled:", reason);
});
addEventListener("error", ({ error, message }) => {
  console.error("an error that nobody caught:", error ?? message);
});

globalThis.UVU_DEFER = true;
const { exec } = (await import("uvu")) as unknown as { exec(): Promise<void> };
try {
  // uvu begins a group for each file when it is told to wait.
  (globalThis as unknown as { UVU_QUEUE: unknown[] }).UVU_QUEUE.push([null]);
  await import(new URLSearchParams(location.search).get("file") as string);
  await exec();
} catch (error) {
  console.error("the file could not be run:", error);
}
await fetch("/done", { method: "POST", body: lines.join("\n") });
