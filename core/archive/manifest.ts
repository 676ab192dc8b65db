/**
 * The manifest: the root of everything, stored under the all-zero id (borg docs, internals/data-structures.rst, "The
 * manifest"). It names the archives, carries feature flags, and is authenticated by its TAM because an id cannot.
 */
import type { ObjectCodec } from "../object/mod.ts";
import type { StoreReader, StoreWriter } from "../store/mod.ts";
import {
  asChunkId,
  type ChunkId,
  decodeText,
  encodeText,
  ID_LENGTH,
  MANIFEST_ID,
  type Packable,
  sortedMap,
  type Unpacked,
  type UnpackedMap,
} from "../bytes/mod.ts";
import { AppError, IntegrityError, ManifestError } from "../errors.ts";
import { ITEM_KEYS } from "./item.ts";
import { formatTimestamp, parseTimestamp } from "./timestamp.ts";

/** What a command is going to do; feature flags may forbid one and allow another. */
export type Operation = "read" | "check" | "write" | "delete";

export interface ArchiveInfo {
  readonly name: string;
  readonly id: ChunkId;
  /** Start of the backup, as stored: ISO 8601 UTC. */
  readonly time: string;
}

/** Limits that borg's reader enforces (borg constants). */
const MAX_ARCHIVES = 400_000;
const MAX_NAME_BYTES = 255;

/** Throws Error where borg could not read a manifest with this archive name. */
export function requireArchiveName(name: string): void {
  if (encodeText(name).length <= MAX_NAME_BYTES) return;
  throw new AppError("Error", [`Cannot add the archive: its name is longer than ${MAX_NAME_BYTES} bytes`]);
}

export class Manifest {
  /** In the order in which they were added. */
  readonly archives = new Map<string, ArchiveInfo>();
  /** Free-form settings; preserved. */
  config: UnpackedMap = new Map();
  /** As stored; empty before the first write. */
  timestamp = "";
  itemKeys: Set<string> = new Set(ITEM_KEYS);
  /** Whether what was loaded carried a valid TAM. */
  authenticated = false;
  /** Id hash of the manifest's bytes: changes with every write, tells caches whether they are current. */
  id: ChunkId = MANIFEST_ID;

  constructor(readonly codec: ObjectCodec) {}

  /**
   * Reads the manifest. Throws NoManifestError, IntegrityError, the TAM errors, or MandatoryFeatureUnsupported when a
   * feature flag forbids one of `operations`.
   */
  static async load(
    store: StoreReader,
    codec: ObjectCodec,
    options: { operations: readonly Operation[]; tamRequired: boolean; stored?: Uint8Array },
  ): Promise<Manifest> {
    const stored = options.stored ?? await readManifestObject(store);
    const data = await codec.open(null, stored);
    const { fields, authenticated } = codec.unpackAuthenticated("manifest", data, {
      tamRequired: options.tamRequired,
    });
    const manifest = new Manifest(codec);
    manifest.id = codec.idOf(data);
    manifest.authenticated = authenticated;
    manifest.#decode(fields);
    manifest.requireFeatures(options.operations);
    return manifest;
  }

  #decode(fields: UnpackedMap): void {
    const version = fields.get("version");
    if (version !== 1 && version !== 2) throw new ManifestError("UnsupportedManifestError");
    const archives = fields.get("archives");
    if (!(archives instanceof Map)) {
      throw new IntegrityError("IntegrityError", ["the manifest has no archive list"]);
    }
    for (const [name, entry] of archives) {
      const id = entry instanceof Map ? entry.get("id") : undefined;
      const time = entry instanceof Map ? entry.get("time") : undefined;
      if (!(id instanceof Uint8Array) || id.length !== ID_LENGTH || !(time instanceof Uint8Array)) {
        throw new IntegrityError("IntegrityError", ["the manifest has a damaged archive entry"]);
      }
      const key = String(name);
      this.archives.set(key, { name: key, id: asChunkId(id), time: decodeText(time) });
    }
    const config = fields.get("config");
    if (config instanceof Map) this.config = config;
    const timestamp = fields.get("timestamp");
    if (timestamp instanceof Uint8Array) this.timestamp = decodeText(timestamp);
    const itemKeys = fields.get("item_keys");
    if (Array.isArray(itemKeys)) {
      for (const key of itemKeys) if (key instanceof Uint8Array) this.itemKeys.add(decodeText(key));
    }
  }

  /** Throws MandatoryFeatureUnsupported when a flag that we do not know is mandatory for one of `operations`. */
  requireFeatures(operations: readonly Operation[]): void {
    const flags = this.config.get("feature_flags");
    if (!(flags instanceof Map)) return;
    for (const operation of operations) {
      const requirements = flags.get(operation);
      const mandatory = requirements instanceof Map ? requirements.get("mandatory") : undefined;
      if (!Array.isArray(mandatory) || mandatory.length === 0) continue;
      const names = mandatory.map((name: Unpacked) =>
        name instanceof Uint8Array ? decodeText(name) : String(name)
      );
      throw new ManifestError("MandatoryFeatureUnsupported", [names.join(", ")]);
    }
  }

  get tamRequired(): boolean {
    return this.config.get("tam_required") === true;
  }

  /**
   * Puts the manifest into the store (the caller commits). `nowUs`: the present in microseconds since 1970. `tamRequired`:
   * whether the key demands authentication; a caller that is changing the key knows better than the codec.
   */
  async write(store: StoreWriter, nowUs: number, tamRequired = this.codec.tamRequired): Promise<void> {
    if (tamRequired) this.config.set("tam_required", true);
    this.timestamp = nextTimestamp(this.timestamp, nowUs);
    if (this.archives.size > MAX_ARCHIVES) {
      throw new AppError("Error", [
        `Cannot add the archive: a repository holds at most ${MAX_ARCHIVES} archives`,
      ]);
    }
    // Without a prototype: an archive may be called "__proto__", too.
    const archives: Record<string, Packable> = Object.create(null);
    for (const { name, id, time } of this.archives.values()) {
      requireArchiveName(name);
      archives[name] = sortedMap({ id, time });
    }
    const packed = this.codec.packAuthenticated("manifest", {
      version: 1,
      archives: sortedMap(archives),
      timestamp: this.timestamp,
      config: sortedMap(Object.fromEntries(this.config) as Record<string, Packable>),
      item_keys: [...this.itemKeys].sort(),
    });
    this.authenticated = true;
    this.id = this.codec.idOf(packed);
    await store.put(MANIFEST_ID, await this.codec.seal(packed, this.codec.defaultCompression));
  }
}

/** The manifest's stored bytes; throws NoManifestError. */
export async function readManifestObject(store: StoreReader): Promise<Uint8Array> {
  try {
    return await store.get(MANIFEST_ID);
  } catch (error) {
    if (error instanceof AppError && error.code === "Repository.ObjectNotFound") {
      throw new ManifestError("NoManifestError");
    }
    throw error;
  }
}

/** Strictly later than `previous`, however the clock stands: replay protection compares these. */
function nextTimestamp(previous: string, nowUs: number): string {
  const last = parseTimestamp(previous);
  return formatTimestamp(last === null ? nowUs : Math.max(last + 1, nowUs));
}
