/** An existing archive: its metadata, verified, and its items. */
import type { ObjectCodec } from "../object/mod.ts";
import type { StoreReader } from "../store/mod.ts";
import type { ChunkId } from "../bytes/mod.ts";
import { ArchiveError } from "../errors.ts";
import { type ArchiveMeta, decodeArchiveMeta } from "./archive_meta.ts";
import type { Item } from "./item.ts";
import { type ItemStream, readItems, streamItems } from "./items_reader.ts";
import type { ArchiveInfo, Manifest } from "./manifest.ts";

export class Archive {
  private constructor(
    readonly store: StoreReader,
    readonly codec: ObjectCodec,
    /** The name under which the manifest knows it. */
    readonly name: string,
    readonly id: ChunkId,
    readonly meta: ArchiveMeta,
    /** Plain and stored size of the archive object in bytes. */
    readonly metaSize: { size: number; csize: number },
    /** Whether the archive carries a valid TAM. */
    readonly authenticated: boolean,
  ) {}

  /**
   * Throws Archive.DoesNotExist, IntegrityError, or the archive TAM errors: an invalid TAM always, a missing one where
   * `tamRequired` is set. That is for `check` alone: borg 1.4 reads, renames and recreates archives without a TAM, which
   * borg before 1.2.5 made. `ignoreInvalidTam` takes an invalid one for a missing one.
   */
  static async open(
    store: StoreReader,
    codec: ObjectCodec,
    manifest: Manifest,
    options: { name: string; tamRequired?: boolean; ignoreInvalidTam?: boolean },
  ): Promise<Archive> {
    const info = manifest.archives.get(options.name);
    if (!info) throw new ArchiveError("Archive.DoesNotExist", [options.name]);
    return await Archive.load(store, codec, info, options);
  }

  /** The same of an archive that the manifest need not know any more. */
  static async load(
    store: StoreReader,
    codec: ObjectCodec,
    info: ArchiveInfo,
    options: { tamRequired?: boolean; ignoreInvalidTam?: boolean } = {},
  ): Promise<Archive> {
    const stored = await store.get(info.id);
    const packed = await codec.open(info.id, stored);
    const { fields, authenticated } = codec.unpackAuthenticated("archive", packed, {
      tamRequired: options.tamRequired ?? false,
      name: info.name,
      ...(options.ignoreInvalidTam ? { ignoreInvalidArchiveTam: true } : {}),
    });
    const size = { size: packed.length, csize: stored.length };
    return new Archive(store, codec, info.name, info.id, decodeArchiveMeta(fields), size, authenticated);
  }

  /** All items in archive order, in batches. Parts that checkpoints left are skipped unless `parts` is set. */
  async *items(options: { parts?: boolean } = {}): AsyncGenerator<Item[]> {
    for await (const batch of readItems(this.store, this.codec, this.meta.items)) {
      yield options.parts ? batch : batch.filter((item) => item.part === undefined);
    }
  }

  /**
   * The stream of items after each chunk, for readers that take all complete ones out of it at once and keep nothing of
   * them. Parts that checkpoints left are among them.
   */
  stream(): AsyncGenerator<ItemStream> {
    return streamItems(this.store, this.codec, this.meta.items, { reuse: true });
  }
}
