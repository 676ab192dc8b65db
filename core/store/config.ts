/**
 * The repository's `config` file as text, and what the store takes from it: an INI file in the dialect of Python's
 * configparser, which wrote it (borg docs, data-structures.rst, "Config file"). Keys are lower case; a value goes on in
 * indented lines (the key blob does); lines that begin with `#` or `;` are comments and are not kept. Sections and keys
 * that we do not know stay, in their order.
 */
import { decodeHex, ID_LENGTH } from "../bytes/mod.ts";
import { RepositoryError } from "../errors.ts";
import { MAX_ENTRY_BYTES } from "./segment_format.ts";

const SECTION = "repository";
/** Offsets in a segment are 32-bit, and one entry may begin below the limit and end above it. */
export const MAX_SEGMENT_SIZE = 2 ** 32 - MAX_ENTRY_BYTES;
const TRUE = new Set(["1", "yes", "true", "on"]);
const FALSE = new Set(["0", "no", "false", "off"]);
const FACTORS: Record<string, number> = { K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };

/** The keys that the store itself reads, checked. */
export interface StoreSettings {
  segmentsPerDir: number;
  maxSegmentSize: number;
  appendOnly: boolean;
  /** 0: no quota. */
  storageQuota: number;
  additionalFreeSpace: number;
  id: Uint8Array;
}

export class RepositoryConfig {
  readonly #sections = new Map<string, Map<string, string>>();

  /** `location` is for messages. */
  private constructor(private readonly location: string) {}

  /** A configuration with these keys in the repository section, in this order. */
  static create(location: string, values: Record<string, string>): RepositoryConfig {
    const config = new RepositoryConfig(location);
    config.#sections.set(SECTION, new Map(Object.entries(values)));
    return config;
  }

  /** Throws Repository.InvalidRepositoryConfig where `text` is not such a file. */
  static decode(location: string, text: string): RepositoryConfig {
    const config = new RepositoryConfig(location);
    config.#parse(text);
    if (!config.#sections.has(SECTION)) config.#invalid("it has no section [repository]");
    return config;
  }

  encode(): string {
    let text = "";
    for (const [name, values] of this.#sections) {
      text += `[${name}]\n`;
      for (const [key, value] of values) text += `${key} = ${value.replaceAll(/\r\n?|\n/g, "\n\t")}\n`;
      text += "\n";
    }
    return text;
  }

  /** The value of `key` in the repository section. */
  get(key: string): string | undefined {
    return this.#sections.get(SECTION)!.get(key.toLowerCase());
  }

  set(key: string, value: string): void {
    this.#sections.get(SECTION)!.set(key.toLowerCase(), value);
  }

  /** Removes `key`; false if it was not there. */
  remove(key: string): boolean {
    return this.#sections.get(SECTION)!.delete(key.toLowerCase());
  }

  keys(): string[] {
    return [...this.#sections.get(SECTION)!.keys()];
  }

  /** The store's own settings. Throws Repository.InvalidRepositoryConfig where one is missing, unreadable or refused. */
  settings(): StoreSettings {
    const version = this.#number("version");
    if (version !== 1) this.#invalid(`repository version ${version} is not supported`);
    const maxSegmentSize = this.#size("max_segment_size", undefined);
    if (maxSegmentSize >= MAX_SEGMENT_SIZE) {
      this.#invalid(`max_segment_size must be below ${MAX_SEGMENT_SIZE}`);
    }
    const segmentsPerDir = this.#number("segments_per_dir");
    if (segmentsPerDir < 1) this.#invalid("segments_per_dir must be at least 1");
    const id = decodeHex(this.#required("id"));
    if (id?.length !== ID_LENGTH) this.#invalid("id is not 64 hexadecimal digits");
    return {
      segmentsPerDir,
      maxSegmentSize,
      appendOnly: this.#boolean("append_only"),
      storageQuota: this.#size("storage_quota", 0),
      additionalFreeSpace: this.#size("additional_free_space", 0),
      id,
    };
  }

  /** The whole number under `key`, `fallback` where the key is missing. */
  integer(key: string, fallback: number): number {
    return this.get(key) === undefined ? fallback : this.#number(key);
  }

  #parse(text: string): void {
    let section: Map<string, string> | null = null;
    let key: string | null = null;
    let indent = 0;
    for (const line of text.split(/\r\n|\r|\n/)) {
      const trimmed = line.trim();
      if (trimmed.startsWith("#") || trimmed.startsWith(";")) continue;
      if (trimmed === "") {
        // An empty line belongs to a value if more of the value follows; the end is trimmed below.
        if (section && key !== null) section.set(key, section.get(key)! + "\n");
        continue;
      }
      const lineIndent = line.length - line.trimStart().length;
      if (section && key !== null && lineIndent > indent) {
        section.set(key, `${section.get(key)!}\n${trimmed}`);
        continue;
      }
      indent = lineIndent;
      const header = /^\[(.+)\]/.exec(trimmed);
      if (header) {
        section = this.#newSection(header[1]!);
        key = null;
      } else {
        key = this.#parseOption(section, trimmed);
      }
    }
    for (const values of this.#sections.values()) {
      for (const [name, value] of values) values.set(name, value.trimEnd());
    }
  }

  #newSection(name: string): Map<string, string> {
    if (this.#sections.has(name)) this.#invalid(`section [${name}] is there twice`);
    const section = new Map<string, string>();
    this.#sections.set(name, section);
    return section;
  }

  #parseOption(section: Map<string, string> | null, line: string): string {
    const option = /^(.*?)\s*[=:]\s*(.*)$/.exec(line);
    if (!section || !option) this.#invalid("it is not a configuration file");
    const key = option[1]!.trim().toLowerCase();
    if (key === "" || section.has(key)) {
      this.#invalid(`key ${key || "(empty)"} is there twice or has no name`);
    }
    section.set(key, option[2]!.trim());
    return key;
  }

  #required(key: string): string {
    return this.get(key)?.trim() ?? this.#invalid(`${key} is missing`);
  }

  #number(key: string): number {
    const text = this.#required(key);
    const value = /^[+-]?[0-9]+$/.test(text) ? Number(text) : NaN;
    return Number.isSafeInteger(value) ? value : this.#invalid(`${key} is not a number`);
  }

  /** A size in bytes, maybe with a decimal suffix: 1234, 55G, 1.7T. */
  #size(key: string, fallback: number | undefined): number {
    if (fallback !== undefined && this.get(key) === undefined) return fallback;
    const value = parseSize(this.#required(key));
    return value ?? this.#invalid(`${key} is not a size`);
  }

  #boolean(key: string): boolean {
    const text = (this.get(key) ?? "0").trim().toLowerCase();
    return TRUE.has(text) || (!FALSE.has(text) && this.#invalid(`${key} is neither 0 nor 1`));
  }

  #invalid(what: string): never {
    throw new RepositoryError("Repository.InvalidRepositoryConfig", [this.location, what]);
  }
}

/** Bytes of a size as borg's options and configuration write it; null where it is none. */
export function parseSize(text: string): number | null {
  // With an exponent, because borg reads the number as Python's float().
  const match = /^([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)([KMGTP]?)$/.exec(text);
  if (!match) return null;
  const value = Math.floor(Number(match[1]) * (FACTORS[match[2]!] ?? 1));
  return Number.isSafeInteger(value) ? value : null;
}

const SIZE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/** A size for people, in decimal units with two places. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(2)} ${SIZE_UNITS[unit]}`;
}
