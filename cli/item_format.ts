/** The keys of `list ARCHIVE --format` and of its JSON lines (borg docs, usage/list, "keys available"). */
import { createHash, getHashes } from "node:crypto";
import { type Archive, type ChunkEntry, type Item, itemSize } from "../core/archive/mod.ts";
import { hexOfId, printable } from "../core/bytes/mod.ts";
import type { ChunksIndex } from "../core/local/mod.ts";
import { Xxh64 } from "../wasm/mod.ts";
import { Template, type TemplatePart, type TemplateValue, TimeValue } from "./format_template.ts";
import { jsonTime } from "./local_time.ts";
import { pythonJson } from "./python_json.ts";

export const DEFAULT_ITEM_FORMAT = "{mode} {user:6} {group:6} {size:8} {mtime} {path}{extra}{NL}";

const PLAIN_KEYS = [
  "type",
  "mode",
  "uid",
  "gid",
  "user",
  "group",
  "path",
  "bpath",
  "source",
  "linktarget",
  "flags",
  "extra",
  "health",
  "archiveid",
  "archivename",
];
const SIZE_KEYS = ["size", "csize", "dsize", "dcsize", "num_chunks", "unique_chunks"];
const TIME_KEYS = ["mtime", "ctime", "atime", "isomtime", "isoctime", "isoatime"];
/** Names of Python's hashlib with OpenSSL's names for them. */
const HASHES: Record<string, string> = {
  md5: "md5",
  sha1: "sha1",
  sha224: "sha224",
  sha256: "sha256",
  sha384: "sha384",
  sha512: "sha512",
  sha3_224: "sha3-224",
  sha3_256: "sha3-256",
  sha3_384: "sha3-384",
  sha3_512: "sha3-512",
  blake2b: "blake2b512",
  blake2s: "blake2s256",
};
const KNOWN = new Set([...PLAIN_KEYS, ...SIZE_KEYS, ...TIME_KEYS, ...Object.keys(HASHES), "xxh64"]);
/** Keys that need reference counts over all archives. */
const COUNTED_KEYS = ["dsize", "dcsize", "unique_chunks"];

/** Keys that are in every line of JSON, in this order, and those that never are. */
export const ALWAYS_IN_JSON = [
  "type",
  "mode",
  "user",
  "group",
  "uid",
  "gid",
  "path",
  "healthy",
  "source",
  "linktarget",
  "flags",
];
export const NOT_IN_JSON: ReadonlySet<string> = new Set(["bpath", "extra", "health"]);

export function jsonValue(value: TemplateValue): string | number {
  return value instanceof TimeValue ? jsonTime(value.us) : value;
}

const TYPES: Record<number, string> = {
  0o140000: "s",
  0o120000: "l",
  0o100000: "-",
  0o060000: "b",
  0o040000: "d",
  0o020000: "c",
  0o010000: "p",
};

/** "-rw-r--r--" */
export function modeText(mode: number): string {
  const triplet = (bits: number, special: boolean, letter: string): string =>
    `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}` +
    (special ? (bits & 1 ? letter : letter.toUpperCase()) : bits & 1 ? "x" : "-");
  return (TYPES[mode & 0o170000] ?? "?") + triplet(mode >> 6 & 7, (mode & 0o4000) !== 0, "s") +
    triplet(mode >> 3 & 7, (mode & 0o2000) !== 0, "s") + triplet(mode & 7, (mode & 0o1000) !== 0, "t");
}

/**
 * Microseconds as borg prints them: it computes seconds as a double and rounds that, so the last digit is what a double
 * makes of it.
 */
export function toUs(ns: bigint | number): number {
  const seconds = Number(ns) / 1e9;
  const whole = Math.trunc(seconds);
  return whole * 1e6 + Math.round((seconds - whole) * 1e6);
}

export class ItemFormat {
  readonly #template: Template;
  /** Digests and the like of the item at hand, which need its contents read. */
  #digests: Record<string, string> = {};

  constructor(format: string, private readonly archive: Pick<Archive, "id" | "name">) {
    this.#template = new Template(format, KNOWN);
  }

  /** Reference counts are needed before the first line can be made. */
  get needsCounts(): boolean {
    return COUNTED_KEYS.some((key) => this.#template.keys.has(key));
  }

  counts: ChunksIndex | null = null;

  get parts(): readonly TemplatePart[] {
    return this.#template.parts;
  }

  /** Keys that the template uses. */
  get keys(): ReadonlySet<string> {
    return this.#template.keys;
  }

  /** Digests that the template asks for; call before {@link text} or {@link json} of an item. */
  async prepare(
    item: Item,
    contents: (chunks: readonly ChunkEntry[]) => AsyncIterable<Uint8Array>,
  ): Promise<void> {
    this.#digests = {};
    for (const key of this.#template.keys) {
      if (key !== "xxh64" && !(key in HASHES)) continue;
      if (!item.chunks) {
        this.#digests[key] = "";
        continue;
      }
      const hash = key === "xxh64" ? new Xxh64() : createHash(hashName(HASHES[key]!));
      for await (const data of contents(item.chunks)) hash.update(data);
      this.#digests[key] = "digestHex" in hash ? hash.digestHex() : hash.digest("hex");
    }
  }

  get needsContents(): boolean {
    return [...this.#template.keys].some((key) => key === "xxh64" || key in HASHES);
  }

  text(item: Item): string {
    return this.#template.render((key) => this.value(item, key));
  }

  /** One JSON object: the keys that are always there, and those of the template. */
  json(item: Item): string {
    const object: Record<string, unknown> = {};
    for (const key of ["archivename", "archiveid"]) {
      if (this.#template.keys.has(key)) object[key] = this.value(item, key);
    }
    for (const key of ALWAYS_IN_JSON) {
      object[key] = key === "healthy" ? item.chunks_healthy === undefined : this.value(item, key);
    }
    for (const key of this.#template.keys) {
      if (!(key in object) && !NOT_IN_JSON.has(key)) object[key] = jsonValue(this.value(item, key));
    }
    return pythonJson(object);
  }

  value(item: Item, key: string): TemplateValue {
    if (key in this.#digests) return this.#digests[key]!;
    const source = item.source === undefined ? "" : printable(item.source);
    const symlink = (item.mode & 0o170000) === 0o120000;
    switch (key) {
      case "type":
        return modeText(item.mode)[0]!;
      case "mode":
        return source !== "" && !symlink ? `h${modeText(item.mode).slice(1)}` : modeText(item.mode);
      case "uid":
        return item.uid;
      case "gid":
        return item.gid;
      case "user":
        return item.user || item.uid;
      case "group":
        return item.group || item.gid;
      case "path":
        return printable(item.path);
      case "bpath":
        return item.path;
      case "source":
      case "linktarget":
        return source;
      case "extra":
        return source === "" ? "" : symlink ? ` -> ${source}` : ` link to ${source}`;
      case "flags":
        return item.bsdflags ?? 0;
      case "health":
        return item.chunks_healthy === undefined ? "healthy" : "broken";
      case "archiveid":
        return hexOfId(this.archive.id);
      case "archivename":
        return this.archive.name;
      default:
        return key.endsWith("time") ? this.#time(item, key) : this.#size(item, key);
    }
  }

  #time(item: Item, key: string): TemplateValue {
    const name = key.replace(/^iso/, "") as "mtime" | "ctime" | "atime";
    const us = toUs(item[name] ?? item.mtime);
    return key.startsWith("iso") ? jsonTime(us) : new TimeValue(us);
  }

  #size(item: Item, key: string): number {
    const chunks = item.chunks ?? [];
    if (key === "size") return itemSize(item);
    if (key === "num_chunks") return chunks.length;
    if (key === "csize" && (item.mode & 0o170000) === 0o120000) return itemSize(item);
    if (key === "csize") return chunks.reduce((sum, chunk) => sum + chunk.csize, 0);
    const own = new Map<string, number>();
    for (const chunk of chunks) own.set(hexOfId(chunk.id), (own.get(hexOfId(chunk.id)) ?? 0) + 1);
    const unique = chunks.filter((chunk) => this.counts?.refcount(chunk.id) === own.get(hexOfId(chunk.id)));
    if (key === "unique_chunks") return unique.length;
    return unique.reduce((sum, chunk) => sum + (key === "dsize" ? chunk.size : chunk.csize), 0);
  }
}

/** The runtime's spelling of an OpenSSL digest name. */
function hashName(name: string): string {
  return getHashes().find((known) => known.toLowerCase() === name) ?? name;
}
