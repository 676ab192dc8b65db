/**
 * Progress of a long walk over segments, and room for the rest of the program: after 50 ms of work a step answers with a
 * promise, so that signals and timers get their turn in between.
 */
import type { StoreEnv } from "./env.ts";

const TURN_MS = 50;
const EVENT_MS = 200;
/** A segment has 500 MB: so much of it is gone through between two calls of {@link Steps.within}. */
export const BYTES_PER_TURN = 4 << 20;
let operations = 0;

export class Steps {
  #done = 0;
  #turn: number;
  #event = 0;
  readonly #operation = ++operations;

  /** `message` is shown with the percentage after it. */
  constructor(
    private readonly env: StoreEnv,
    private readonly options: { total: number; msgid: string; message: string },
  ) {
    this.#turn = env.nowMs();
  }

  /** One step is about to begin; a promise must be awaited first. */
  step(): Promise<void> | undefined {
    const now = this.env.nowMs();
    const { reporter } = this.env;
    if (reporter.progress && now - this.#event >= EVENT_MS) {
      this.#event = now;
      const { total, msgid, message } = this.options;
      const percent = total === 0 ? 100 : 100 * this.#done / total;
      reporter.emit({
        type: "progress_percent",
        operation: this.#operation,
        msgid,
        finished: false,
        message: `${message} ${percent.toFixed(1)}%`,
        current: this.#done,
        total,
      });
    }
    this.#done++;
    return this.#turnAfter(now);
  }

  /** To be called now and then within a step that may be long; a promise must be awaited before going on. */
  within(): Promise<void> | undefined {
    return this.#turnAfter(this.env.nowMs());
  }

  #turnAfter(now: number): Promise<void> | undefined {
    if (now - this.#turn < TURN_MS) return undefined;
    return this.env.sleep(0).then(() => {
      this.#turn = this.env.nowMs();
    });
  }

  finish(): void {
    if (!this.env.reporter.progress) return;
    const { msgid } = this.options;
    this.env.reporter.emit({ type: "progress_percent", operation: this.#operation, msgid, finished: true });
  }
}
