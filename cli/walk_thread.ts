/**
 * The thread that walks ahead of `create` where most files will turn out to be unchanged: then listing folders and asking for
 * stats is half of the work, and a second core can do it.
 */
import { availableParallelism } from "node:os";
import type { WalkWorker } from "../core/fs/mod.ts";
import { OsError } from "../core/errors.ts";
import type { CommandContext } from "./context.ts";
import type { CreateValues } from "./create_options.ts";
import { filesCacheName } from "./files_cache_mode.ts";

/** A files cache of so many bytes knows some thousand files: below that the thread is not worth its start. */
const MIN_CACHE_BYTES = 256 * 1024;
/** Whoever does not start in this time never will. */
const START_MS = 3000;

export class WalkThread implements Disposable {
  readonly #worker: Worker;
  /** The thread, or null where it does not start. */
  readonly ready: Promise<WalkWorker | null>;

  private constructor() {
    const worker = new Worker(new URL("./walk_worker.ts", import.meta.url), { type: "module" });
    this.#worker = worker;
    this.ready = new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), START_MS);
      worker.onmessage = () => {
        clearTimeout(timer);
        resolve(worker as unknown as WalkWorker);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        clearTimeout(timer);
        resolve(null);
      };
    });
  }

  /** Null where it would not help, or cannot be had. */
  static start(context: CommandContext, values: CreateValues, cacheDir: string): WalkThread | null {
    if (!isPlainWalk(values) || context.files.at === undefined) return null;
    if (
      context.env("ALCOVE_WORKERS") === "0" || availableParallelism() < 2 || typeof Worker === "undefined"
    ) {
      return null;
    }
    try {
      const { size } = context.files.stat(`${cacheDir}/${filesCacheName(context)}`);
      return size < MIN_CACHE_BYTES ? null : new WalkThread();
    } catch (error) {
      if (error instanceof OsError) return null;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** Paths from elsewhere, and entries that are something else than they seem, are not what the thread knows. */
function isPlainWalk(values: CreateValues): boolean {
  const { files_cache, read_special, dry_run } = values;
  return files_cache.mode !== null && !files_cache.rechunk && !read_special && !dry_run &&
    !values.content_from_command && !values.paths_from_command && !values.paths_from_stdin;
}
