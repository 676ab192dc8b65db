/** Rebuilding a lost manifest: every object is looked at, those that are authentic archives are listed again. */
import type { ChunksIndex } from "../local/mod.ts";
import type { ObjectCodec } from "../object/mod.ts";
import type { StoreReader } from "../store/mod.ts";
import { decodeMsgpack, decodeText, encodeText, MsgpackError, type UnpackedMap } from "../bytes/mod.ts";
import { IntegrityError } from "../errors.ts";
import { log, type Reporter } from "../report.ts";
import { isDamage } from "./damage.ts";
import { Manifest } from "./manifest.ts";

/** Keys that every archive has (borg constants, REQUIRED_ARCHIVE_KEYS). */
const REQUIRED = ["version", "name", "items", "cmdline", "time"];
const CMDLINE = encodeText("cmdline");

/** A manifest in memory; the caller writes it if it repairs. */
export async function rebuildManifest(
  store: StoreReader,
  codec: ObjectCodec,
  reporter: Reporter,
  options: { chunks: ChunksIndex; onError: (message: string) => void },
): Promise<Manifest> {
  log(reporter, "INFO", "Rebuilding the missing manifest, this may take a while...");
  const manifest = new Manifest(codec);
  for (const { id } of options.chunks.entries()) {
    let plain: Uint8Array;
    try {
      plain = await codec.open(id, await store.get(id));
    } catch (error) {
      if (!isDamage(error)) throw error;
      options.onError(`Skipping a damaged object: ${error.message}`);
      continue;
    }
    const map = archiveMap(plain);
    if (!map) continue;
    const name = decodeText(map.get("name") as Uint8Array);
    try {
      codec.unpackAuthenticated("archive", plain, { tamRequired: codec.tamRequired, name });
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      // Whoever can write to the repository could have put this here: only what the key holder signed counts.
      options.onError(`Archive ${name} is not authentic (${error.message}), it is left out`);
      continue;
    }
    const free = freeName(manifest, name);
    manifest.archives.set(free, { name: free, id, time: decodeText(map.get("time") as Uint8Array) });
    log(reporter, "INFO", `Found archive ${free}`);
  }
  return manifest;
}

/** The map in `plain` if that is what an archive object looks like. */
function archiveMap(plain: Uint8Array): UnpackedMap | null {
  if (plain.length === 0 || ((plain[0]! & 0xf0) !== 0x80 && plain[0] !== 0xde)) return null;
  if (!includes(plain, CMDLINE)) return null;
  try {
    const object = decodeMsgpack(plain);
    if (!(object instanceof Map) || !REQUIRED.every((key) => object.has(key))) return null;
    if (!(object.get("name") instanceof Uint8Array) || !(object.get("time") instanceof Uint8Array)) {
      return null;
    }
    return object;
  } catch (error) {
    if (error instanceof MsgpackError) return null;
    throw error;
  }
}

function includes(haystack: Uint8Array, needle: Uint8Array): boolean {
  for (let at = haystack.indexOf(needle[0]!); at >= 0; at = haystack.indexOf(needle[0]!, at + 1)) {
    if (needle.every((byte, i) => haystack[at + i] === byte)) return true;
  }
  return false;
}

/** `name`, or with ".1", ".2", … where two archives claim one name. */
function freeName(manifest: Manifest, name: string): string {
  let free = name;
  for (let n = 1; manifest.archives.has(free); n++) free = `${name}.${n}`;
  return free;
}
