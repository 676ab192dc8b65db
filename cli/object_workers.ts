/** Threads that seal and open objects: one for each core but the one that reads and writes. */
import { availableParallelism } from "node:os";
import type { ObjectWorker, WorkerSpawner } from "../core/object/mod.ts";
import type { CommandContext } from "./context.ts";

const MAX_WORKERS = 8;

/** Undefined where there is one core only, the runtime has no web workers, or ALCOVE_WORKERS says 0. */
export function objectWorkers(context: CommandContext): WorkerSpawner | undefined {
  const wanted = context.env("ALCOVE_WORKERS");
  const count = wanted !== undefined && /^\d+$/.test(wanted) ? Number(wanted) : availableParallelism() - 1;
  if (count < 1 || typeof Worker === "undefined") return undefined;
  return {
    count: Math.min(count, MAX_WORKERS),
    spawn: () =>
      new Worker(new URL("./object_worker.ts", import.meta.url), {
        type: "module",
      }) as unknown as ObjectWorker,
  };
}
