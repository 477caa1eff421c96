/**
 * Standard output and error of the program that is run.
 *
 * Each write waits until the one before has left the process, so a slow reader slows the program down and nothing piles up
 * here. Two things can go wrong, and the program hears of neither in time:
 *
 *   gone     nobody reads any more. That ends a native program by SIGPIPE, quietly; WASI knows no signals, and a program that
 *            was told would complain. So it is not told: what it still writes goes nowhere, and `gone` ends it.
 *   failed   the output cannot be written, on a disk that is full for instance. The program's next write fails; but there may
 *            be none, and what it wrote before is lost, so `failed` has to see to it that this does not pass for success.
 */

interface Trouble {
  gone(): void;
  failed(error: Error): void;
}

export function programOutput(
  stream: NodeJS.WriteStream,
  before: () => void,
  trouble: Trouble,
): WritableStream<Uint8Array> {
  const isGone = (error: Error): boolean => (error as NodeJS.ErrnoException).code === "EPIPE";
  // Node says it twice, to the write and to everybody; an error event that nobody hears would end the process.
  stream.on("error", (error) => {
    if (isGone(error)) trouble.gone();
  });
  return new WritableStream({
    write: (chunk) =>
      new Promise((resolve, reject) => {
        before();
        stream.write(chunk, (error) => {
          if (error == null || isGone(error)) return resolve();
          trouble.failed(error);
          reject(error);
        });
      }),
  });
}
