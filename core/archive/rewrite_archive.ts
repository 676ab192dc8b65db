/**
 * Replaces an archive's own object, for what changes its metadata and not its items: rename, and adding authentication.
 * All fields are kept as they were stored, those too that this version does not know.
 */
import type { ObjectCodec } from "../object/mod.ts";
import type { StoreDeleter } from "../store/mod.ts";
import { encodeText, type Packable, type UnpackedMap } from "../bytes/mod.ts";
import { ArchiveError } from "../errors.ts";
import { type ArchiveInfo, type Manifest, requireArchiveName } from "./manifest.ts";

export interface RewriteContext {
  store: StoreDeleter;
  codec: ObjectCodec;
  manifest: Manifest;
}

export interface StoredMeta {
  fields: UnpackedMap;
  /** Whether a valid TAM was there. */
  authenticated: boolean;
}

/**
 * The fields of an archive's object. Throws the archive TAM errors: a wrong TAM counts as a missing one with
 * `ignoreInvalidTam`, and a missing one is refused where `tamRequired`.
 */
export async function readStoredMeta(
  context: Pick<RewriteContext, "store" | "codec">,
  info: ArchiveInfo,
  options: { tamRequired: boolean; ignoreInvalidTam?: boolean },
): Promise<StoredMeta> {
  const packed = await context.codec.open(info.id, await context.store.get(info.id));
  return context.codec.unpackAuthenticated("archive", packed, {
    tamRequired: options.tamRequired,
    name: info.name,
    ...(options.ignoreInvalidTam ? { ignoreInvalidArchiveTam: true } : {}),
  });
}

/**
 * Stores `fields`, with a new TAM, in place of the archive's object, under `name`. Manifest and commit are the caller's.
 * Answers the new entry of the manifest.
 */
export async function replaceMeta(
  context: RewriteContext,
  info: ArchiveInfo,
  change: { name: string; fields: UnpackedMap },
): Promise<ArchiveInfo> {
  const { store, codec, manifest } = context;
  const fields = Object.fromEntries(change.fields) as Record<string, Packable>;
  const packed = codec.packAuthenticated("archive", fields);
  const id = codec.idOf(packed);
  await store.put(id, await codec.seal(packed, codec.defaultCompression));
  await store.delete(info.id);
  const renamed: ArchiveInfo = { name: change.name, id, time: info.time };
  manifest.archives.delete(info.name);
  manifest.archives.set(change.name, renamed);
  return renamed;
}

/** Renames and commits. Throws Archive.DoesNotExist, Archive.AlreadyExists, and what {@link readStoredMeta} throws. */
export async function renameArchive(
  context: RewriteContext,
  names: { from: string; to: string },
  nowUs: number,
): Promise<ArchiveInfo> {
  const { manifest, store } = context;
  const info = manifest.archives.get(names.from);
  if (!info) throw new ArchiveError("Archive.DoesNotExist", [names.from]);
  // As borg 1.4 does: an archive without a TAM gets one, as from upgrade --archives-tam; with a wrong one it is refused.
  const { fields } = await readStoredMeta(context, info, { tamRequired: false });
  if (manifest.archives.has(names.to)) throw new ArchiveError("Archive.AlreadyExists", [names.to]);
  requireArchiveName(names.to);
  fields.set("name", encodeText(names.to));
  const renamed = await replaceMeta(context, info, { name: names.to, fields });
  await manifest.write(store, nowUs);
  await store.commit();
  return renamed;
}
