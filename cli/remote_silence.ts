/** Says so where a server does not answer for long: the network may be gone, or the server may be busy. */
import { log, type Reporter } from "../core/report.ts";

const SILENCE_MS = 60_000;

/** What is known of a connection: whether an answer is outstanding, and a number that grows with every sign of life. */
export interface Heard {
  readonly waiting: boolean;
  readonly heard: number;
}

/** Tells, once for each silence that is at least `silenceMs` long, until the answer is disposed of. */
export function watchSilence(
  connection: Heard,
  reporter: Reporter,
  silenceMs = SILENCE_MS,
): Disposable {
  let heard = -1;
  let told = false;
  const timer = setInterval(() => {
    if (!connection.waiting || connection.heard !== heard) {
      heard = connection.heard;
      told = false;
    } else if (!told) {
      told = true;
      const seconds = Math.round(silenceMs / 1000);
      log(reporter, "WARNING", `The server has not answered for ${seconds} seconds, still waiting`);
    }
  }, silenceMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
