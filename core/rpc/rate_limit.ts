/** A transport that writes no more than so many bytes per second (`--upload-ratelimit`). */
import type { Transport } from "./transport.ts";

/** What may be written at once is a tenth of a second's worth. */
const PERIODS_PER_SECOND = 10;

export interface RateLimitClock {
  nowMs(): number;
  sleep(ms: number): Promise<void>;
}

/** `bytesPerSecond` is at least 1. */
export function limitRate(transport: Transport, bytesPerSecond: number, clock: RateLimitClock): Transport {
  const portion = Math.max(1, Math.floor(bytesPerSecond / PERIODS_PER_SECOND));
  /** When what was written so far is paid for. */
  let paidUntil = 0;
  return {
    read: () => transport.read(),
    close: () => transport.close(),
    abort: () => transport.abort?.() ?? transport.close(),
    async write(bytes) {
      for (let at = 0; at < bytes.length; at += portion) {
        const piece = bytes.subarray(at, at + portion);
        const early = paidUntil - clock.nowMs();
        if (early > 0) await clock.sleep(early);
        await transport.write(piece);
        paidUntil = Math.max(paidUntil, clock.nowMs()) + piece.length / bytesPerSecond * 1000;
      }
    },
  };
}
