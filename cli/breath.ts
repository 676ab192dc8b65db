/** Letting the event loop turn in the middle of synchronous work, so that signals arrive. */
import { monotonicMs, sleep } from "../core/platform/mod.ts";

/** How long a signal may wait. */
const BREATH_MS = 100;

/** A function that waits for a turn of the event loop, but at most every so often. */
export function makeBreath(): () => void | Promise<void> {
  let last = monotonicMs();
  return () => {
    const now = monotonicMs();
    if (now - last < BREATH_MS) return;
    last = now;
    return sleep(0);
  };
}
