/**
 * The second half of `check`: is every archive of the manifest authentic, complete and readable, and is there anything
 * in the repository that no archive refers to? With repair it drops what is beyond help, replaces lost file chunks by
 * zeros of the same length (and heals them when the true chunk is back), and rebuilds a lost manifest.
 */
import type { ChunksIndex } from "../local/mod.ts";
import type { ObjectCodec, WorkerSpawner } from "../object/mod.ts";
import type { StoreDeleter } from "../store/mod.ts";
import { asChunkId, type ChunkId, equalBytes, hexOfId, ID_LENGTH, MANIFEST_ID } from "../bytes/mod.ts";
import { type AppError, IntegrityError } from "../errors.ts";
import { log, type Reporter } from "../report.ts";
import { type ArchiveMeta, decodeArchiveMeta, encodeArchiveMeta } from "./archive_meta.ts";
import { isDamage } from "./damage.ts";
import type { Item } from "./item.ts";
import { FIELD, type ItemView } from "./item_view.ts";
import { ItemsWriter } from "./items_writer.ts";
import { type ArchiveInfo, Manifest } from "./manifest.ts";
import { rebuildManifest } from "./rebuild_manifest.ts";
import { FileChunkCheck, type References } from "./repair_chunks.ts";
import { RobustItemReader } from "./robust_reader.ts";
import { verifyData } from "./verify_data.ts";

export interface CheckContext {
  store: StoreDeleter;
  codec: ObjectCodec;
  reporter: Reporter;
  /** An empty index for about so many entries. */
  newIndex(capacity: number): ChunksIndex;
  nowUs(): number;
  /** Called now and then; may let the event loop turn, so that signals arrive. */
  breathe(): void | Promise<void>;
  /** Threads that verify objects; without it this thread does it alone. */
  spawner?: WorkerSpawner | undefined;
}

export interface CheckOptions {
  repair: boolean;
  verifyData: boolean;
  /** Which archives of the manifest; null: all, and then orphans are looked for. */
  select: ((manifest: Manifest) => ArchiveInfo[]) | null;
}

/** An archive's own metadata and its sizes, or why it cannot be read. */
type OpenedArchive =
  | { info: ArchiveInfo; meta: ArchiveMeta; own: { size: number; csize: number } }
  | { info: ArchiveInfo; error: AppError };

/** How many archives are opened before the first is looked at, where each would cost a round trip. */
const OPENED_AHEAD = 128;
/** Ids fetched per listing call. */
const LIST_LIMIT = 100_000;

export class ArchiveCheck {
  #chunks!: ChunksIndex;
  /** Ids that a repair may have left without a reference: not orphans to complain about. */
  readonly #superseded = new Set<string>();
  #errors = 0;
  readonly #id = asChunkId(new Uint8Array(ID_LENGTH));

  constructor(private readonly context: CheckContext, private readonly options: CheckOptions) {
  }

  /** True where all is well, or where repair has made it so. Problems are logged as errors. */
  async run(): Promise<boolean> {
    const { store, codec, reporter } = this.context;
    log(reporter, "INFO", "Starting archive consistency check...");
    await this.#loadIds();
    if (this.#chunks.count === 0) {
      log(reporter, "ERROR", "The repository contains no data at all, the check cannot go on");
      return false;
    }
    if (this.options.verifyData) {
      this.#errors += await verifyData(store, codec, reporter, {
        chunks: this.#chunks,
        repair: this.options.repair,
        spawner: this.context.spawner,
      });
    }
    const manifest = await this.#manifest();
    const archives = this.options.select?.(manifest) ?? [...manifest.archives.values()];
    const step = store.preload ? OPENED_AHEAD : 1;
    for (let from = 0; from < archives.length; from += step) {
      const opened = await this.#openAhead(archives.slice(from, from + step));
      for (const [i, archive] of opened.entries()) {
        const { info } = archive;
        this.#progress(from + i, archives.length);
        log(reporter, "INFO", `Checking archive ${info.name} (${from + i + 1}/${archives.length})`);
        if ("error" in archive) this.#giveUp(manifest, info, archive.error);
        else await this.#checkItems(manifest, info, archive.meta, archive.own);
      }
    }
    this.#progress(archives.length, archives.length, true);
    await this.#checkOrphans();
    if (this.options.repair) {
      log(reporter, "INFO", "Writing the manifest");
      await manifest.write(store, this.context.nowUs());
      await store.commit();
    }
    this.#chunks.dispose();
    if (this.#errors > 0) log(reporter, "ERROR", "Archive consistency check complete, problems found.");
    else log(reporter, "INFO", "Archive consistency check complete, no problems found.");
    return this.options.repair || this.#errors === 0;
  }

  #problem(message: string): void {
    this.#errors++;
    log(this.context.reporter, "ERROR", message);
  }

  #progress(current: number, total: number, finished = false): void {
    if (!this.context.reporter.progress) return;
    const percent = total > 0 ? 100 * current / total : 100;
    this.context.reporter.emit({
      type: "progress_percent",
      operation: 2,
      msgid: "check.rebuild_refcounts",
      finished,
      current,
      total,
      message: finished ? "" : `Checking archives ${percent.toFixed(1)}%`,
    });
  }

  async #loadIds(): Promise<void> {
    const count = await this.context.store.count();
    this.#chunks = this.context.newIndex(count);
    let marker: ChunkId | undefined;
    for (;;) {
      const packed = await this.context.store.list(LIST_LIMIT, marker);
      if (packed.length === 0) break;
      for (let at = 0; at < packed.length; at += ID_LENGTH) {
        marker = asChunkId(packed.subarray(at, at + ID_LENGTH));
        this.#chunks.add(marker, 0, 0, 0);
      }
    }
    // What is left out of the list would be given up for lost, and what it holds together deleted.
    if (this.options.repair && this.#chunks.count !== count) {
      throw new IntegrityError("IntegrityError", [
        `the repository lists ${this.#chunks.count} objects and says that it has ${count}: nothing is repaired`,
      ]);
    }
  }

  async #manifest(): Promise<Manifest> {
    const { store, codec, reporter } = this.context;
    if (!this.#chunks.has(MANIFEST_ID)) {
      this.#problem("The repository's manifest is missing");
    } else {
      try {
        return await Manifest.load(store, codec, { operations: ["check"], tamRequired: codec.tamRequired });
      } catch (error) {
        if (!(error instanceof IntegrityError)) throw error;
        this.#problem(`The repository's manifest is damaged: ${error.message}`);
        this.#chunks.remove(MANIFEST_ID);
      }
    }
    return await rebuildManifest(store, codec, reporter, {
      chunks: this.#chunks,
      onError: (message) => this.#problem(message),
    });
  }

  /** The archives opened, or why they cannot be, and their items asked for, where each would cost a round trip. */
  async #openAhead(infos: readonly ArchiveInfo[]): Promise<OpenedArchive[]> {
    const { store } = this.context;
    store.preload?.(infos.map(({ id }) => id).filter((id) => this.#chunks.has(id)));
    const opened: OpenedArchive[] = [];
    for (const info of infos) {
      const archive = await this.#open(info);
      if ("meta" in archive) store.preload?.(archive.meta.items.filter((id) => this.#chunks.has(id)));
      opened.push(archive);
    }
    return opened;
  }

  async #open(info: ArchiveInfo): Promise<OpenedArchive> {
    const { store, codec } = this.context;
    try {
      if (!this.#chunks.has(info.id)) throw new IntegrityError("IntegrityError", ["its metadata is missing"]);
      const stored = await store.get(info.id);
      const packed = await codec.open(info.id, stored);
      const { fields } = codec.unpackAuthenticated("archive", packed, {
        tamRequired: codec.tamRequired,
        name: info.name,
      });
      return { info, meta: decodeArchiveMeta(fields), own: { size: packed.length, csize: stored.length } };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { info, error };
    }
  }

  #giveUp(manifest: Manifest, info: ArchiveInfo, error: AppError): void {
    const fate = this.options.repair ? "is removed" : "would be removed by --repair";
    this.#problem(`Archive ${info.name} cannot be trusted or read (${error.message}), it ${fate}`);
    this.#superseded.add(hexOfId(info.id));
    manifest.archives.delete(info.name);
  }

  async #checkItems(
    manifest: Manifest,
    info: ArchiveInfo,
    meta: ArchiveMeta,
    own: { size: number; csize: number },
  ): Promise<void> {
    const { codec } = this.context;
    const references = this.#references();
    const files = new FileChunkCheck(references, info.name, this.options.repair, {
      error: (message) => this.#problem(message),
      note: (message) => log(this.context.reporter, "INFO", message),
    });
    const rewritten = this.options.repair ? this.#itemsWriter(references) : null;
    for await (const batch of this.#robustItems(manifest, info, meta)) {
      const breath = this.context.breathe();
      if (breath) await breath;
      for (const item of batch) {
        if (item.chunks) await files.check(item);
        const wait = rewritten?.add(item);
        if (wait) await wait;
      }
    }
    if (!rewritten) {
      this.#chunks.add(info.id, own.size, own.csize);
      return;
    }
    await rewritten.flush();
    rewritten.dispose();
    if (sameIds(rewritten.ids, meta.items)) {
      this.#chunks.add(info.id, own.size, own.csize);
      return;
    }
    for (const id of [info.id, ...meta.items]) this.#superseded.add(hexOfId(id));
    const packed = codec.packAuthenticated("archive", encodeArchiveMeta({ ...meta, items: rewritten.ids }));
    const { id } = await references.store(packed);
    manifest.archives.set(info.name, { name: info.name, id, time: info.time });
  }

  /**
   * True where nothing can be wrong with the chunks of this item, which are then counted. (Of the others some may be
   * counted twice: without repair only the difference between none and any matters.)
   */
  #allThere(view: ItemView): boolean {
    if (!view.has(FIELD.chunks)) return true;
    if (view.has(FIELD.chunks_healthy)) return false;
    for (let count = view.openChunks(FIELD.chunks); count > 0; count--) {
      view.nextChunk();
      view.copyId(this.#id);
      if (!this.#chunks.reference(this.#id)) return false;
    }
    return true;
  }

  #itemsWriter(references: References): ItemsWriter {
    return new ItemsWriter(this.context.codec.chunkSeed, async (chunk) => (await references.store(chunk)).id);
  }

  async *#robustItems(manifest: Manifest, info: ArchiveInfo, meta: ArchiveMeta): AsyncGenerator<Item[]> {
    const { store, codec } = this.context;
    let position = 0;
    const report = (what: string): void =>
      this.#problem(`${info.name}: ${what} [chunk ${String(position).padStart(6, "0")}]`);
    const reader = new RobustItemReader(manifest.itemKeys, report);
    for (const id of meta.items) {
      let plain: Uint8Array | null = null;
      if (!this.#chunks.has(id)) report(`item metadata chunk ${hexOfId(id)} is missing`);
      else {
        try {
          const stored = await store.get(id);
          plain = await codec.open(id, stored);
          if (!this.options.repair) this.#chunks.add(id, plain.length, stored.length);
        } catch (error) {
          if (!isDamage(error)) throw error;
          report(error.message);
        }
      }
      // Repair writes all items anew.
      yield this.options.repair ? reader.push(plain) : reader.push(plain, (view) => this.#allThere(view));
      position++;
    }
    reader.end();
  }

  /** How the checks of file chunks and the rewriting of metadata count references and store new objects. */
  #references(): References {
    const { store, codec } = this.context;
    const chunks = this.#chunks;
    const repair = this.options.repair;
    return {
      has: (id) => chunks.has(id),
      add: (id, size, csize) => chunks.add(id, size, csize),
      supersede: (id) => void this.#superseded.add(hexOfId(id)),
      store: async (plain) => {
        const id = codec.idOf(plain);
        const known = chunks.has(id);
        let csize = known ? await store.storedSize(id) : -1;
        if (csize < 0 && repair) {
          const stored = await codec.seal(plain, codec.defaultCompression);
          // Where the store has it and cannot tell its size, this is what it will be.
          if (!known) await store.put(id, stored);
          csize = stored.length;
        }
        csize = Math.max(0, csize);
        chunks.add(id, plain.length, csize);
        return { id, size: plain.length, csize };
      },
    };
  }

  async #checkOrphans(): Promise<void> {
    const { store, reporter } = this.context;
    if (this.options.select !== null) {
      log(
        reporter,
        "INFO",
        "The search for orphaned objects is skipped, it needs all archives to be checked",
      );
      return;
    }
    const unused = this.#chunks.unreferenced().filter((id) => !equalBytes(id, MANIFEST_ID));
    const orphans = unused.filter((id) => !this.#superseded.has(hexOfId(id)));
    if (orphans.length > 0) this.#problem(`${orphans.length} orphaned objects found`);
    if (!this.options.repair || unused.length === 0) return;
    log(
      reporter,
      "INFO",
      `Deleting ${orphans.length} orphaned and ${unused.length - orphans.length} replaced objects`,
    );
    for (const id of unused) await store.delete(id);
  }
}

function sameIds(a: readonly ChunkId[], b: readonly ChunkId[]): boolean {
  return a.length === b.length && a.every((id, i) => equalBytes(id, b[i]!));
}
