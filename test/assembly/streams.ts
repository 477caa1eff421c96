/** What the test of the rings and its two threads share. */

export interface SideData {
  readonly ledger: WebAssembly.Memory;
  readonly ring: number;
  readonly side: "producer" | "consumer";
  readonly bytes: number;
  readonly seed: number;
  /** Largest piece that is written or read at once, bytes. */
  readonly pieceMax: number;
}

/** The byte at a position of the stream; neither its period nor its neighbourhood fits the ring. */
export function byteAt(position: number): number {
  return (Math.imul(position, 0x9e3779b1) >>> 13) & 0xff;
}
