/** Time of day, elapsed time, waiting. */

/** Milliseconds since 1970. */
export function nowMs(): number {
  return Date.now();
}

/** Microseconds since 1970, as fine as the runtime tells. */
export function nowUs(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}

/** Milliseconds of a clock that nobody sets; only differences mean something. */
export function monotonicMs(): number {
  return performance.now();
}

/** How far local time is ahead of UTC at that moment, in minutes. */
export function utcOffsetMinutes(epochMs: number): number {
  return -new Date(epochMs).getTimezoneOffset();
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread. */
export function sleepSync(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
