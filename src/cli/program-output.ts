/**
 * Standard output and error of the program that is run.
 *
 * Each write waits until the one before has left the process, so a slow reader slows the program down and nothing piles up
 * here. A reader that has gone ends a native program by SIGPIPE, quietly; WASI knows no signals, and a program that was told
 * would complain. So it is not told: what it still writes goes nowhere, and `gone` ends it.
 */
export function programOutput(
  stream: NodeJS.WriteStream,
  { before, gone }: { before: () => void; gone: () => void },
): WritableStream<Uint8Array> {
  const isGone = (error: Error): boolean => (error as NodeJS.ErrnoException).code === "EPIPE";
  // Node says it twice, to the write and to everybody; an error event that nobody hears would end the process.
  stream.on("error", (error) => {
    if (isGone(error)) gone();
  });
  return new WritableStream({
    write: (chunk) =>
      new Promise((resolve, reject) => {
        before();
        stream.write(chunk, (error) => {
          if (error == null || isGone(error)) resolve();
          else reject(error);
        });
      }),
  });
}
