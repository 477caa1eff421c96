/**
 * How often each identity may ask: a bucket of a second's worth of requests, filled evenly. A caller that polls once per second never
 * notices; one that asks without pause gets its share and no more, whatever others do.
 */

interface Bucket {
  left: number;
  atMs: number;
}

/** Above this many, buckets that are full again are thrown away: they are as good as new ones. */
const BUCKETS_MAX = 4096;

export class RateLimit {
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, nowMs: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
  }

  /** Whether one more request is within the limit; counts it if it is. */
  admit(identity: string): boolean {
    const nowMs = this.#nowMs();
    let bucket = this.#buckets.get(identity);
    if (bucket === undefined) {
      if (this.#buckets.size >= BUCKETS_MAX) this.#sweep(nowMs);
      this.#buckets.set(identity, (bucket = { left: this.#perSecond, atMs: nowMs }));
    }
    bucket.left = this.#filled(bucket, nowMs);
    bucket.atMs = nowMs;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #filled({ left, atMs }: Bucket, nowMs: number): number {
    return Math.min(this.#perSecond, left + ((nowMs - atMs) / 1000) * this.#perSecond);
  }

  #sweep(nowMs: number): void {
    for (const [identity, bucket] of this.#buckets) {
      if (this.#filled(bucket, nowMs) === this.#perSecond) this.#buckets.delete(identity);
    }
  }
}
