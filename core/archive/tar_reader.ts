/**
 * A tar stream cut into its entries: ustar, GNU (long names, sparse files) and pax (POSIX.1-2001, extended headers; GNU's
 * sparse formats 0.0, 0.1 and 1.0). In: bytes, by a function that reads them in order. Out: entries, and the contents of
 * each as its file has them, holes as zeros. Nothing but the entry at hand is held in memory.
 */
import { concatBytes, decodeText } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import {
  decodeTarHeader,
  decodeTarNumber,
  paddedSize,
  TAR_BLOCK,
  type TarHeader,
  TarType,
} from "./tar_header.ts";

export interface TarEntry extends Omit<TarHeader, "mtime"> {
  /** Nanoseconds since 1970. */
  mtime: bigint;
}

/**
 * Fills `into` from its start and says how many bytes there are; 0 at the end, a negative number where nothing is there at
 * the moment.
 */
export type ReadTar = (into: Uint8Array) => number;

/** A stretch of a sparse file that is in the stream, in bytes. */
interface Data {
  readonly offset: number;
  readonly length: number;
}

/** Extended headers and long names are read into memory: not more than this. */
const MAX_META_BYTES = 1 << 24;
const CONTENT_TYPES: ReadonlySet<number> = new Set([TarType.File, TarType.Contiguous, TarType.Sparse]);
/** What has no contents, whatever its size says. */
const BARE_TYPES: ReadonlySet<number> = new Set([
  TarType.HardLink,
  TarType.Symlink,
  TarType.Character,
  TarType.Block,
  TarType.Directory,
  TarType.Fifo,
]);
const HAS_META: ReadonlySet<number> = new Set([
  TarType.LongName,
  TarType.LongLink,
  TarType.Pax,
  TarType.PaxSolaris,
  TarType.PaxGlobal,
]);

type Pax = Map<string, Uint8Array>;

/** Yields where it needs bytes that are not there at the moment. */
type Search<T> = Generator<void, T, undefined>;

/** What stands before an entry and is about it. */
interface Foreword {
  name: string | null;
  linkName: string | null;
  pax: Pax;
  /** Offsets and lengths of GNU's sparse format 0.0, whose keys repeat. */
  sparse: Data[];
}

export class TarReader {
  readonly #block = new Uint8Array(TAR_BLOCK);
  readonly #globalPax: Pax = new Map();
  #ended = false;
  #blocks = 0;
  /** Of the entry at hand: bytes still in the stream, and then those that fill its last block. */
  #left = 0;
  #padding = 0;
  /** Where in the file we are, and how large it is. */
  #position = 0;
  #size = 0;
  /** What the rest of a sparse file consists of; null: all of it is data. */
  #sparse: Data[] | null = null;
  /** The search for the next entry, while it waits for bytes. */
  #search: Search<TarEntry | null> | null = null;

  /** `onDamage` is told where the stream goes on with something that is no header. */
  constructor(
    private readonly source: ReadTar,
    private readonly options: { ignoreZeros: boolean; onDamage: (message: string) => void },
  ) {}

  /**
   * The next entry; the rest of the one before is skipped. null: at the end. undefined: not all of it is there at the moment;
   * ask again when there may be more. Throws Error on what is no tar stream.
   */
  next(): TarEntry | null | undefined {
    this.#search ??= this.#find();
    const step = this.#search.next();
    if (!step.done) return undefined;
    this.#search = null;
    return step.value;
  }

  *#find(): Search<TarEntry | null> {
    yield* this.#skip(this.#left + this.#padding);
    this.#left = this.#padding = 0;
    const foreword: Foreword = { name: null, linkName: null, pax: new Map(this.#globalPax), sparse: [] };
    for (;;) {
      const header = yield* this.#nextHeader();
      if (header === null) return null;
      if (!HAS_META.has(header.type)) return yield* this.#begin(header, foreword);
      yield* this.#readMeta(header, foreword);
    }
  }

  /** Contents of the entry at hand; 0 at the end, a negative number where nothing is there at the moment. */
  read(into: Uint8Array): number {
    const left = Math.min(into.length, this.#size - this.#position);
    if (left === 0) return 0;
    const data = this.#sparse?.[0];
    if (this.#sparse !== null && (data === undefined || this.#position < data.offset)) {
      const hole = Math.min(left, (data?.offset ?? this.#size) - this.#position);
      into.fill(0, 0, hole);
      this.#position += hole;
      return hole;
    }
    const room = data === undefined ? left : Math.min(left, data.offset + data.length - this.#position);
    const got = this.source(into.subarray(0, Math.min(room, this.#left)));
    if (got === 0) throw broken("it ends within a file");
    if (got < 0) return got;
    this.#left -= got;
    this.#position += got;
    if (data !== undefined && this.#position === data.offset + data.length) this.#sparse!.shift();
    return got;
  }

  *#nextHeader(): Search<TarHeader | null> {
    if (this.#ended) return null;
    for (;; this.#blocks++) {
      const got = yield* this.#fill(this.#block);
      if (got < TAR_BLOCK) {
        if (this.#blocks === 0) throw broken(got === 0 ? "it is empty" : "it is shorter than a header");
        if (got > 0) this.options.onDamage("the tar stream ends within a header");
        return this.#end();
      }
      const header = decodeTarHeader(this.#block);
      if (typeof header !== "string") {
        this.#blocks++;
        return header;
      }
      if (this.options.ignoreZeros) continue;
      if (header === "zeros") return this.#end();
      if (this.#blocks === 0) throw broken("it does not begin with a header");
      this.options.onDamage("what follows in the tar stream is no header; it is not read any further");
      return this.#end();
    }
  }

  #end(): null {
    this.#ended = true;
    return null;
  }

  *#fill(into: Uint8Array): Search<number> {
    let filled = 0;
    while (filled < into.length) {
      const got = this.source(into.subarray(filled));
      if (got === 0) break;
      if (got < 0) yield;
      else filled += got;
    }
    return filled;
  }

  *#skip(bytes: number): Search<void> {
    const scratch = new Uint8Array(Math.min(bytes, 1 << 16));
    while (bytes > 0) {
      const got = this.source(scratch.subarray(0, Math.min(bytes, scratch.length)));
      if (got === 0) throw broken("it ends within a file");
      if (got < 0) yield;
      else bytes -= got;
    }
  }

  *#payload(size: number): Search<Uint8Array> {
    if (size > MAX_META_BYTES) throw broken(`an extended header has ${size} bytes`);
    const bytes = new Uint8Array(paddedSize(size));
    if ((yield* this.#fill(bytes)) < bytes.length) throw broken("it ends within an extended header");
    return bytes.subarray(0, size);
  }

  *#readMeta(header: TarHeader, foreword: Foreword): Search<void> {
    const payload = yield* this.#payload(header.size);
    if (header.type === TarType.LongName || header.type === TarType.LongLink) {
      const end = payload.indexOf(0);
      const name = decodeText(end < 0 ? payload : payload.subarray(0, end));
      if (header.type === TarType.LongName) foreword.name = name;
      else foreword.linkName = name;
      return;
    }
    const records = paxRecords(payload);
    for (const [key, value] of records) {
      if (header.type === TarType.PaxGlobal) this.#globalPax.set(key, value);
      foreword.pax.set(key, value);
    }
    const numbers = (wanted: string): number[] =>
      records.filter(([key]) => key === wanted).map(([, value]) => decimal(value));
    const lengths = numbers("GNU.sparse.numbytes");
    foreword.sparse = numbers("GNU.sparse.offset").map((offset, i) => ({ offset, length: lengths[i] ?? 0 }));
  }

  *#begin(header: TarHeader, foreword: Foreword): Search<TarEntry> {
    const { pax } = foreword;
    const text = (key: string): string | null => {
      const value = pax.get(key);
      return value === undefined ? null : decodeText(value);
    };
    const number = (key: string): number | null => {
      const value = pax.get(key);
      return value === undefined ? null : decimal(value);
    };
    const name = text("GNU.sparse.name") ?? text("path") ?? foreword.name ?? header.name;
    const entry: TarEntry = {
      ...header,
      name: header.type === TarType.Directory ? name.replace(/\/+$/, "") : name,
      linkName: text("linkpath") ?? foreword.linkName ?? header.linkName,
      uid: number("uid") ?? header.uid,
      gid: number("gid") ?? header.gid,
      user: text("uname") ?? header.user,
      group: text("gname") ?? header.group,
      mtime: paxTime(text("mtime")) ?? BigInt(header.mtime) * 1_000_000_000n,
    };
    const stored = number("size") ?? header.size;
    this.#left = BARE_TYPES.has(header.type) ? 0 : stored;
    this.#padding = paddedSize(this.#left) - this.#left;
    this.#position = 0;
    this.#size = CONTENT_TYPES.has(header.type) ? stored : 0;
    this.#sparse = yield* this.#sparseMap(header, foreword);
    if (this.#sparse !== null) {
      this.#size = header.type === TarType.Sparse
        ? decodeTarNumber(this.#block.subarray(483, 495)) ?? 0
        : number("GNU.sparse.realsize") ?? number("GNU.sparse.size") ?? stored;
      if (header.type === TarType.Sparse) yield* this.#readSparseBlocks(this.#sparse);
      this.#checkSparse(this.#sparse);
      // What is stored of a sparse file is a plain file to everybody else.
      entry.type = TarType.File;
    }
    entry.size = this.#size;
    return entry;
  }

  *#sparseMap(header: TarHeader, foreword: Foreword): Search<Data[] | null> {
    const { pax } = foreword;
    if (header.type === TarType.Sparse) return sparseTable(this.#block, 386, 4);
    if (!CONTENT_TYPES.has(header.type)) return null;
    const map = pax.get("GNU.sparse.map");
    if (map !== undefined) return pairs(decodeText(map).split(",").filter((word) => word !== "").map(Number));
    if (pax.has("GNU.sparse.size")) return foreword.sparse;
    const version = ["GNU.sparse.major", "GNU.sparse.minor"].map((key) =>
      decodeText(pax.get(key) ?? NOTHING)
    );
    return version[0] === "1" && version[1] === "0" ? yield* this.#leadingMap() : null;
  }

  /** GNU's sparse format 1.0: the map stands before the data, as decimal numbers in lines, filled up to a block. */
  *#leadingMap(): Search<Data[]> {
    let text = "";
    const numbers: number[] = [];
    const wanted = (): number => numbers.length === 0 ? 1 : 1 + 2 * numbers[0]!;
    while (numbers.length < wanted()) {
      const end = text.indexOf("\n");
      if (end >= 0) {
        numbers.push(decimal(new TextEncoder().encode(text.slice(0, end))));
        text = text.slice(end + 1);
        continue;
      }
      // No number is so long; and to look through all that there is again for each block would take for ever.
      if (text.length > TAR_BLOCK) throw broken("a sparse map is damaged");
      if (this.#left < TAR_BLOCK || (yield* this.#fill(this.#block)) < TAR_BLOCK) {
        throw broken("a sparse map is cut off");
      }
      this.#left -= TAR_BLOCK;
      text += decodeText(this.#block);
    }
    return pairs(numbers.slice(1));
  }

  /** GNU's old format: blocks of 21 further entries each. */
  *#readSparseBlocks(map: Data[]): Search<void> {
    let more = this.#block[482] !== 0;
    while (more) {
      if ((yield* this.#fill(this.#block)) < TAR_BLOCK) throw broken("a sparse map is cut off");
      map.push(...sparseTable(this.#block, 0, 21));
      more = this.#block[504] !== 0;
    }
  }

  #checkSparse(map: Data[]): void {
    let end = 0;
    let stored = 0;
    for (const { offset, length } of map) {
      if (!(offset >= end && length >= 0)) throw broken("a sparse map is damaged");
      end = offset + length;
      stored += length;
    }
    if (!Number.isSafeInteger(this.#size) || end > this.#size || stored > this.#left) {
      throw broken("a sparse map is damaged");
    }
    // Nothing is to be read for empty stretches; GNU tar ends a map with one.
    this.#sparse = map.filter(({ length }) => length > 0);
  }
}

const NOTHING = new Uint8Array(0);

function sparseTable(block: Uint8Array, at: number, count: number): Data[] {
  const table: Data[] = [];
  for (let i = 0; i < count; i++, at += 24) {
    const offset = decodeTarNumber(block.subarray(at, at + 12));
    const length = decodeTarNumber(block.subarray(at + 12, at + 24));
    if (offset === null || length === null) break;
    if (length > 0) table.push({ offset, length });
  }
  return table;
}

function pairs(numbers: readonly number[]): Data[] {
  const map: Data[] = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) map.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  return map;
}

/** "LENGTH KEY=VALUE\n", the length that of the whole record. */
function paxRecords(payload: Uint8Array): [string, Uint8Array][] {
  const records: [string, Uint8Array][] = [];
  for (let at = 0; at < payload.length && payload[at] !== 0;) {
    const blank = payload.indexOf(0x20, at);
    const length = blank < 0 ? NaN : Number(decodeText(payload.subarray(at, blank)));
    const equals = payload.indexOf(0x3d, blank);
    const end = at + length;
    const fits = length >= 5 && end <= payload.length && equals > blank && equals < end &&
      payload[end - 1] === 0x0a;
    if (!fits) throw broken("an extended header is damaged");
    records.push([
      decodeText(payload.subarray(blank + 1, equals)),
      concatBytes(payload.subarray(equals + 1, end - 1)),
    ]);
    at = end;
  }
  return records;
}

function decimal(value: Uint8Array): number {
  const text = decodeText(value).trim();
  // A number that is none counts as nothing, as with Python's tarfile.
  return /^[+-]?\d+(\.\d*)?$/.test(text) ? Math.trunc(Number(text)) : 0;
}

/** Seconds with any number of decimals, exactly. */
function paxTime(text: string | null): bigint | null {
  if (text === null) return null;
  const match = /^\s*(-?)(\d+)(?:\.(\d*))?\s*$/.exec(text);
  if (!match) return 0n;
  const ns = BigInt(match[2]!) * 1_000_000_000n + BigInt((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  return match[1] === "-" ? -ns : ns;
}

function broken(what: string): AppError {
  return new AppError("Error", [`Cannot read the tar stream: ${what}`]);
}
