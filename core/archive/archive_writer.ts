/**
 * A new archive in the making: collects items, keeps the item stream flowing into the store, and ends with the archive
 * object, the manifest entry and a commit. A checkpoint is the same under another name, in the middle of the work
 * (borg docs, internals/data-structures.rst, "Archives"; usage/create, "checkpoints").
 */
import type { ChunkerParams } from "../chunk/mod.ts";
import type { ObjectCodec } from "../object/mod.ts";
import type { StoreDeleter } from "../store/mod.ts";
import { type ChunkId, encodeText } from "../bytes/mod.ts";
import { AppError, ArchiveError } from "../errors.ts";
import { type ArchiveMeta, encodeArchiveMeta } from "./archive_meta.ts";
import type { ChunkListRecorder } from "./chunk_list_recorder.ts";
import type { ChunkSink } from "./chunk_sink.ts";
import type { Item } from "./item.ts";
import { ItemsWriter } from "./items_writer.ts";
import { type Manifest, requireArchiveName } from "./manifest.ts";
import { Stats } from "./stats.ts";
import { formatTimestamp } from "./timestamp.ts";

export interface ArchiveWriterOptions {
  name: string;
  comment: string;
  chunkerParams: ChunkerParams;
  cmdline: string[];
  hostname: string;
  username: string;
  cwd: string;
  /** Start of the backup that the archive shall show; default: when the writer was made. Microseconds since 1970. */
  timestampUs?: number;
  /** The archive takes the place of one with its name; until then its checkpoints are named after this. */
  replacesAs?: string;
  /** The metadata that is to be written instead, of an archive that is not a checkpoint. */
  adjust?: (meta: ArchiveMeta) => ArchiveMeta;
}

export interface ArchiveWriterContext {
  store: StoreDeleter;
  codec: ObjectCodec;
  manifest: Manifest;
  sink: ChunkSink;
  /** Learns of every chunk that the archive refers to. */
  recorder?: ChunkListRecorder;
  /** The present in microseconds since 1970. */
  nowUs(): number;
}

export class ArchiveWriter {
  /** Contents of files. */
  readonly stats = new Stats();
  /** The archive's own metadata: not part of what the user is told about the files. */
  readonly #metaStats = new Stats();
  readonly #items: ItemsWriter;
  readonly #begunUs: number;
  readonly #checkpointName: string;
  /** Id of the archive object and the times it shows; known after {@link save}. */
  id: ChunkId | null = null;
  startUs = 0;
  endUs = 0;
  /** Stored size of the archive object in bytes. */
  metaSize = 0;

  /** Throws Archive.AlreadyExists. */
  constructor(
    private readonly context: ArchiveWriterContext,
    private readonly options: ArchiveWriterOptions,
  ) {
    if (options.replacesAs === undefined && context.manifest.archives.has(options.name)) {
      throw new ArchiveError("Archive.AlreadyExists", [options.name]);
    }
    requireArchiveName(options.name);
    this.#begunUs = context.nowUs();
    this.#checkpointName = freeCheckpointName(context.manifest, options.replacesAs ?? options.name);
    this.#items = new ItemsWriter(
      context.codec.chunkSeed,
      async (chunk) => {
        const entry = await context.sink.add(chunk, this.#metaStats);
        context.recorder?.addChunk(entry);
        return entry.id;
      },
    );
  }

  /** A returned promise must be awaited before the next call. */
  addItem(item: Item): void | Promise<void> {
    this.context.recorder?.addItem(item);
    return this.#items.add(item);
  }

  /** Commits what there is so far under the checkpoint's name; the next commit replaces it. */
  async checkpoint(): Promise<void> {
    const { id } = await this.#write(this.#checkpointName);
    await this.#commit();
    this.context.manifest.archives.delete(this.#checkpointName);
    await this.context.sink.forget(id);
  }

  /** Writes the archive and commits. */
  async save(): Promise<ArchiveMeta> {
    const meta = await this.complete();
    await this.#commit();
    return meta;
  }

  async #commit(): Promise<void> {
    const { store, manifest, nowUs } = this.context;
    await manifest.write(store, nowUs());
    await store.commit();
  }

  /** Writes the archive and enters it into the manifest. The caller writes that, and commits. */
  async complete(): Promise<ArchiveMeta> {
    const { id, meta } = await this.#write(this.options.name);
    this.id = id;
    this.#items.dispose();
    return meta;
  }

  async #write(name: string): Promise<{ id: ChunkId; meta: ArchiveMeta }> {
    const { codec, manifest, sink, recorder, nowUs } = this.context;
    await this.#items.flush();
    const now = nowUs();
    const duration = now - this.#begunUs;
    this.startUs = this.options.timestampUs ?? now - duration;
    this.endUs = this.startUs + duration;
    const { comment, cmdline, hostname, username, cwd, chunkerParams } = this.options;
    let meta: ArchiveMeta = {
      name,
      comment: name === this.options.name ? comment : "",
      items: [...this.#items.ids],
      cmdline,
      hostname,
      username,
      time: formatTimestamp(this.startUs),
      timeEnd: formatTimestamp(this.endUs),
      cwd,
      chunkerParams,
      stats: this.stats.totals(),
      other: new Map(),
    };
    if (name === this.options.name) meta = this.options.adjust?.(meta) ?? meta;
    const packed = codec.packAuthenticated("archive", encodeArchiveMeta(meta));
    const entry = await sink.add(packed, this.#metaStats);
    this.metaSize = entry.csize;
    if (name === this.options.name) recorder?.addChunk(entry);
    manifest.archives.set(name, { name, id: entry.id, time: meta.time });
    return { id: entry.id, meta };
  }
}

/** 255 bytes less ".checkpoint.999999". */
const MAX_STEM_BYTES = 237;

/** "NAME.checkpoint", or with ".1", ".2", … where that is taken by an earlier interrupted run. */
function freeCheckpointName(manifest: Manifest, name: string): string {
  // A long name is cut, so that the checkpoint's is not too long for the manifest.
  let stem = name;
  while (encodeText(stem).length > MAX_STEM_BYTES) stem = [...stem].slice(0, -1).join("");
  for (let n = 0;; n++) {
    const candidate = `${stem}.checkpoint${n === 0 ? "" : `.${n}`}`;
    if (!manifest.archives.has(candidate)) return candidate;
    if (n > 1_000_000) throw new AppError("Error", ["Cannot find a free name for a checkpoint"]);
  }
}
