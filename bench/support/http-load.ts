/**
 * Asks an HTTP server for the same thing over connections that stay open, one request at a time on each. Answers are not parsed, they
 * are counted: every answer has as many bytes as the first, which was looked at. So the asking costs little beside the answering.
 */

import { connect, type Socket } from "node:net";

export class HttpLoad {
  readonly #request: string;
  readonly #sockets: readonly Socket[];
  readonly #answerBytes: number;

  private constructor(request: string, sockets: readonly Socket[], answerBytes: number) {
    this.#request = request;
    this.#sockets = sockets;
    this.#answerBytes = answerBytes;
  }

  static async open(port: number, path: string, { connections }: { connections: number }): Promise<HttpLoad> {
    const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nMetadata: true\r\n\r\n`;
    const sockets = await Promise.all(
      Array.from({ length: connections }, async () => {
        const socket = connect({ port, host: "127.0.0.1", noDelay: true });
        await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
        return socket;
      }),
    );
    const answer = await new Promise<string>((resolve) => {
      sockets[0]!.once("data", (data) => resolve(data.toString("latin1")));
      sockets[0]!.write(request);
    });
    if (!/^HTTP\/1\.1 200 .*"Events":\[\{.*\]\}$/s.test(answer)) throw new Error(`not an answer: ${answer}`);
    return new HttpLoad(request, sockets, answer.length);
  }

  /** Asks so many times in all. Answers how long it took, ms. */
  async ask(count: number): Promise<number> {
    const from = performance.now();
    let left = count;
    await Promise.all(
      this.#sockets.map(
        (socket) =>
          new Promise<void>((resolve, reject) => {
            let missing = 0;
            const next = (): boolean => {
              if (left === 0) return false;
              left -= 1;
              missing = this.#answerBytes;
              socket.write(this.#request);
              return true;
            };
            const closed = (): void => reject(new Error("the server has closed a connection"));
            const take = (data: Buffer): void => {
              missing -= data.length;
              if (missing < 0) reject(new Error("an answer was longer than the others"));
              if (missing === 0 && !next()) finish();
            };
            const finish = (): void => {
              socket.off("data", take).off("close", closed);
              resolve();
            };
            socket.on("data", take).on("close", closed);
            if (!next()) finish();
          }),
      ),
    );
    return performance.now() - from;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
