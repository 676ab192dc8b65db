/** `recreate`: archives made anew from old ones. */
import {
  type Archive,
  type ChunkSinkOptions,
  Interrupted,
  ItemFilter,
  recreatedMeta,
  type RecreateOptions,
  Recreation,
  Repacker,
  Replacement,
  taggedFolders,
} from "../core/archive/mod.ts";
import { printable } from "../core/bytes/mod.ts";
import { type ChunkerParams, DEFAULT_CHUNKER_PARAMS, largestChunk } from "../core/chunk/mod.ts";
import { CACHE_TAG_NAME, CACHE_TAG_START, type PathMatcher } from "../core/fs/mod.ts";
import { ChunksIndex } from "../core/local/mod.ts";
import { monotonicMs } from "../core/platform/mod.ts";
import { AppError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import { requireNewName } from "./archive_name.ts";
import { makeBreath } from "./breath.ts";
import { NewArchive, resolveTimestamp, showFileStatus } from "./new_archive.ts";
import type { CommandContext } from "./context.ts";
import { printStats } from "./create_stats.ts";
import { ObjectThreads } from "./object_workers.ts";
import { buildMatcher } from "./pattern_options.ts";
import { RECREATE_SPEC, type RecreateValues } from "./recreate_options.ts";
import { openSession, type Session } from "./session.ts";
import type { Command } from "./spec.ts";
import { commandError } from "./values.ts";

/**
 * What borg calls an archive until it takes the place of the old one, and leaves behind when it dies in between; ours goes by
 * this name in its checkpoints alone.
 */
const TEMPORARY = ".recreate";

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as RecreateValues;
  showFileStatus(context, values);
  const timestampUs = resolveTimestamp(context, values.timestamp);
  await using session = await openSession(context, values.location, {
    operations: ["check"],
    exclusive: true,
  });
  const target = values.target === undefined ? undefined : requireNewName(session.fill(values.target));
  using work = new RecreateWork(context, session, values, { target, timestampUs });
  const { archive: name } = session.location;
  if (name !== undefined) {
    if (name.endsWith(TEMPORARY)) {
      throw commandError(`${printable(name)} is what an interrupted recreate left: it cannot be made anew`);
    }
    if (await work.recreate(name)) return;
    throw commandError(
      "nothing to do: give a pattern, a PATH, --comment, --target, --recompress, or other --chunker-params",
    );
  }
  if (target !== undefined) throw commandError("--target needs the name of one archive");
  const infos = [...session.manifest.archives.values()].sort((a, b) =>
    a.time < b.time ? -1 : a.time > b.time ? 1 : 0
  );
  for (const info of infos) {
    if (info.name.endsWith(TEMPORARY)) continue;
    context.print(`Processing ${printable(info.name)}\n`);
    if (await work.recreate(info.name)) continue;
    log(context.reporter, "INFO", `Skipped archive ${printable(info.name)}: nothing to do.`);
  }
}

/** Which paths of an archive stay. */
interface Selection {
  select(path: string): boolean;
  isSubset: boolean;
}

class RecreateWork implements Disposable {
  /** Chunks that were compressed already, for an earlier archive or file. */
  readonly #repacked = new ChunksIndex();
  readonly #seen = new ChunksIndex();
  readonly #replacement: Replacement;

  constructor(
    private readonly context: CommandContext,
    private readonly session: Session,
    private readonly values: RecreateValues,
    private readonly options: { target: string | undefined; timestampUs: number | undefined },
  ) {
    this.#replacement = new Replacement({ ...session.chunkLists(), store: session.store });
  }

  /** False where nothing is to be done. */
  async recreate(name: string): Promise<boolean> {
    const { values, context, options: { target } } = this;
    const archive = await this.session.openArchive(name);
    if (this.session.manifest.archives.has(name + TEMPORARY)) {
      log(
        context.reporter,
        "WARNING",
        `There is ${
          printable(name + TEMPORARY)
        }, which an interrupted recreate may have left. It stays as it is.`,
      );
    }
    const selection = await this.#selection(archive);
    const { chunkerParams: old } = archive.meta;
    const rechunk = values.chunker_params !== undefined && !(old && sameParams(values.chunker_params, old))
      ? values.chunker_params
      : null;
    const isIdle = !selection.isSubset && values.recompress === "never" && rechunk === null &&
      values.comment === undefined && target === undefined;
    if (isIdle) return false;
    if (values.dry_run) {
      await this.#show(archive, selection);
      return true;
    }
    this.session.expectWrites({ chunks: true });
    await this.#make(archive, {
      ...selection,
      rechunk,
      checkpointIntervalMs: values.checkpoint_interval * 1000,
      nowMs: monotonicMs,
      interrupted: context.interrupted,
      breathe: makeBreath(),
      spawner: new ObjectThreads(context),
    });
    return true;
  }

  async #selection(archive: Archive): Promise<Selection> {
    const { values, context } = this;
    const matcher = buildMatcher(context, values, values.paths);
    if (values.exclude_caches || values.exclude_if_present.length > 0) {
      await this.#addTagged(archive, matcher);
    }
    return {
      select: (path) => matcher.match(path) === "include",
      isSubset: !matcher.empty || values.paths.length > 0,
    };
  }

  async #addTagged(archive: Archive, matcher: PathMatcher): Promise<void> {
    const { values } = this;
    const tagged = await taggedFolders(archive, {
      names: values.exclude_if_present,
      ...(values.exclude_caches ? { cacheTag: { name: CACHE_TAG_NAME, start: CACHE_TAG_START } } : {}),
    }, (path) => matcher.match(path) === "include");
    const rule = (matches: (path: string) => boolean, verdict: "include" | "exclude-no-recurse"): void =>
      matcher.addRule({ pattern: { text: "", style: "pp", matches }, verdict });
    if (values.keep_exclude_tags) {
      for (const { tag } of tagged) rule((path) => path === tag || path.startsWith(`${tag}/`), "include");
    }
    for (const { folder } of tagged) {
      rule(
        (path) => !values.keep_exclude_tags && path === folder || path.startsWith(`${folder}/`),
        "exclude-no-recurse",
      );
    }
  }

  /** What would be done, and nothing else. */
  async #show(archive: Archive, selection: Selection): Promise<void> {
    const { reporter } = this.context;
    const filter = new ItemFilter(selection);
    for await (const batch of archive.items()) {
      for (const item of batch) {
        const status = filter.apply(item) === null ? "x" : "-";
        reporter.emit({ type: "file_status", status, path: printable(item.path) });
      }
    }
  }

  async #make(archive: Archive, options: RecreateOptions): Promise<void> {
    const { context, session, values } = this;
    const { store, codec } = session;
    const { target } = this.options;
    const params = options.rechunk ?? archive.meta.chunkerParams ?? DEFAULT_CHUNKER_PARAMS;
    const packing = {
      compression: values.compression,
      largestChunk: Math.max(largestChunk(params), largestChunk(DEFAULT_CHUNKER_PARAMS)),
      spawner: options.spawner,
      breathe: options.breathe,
    };
    using made = this.#newArchive(archive, params, packing);
    if (target === undefined) await this.#replacement.prepare();
    context.stopCleanly();
    const repacker = values.recompress === "never" ? null : new Repacker(store, codec, this.#repacked, {
      ...packing,
      always: values.recompress === "always",
    });
    const contents = repacker ?? (options.rechunk === null ? null : made.sink);
    try {
      await new Recreation(archive, made.writer, { metadata: made.sink, contents }, context.reporter, options)
        .run();
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      session.afterCommit();
      throw new AppError("Error", [
        "Interrupted: the archive is as it was; what was made is kept as a checkpoint",
      ]);
    } finally {
      repacker?.dispose();
    }
    await this.#finish(archive, made);
    session.afterCommit();
    await printStats(context, session, {
      stats: values.stats,
      quick_stats: false,
      json: false,
      name: target ?? archive.name,
    }, made.writer);
  }

  async #finish(archive: Archive, made: NewArchive): Promise<void> {
    const { manifest } = this.session;
    const old = manifest.archives.get(archive.name)!;
    const inPlace = this.options.target === undefined;
    made.noteChunks(inPlace ? await made.writer.complete() : await made.writer.save());
    if (inPlace) await this.#replacement.replace(old, { nowUs: this.context.nowUs() });
  }

  #newArchive(archive: Archive, chunkerParams: ChunkerParams, packing: ChunkSinkOptions): NewArchive {
    const { context, session, values } = this;
    const { target, timestampUs } = this.options;
    return new NewArchive(context, session, {
      name: target ?? archive.name,
      ...(target === undefined ? { replacesAs: archive.name + TEMPORARY } : {}),
      comment: values.comment === undefined ? archive.meta.comment : session.fill(values.comment),
      chunkerParams,
      adjust: (meta) =>
        recreatedMeta(meta, archive.meta, { keepTimes: timestampUs === undefined, cmdline: context.argv }),
      timestampUs,
      packing,
      seen: this.#seen,
    });
  }

  [Symbol.dispose](): void {
    this.#replacement[Symbol.dispose]();
    this.#repacked.dispose();
    this.#seen.dispose();
  }
}

function sameParams(a: ChunkerParams, b: ChunkerParams): boolean {
  const text = (params: ChunkerParams): string => JSON.stringify(Object.entries(params).sort());
  return text(a) === text(b);
}

export const command: Command = { spec: RECREATE_SPEC, run };
