/**
 * The thread that walks ahead of `create` where most files will turn out to be unchanged: then listing folders and asking for
 * stats is half of the work, and a second core can do it.
 */
import { availableParallelism } from "node:os";
import { type AheadOptions, AheadWalker, type WalkWorker } from "../core/fs/mod.ts";
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
  /** The walk that the thread began with, until somebody wants it. */
  #first: { root: string; walker: AheadWalker } | null;
  /** Whether the thread runs. */
  readonly ready: Promise<boolean>;

  /** `first` is the walk that will be wanted first: it begins as soon as the thread runs. */
  private constructor(first: AheadOptions) {
    const worker = new Worker(new URL("./walk_worker.ts", import.meta.url), { type: "module" });
    this.#worker = worker;
    this.ready = new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), START_MS);
      worker.onmessage = () => {
        clearTimeout(timer);
        resolve(true);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        clearTimeout(timer);
        resolve(false);
      };
    });
    this.#first = { root: first.plan.root, walker: this.#walk(first) };
  }

  #walk(options: AheadOptions): AheadWalker {
    return new AheadWalker(this.#worker as unknown as WalkWorker, options);
  }

  /** A walk by the thread, one at a time. */
  walk(options: AheadOptions): AheadWalker {
    const first = this.#first;
    this.#first = null;
    if (first === null) return this.#walk(options);
    if (first.root !== options.plan.root) {
      throw new TypeError("Cannot walk: the thread began with another root");
    }
    return first.walker;
  }

  /** Null where it would not help, or cannot be had. */
  static start(
    context: CommandContext,
    values: CreateValues,
    options: { cacheDir: string; first: AheadOptions },
  ): WalkThread | null {
    const { cacheDir, first } = options;
    if (!isPlainWalk(values) || context.files.at === undefined) return null;
    if (
      context.env("ALCOVE_WORKERS") === "0" || availableParallelism() < 2 || typeof Worker === "undefined"
    ) {
      return null;
    }
    return knowsFew(context, `${cacheDir}/${filesCacheName(context)}`) ? null : new WalkThread(first);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** Where all files are new, reading and sealing keep all cores busy: the thread would only add to their work. */
function knowsFew(context: CommandContext, cacheFile: string): boolean {
  try {
    return context.files.stat(cacheFile).size < MIN_CACHE_BYTES;
  } catch (error) {
    if (error instanceof OsError) return true;
    throw error;
  }
}

/** Paths from elsewhere, and entries that are something else than they seem, are not what the thread knows. */
function isPlainWalk(values: CreateValues): boolean {
  const { files_cache, read_special, dry_run } = values;
  return files_cache.mode !== null && !files_cache.rechunk && !read_special && !dry_run &&
    !values.content_from_command && !values.paths_from_command && !values.paths_from_stdin;
}
