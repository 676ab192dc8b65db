/** Threads that seal and open objects: one for each core but the one that reads and writes. */
import { availableParallelism } from "node:os";
import type { ObjectWorker, WorkerSpawner } from "../core/object/mod.ts";
import type { CommandContext } from "./context.ts";

const MAX_WORKERS = 8;

export class ObjectThreads implements WorkerSpawner, Disposable {
  /** How many there may be: 0 where there is one core only, the runtime has no web workers, or ALCOVE_WORKERS says so. */
  readonly count: number;
  /** Started, and not asked for yet. */
  readonly #early: Worker[] = [];

  constructor(context: CommandContext) {
    const wanted = context.env("ALCOVE_WORKERS");
    const count = wanted !== undefined && /^\d+$/.test(wanted) ? Number(wanted) : availableParallelism() - 1;
    this.count = typeof Worker === "undefined" ? 0 : Math.min(count, MAX_WORKERS);
  }

  /** Starts them now, because there will surely be work: they are ready when this thread is. */
  startEarly(): void {
    while (this.#early.length < this.count) this.#early.push(start());
  }

  spawn(): ObjectWorker {
    return (this.#early.pop() ?? start()) as unknown as ObjectWorker;
  }

  /** Ends those that nobody asked for. */
  [Symbol.dispose](): void {
    for (const worker of this.#early.splice(0)) worker.terminate();
  }
}

function start(): Worker {
  return new Worker(new URL("./object_worker.ts", import.meta.url), { type: "module" });
}
