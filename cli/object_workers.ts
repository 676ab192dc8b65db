/** Threads that seal and open objects: one for each core but the one that reads and writes, and ssh's. */
import { availableParallelism } from "node:os";
import type { ObjectWorker, WorkerSpawner } from "../core/object/mod.ts";
import type { CommandContext } from "./context.ts";
import type { Location } from "./location.ts";

const MAX_WORKERS = 8;

export class ObjectThreads implements WorkerSpawner, Disposable {
  /** Started, and not asked for yet. */
  readonly #early: Worker[] = [];
  readonly #wanted: number | null;
  #busy = 1;

  constructor(context: Pick<CommandContext, "env">) {
    const wanted = context.env("ALCOVE_WORKERS");
    this.#wanted = wanted !== undefined && /^\d+$/.test(wanted) ? Number(wanted) : null;
  }

  /** How many there may be: 0 where no core is left, the runtime has no web workers, or ALCOVE_WORKERS says so. */
  get count(): number {
    if (typeof Worker === "undefined") return 0;
    return Math.min(this.#wanted ?? Math.max(0, availableParallelism() - this.#busy), MAX_WORKERS);
  }

  /**
   * To be called before any is started, where the work on an object is quick: ssh's cipher then takes as long, and a thread
   * that only competes with it for a core costs memory and gains nothing.
   */
  leaveCoreToSsh(location: Pick<Location, "proto">): void {
    if (location.proto === "ssh") this.#busy = 2;
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
