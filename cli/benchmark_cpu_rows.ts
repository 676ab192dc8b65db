/**
 * What `benchmark cpu` measures: the program's own inner loops, each as the work on one buffer. Where the machine lends a
 * library, the row is there twice, with it and without.
 */
import { Buffer } from "node:buffer";
import { decodeMsgpack, encodeMsgpack, type Packable } from "../core/bytes/mod.ts";
import { type ChunkerParams, createChunker, encodeChunkerParams } from "../core/chunk/mod.ts";
import {
  type Accel,
  createAesCtr,
  createBlake2b256,
  createHmacSha256,
  createSha256,
  deriveKey,
  type Digest32,
  Envelope,
  ENVELOPE_OVERHEAD,
  PBKDF2_ITERATIONS,
} from "../core/crypto/mod.ts";
import { Compressor, parseCompression } from "../core/object/mod.ts";
import { crc32 } from "../core/store/mod.ts";
import { Xxh64 } from "../wasm/mod.ts";

export interface Row {
  readonly name: string;
  /** Does the work once; a promise only where code has to be loaded first. */
  readonly work: () => unknown;
  /** Bytes that one `work` goes through, or pieces with `unit`. */
  readonly amount: number;
  /** Of what there are `amount`, where they are not bytes. */
  readonly unit?: string;
}

export interface Section {
  readonly title: string;
  /** Prepares the rows: not measured. */
  rows(): Row[] | Promise<Row[]>;
}

export interface RowOptions {
  /** Null where the user does without borrowed libraries, or there are none. */
  accel: Accel | null;
  /** Size of a buffer; the chunkers' is four times as large. */
  bytes: number;
  randomBytes(length: number): Uint8Array;
}

const CHUNKERS: readonly ChunkerParams[] = [
  { algorithm: "buzhash", minExp: 19, maxExp: 23, maskBits: 21, windowSize: 4095 },
  { algorithm: "buzhash", minExp: 15, maxExp: 19, maskBits: 17, windowSize: 4095 },
  { algorithm: "buzhash", minExp: 10, maxExp: 23, maskBits: 16, windowSize: 4095 },
  { algorithm: "fixed", blockSize: 4 << 20, headerSize: 0 },
];
const COMPRESSIONS = ["lz4", "zstd,1", "zstd,3", "zstd,10", "zlib,1", "zlib,6", "lzma,0", "lzma,6"] as const;
const ITEMS = 1000;

/** The sections in the order in which they are shown. */
export function benchmarkSections(options: RowOptions): readonly Section[] {
  return [
    { title: "Chunkers", rows: () => chunkerRows(options) },
    { title: "Checksums", rows: () => checksumRows(options) },
    { title: "Cryptographic hashes / MACs", rows: () => hashRows(options) },
    { title: "Encryption", rows: () => encryptionRows(options) },
    { title: "KDF (slow is good)", rows: kdfRows },
    { title: "Compression", rows: () => compressionRows(options) },
    { title: "msgpack", rows: msgpackRows },
  ];
}

/** A row with borrowed code, where there is such, and one without. */
function twice(
  accel: Accel | null,
  borrowed: unknown,
  make: (accel: Accel | null, note: string) => Row,
): Row[] {
  return accel && borrowed ? [make(accel, ""), make(null, " (portable)")] : [make(null, "")];
}

function chunkerRows({ bytes, randomBytes }: RowOptions): Row[] {
  const data = randomBytes(4 * bytes);
  return CHUNKERS.map((params) => {
    const chunker = createChunker(params, 0x5eed);
    return {
      name: encodeChunkerParams(params).join(","),
      amount: data.length,
      work() {
        let at = 0;
        const read = (into: Uint8Array): number => {
          const part = data.subarray(at, at + into.length);
          into.set(part);
          at += part.length;
          return part.length;
        };
        let chunks = 0;
        for (const _ of chunker.chunk(read)) chunks++;
        return chunks;
      },
    };
  });
}

function checksumRows({ bytes, randomBytes }: RowOptions): Row[] {
  const data = randomBytes(bytes);
  return [
    { name: "crc32", amount: bytes, work: () => crc32(data) },
    { name: "xxh64", amount: bytes, work: () => new Xxh64().update(data).digestHex() },
  ];
}

function hashRows({ accel, bytes, randomBytes }: RowOptions): Row[] {
  const data = randomBytes(bytes);
  const key = randomBytes(32);
  const out = new Uint8Array(32);
  const row = (name: string, hash: Digest32): Row => ({
    name,
    amount: bytes,
    work: () => hash.digest(data, out, 0),
  });
  return [
    ...twice(accel, accel?.sha256, (accel, note) => row(`sha256${note}`, createSha256(accel))),
    ...twice(
      accel,
      accel?.hmacSha256,
      (accel, note) => row(`hmac-sha256${note}`, createHmacSha256(key, accel)),
    ),
    row("blake2b-256", createBlake2b256(randomBytes(128))),
  ];
}

function encryptionRows({ accel, bytes, randomBytes }: RowOptions): Row[] {
  const data = randomBytes(bytes);
  const key = randomBytes(32);
  const counter = new Uint8Array(16);
  const out = new Uint8Array(bytes + ENVELOPE_OVERHEAD);
  const cipher = (accel: Accel | null, note: string): Row => {
    const aes = createAesCtr(key, accel);
    return { name: `aes-256-ctr${note}`, amount: bytes, work: () => aes.process(counter, data, out) };
  };
  const sealed = (name: string, accel: Accel | null, mac: Digest32): Row => {
    const envelope = new Envelope(createAesCtr(key, accel), mac);
    return { name, amount: bytes, work: () => envelope.fill(out, data) };
  };
  return [
    ...twice(accel, accel?.aesCtr, cipher),
    ...twice(
      accel,
      accel?.aesCtr || accel?.hmacSha256,
      (accel, note) => sealed(`aes-256-ctr-hmac-sha256${note}`, accel, createHmacSha256(key, accel)),
    ),
    ...twice(
      accel,
      accel?.aesCtr,
      (accel, note) => sealed(`aes-256-ctr-blake2b${note}`, accel, createBlake2b256(randomBytes(128))),
    ),
  ];
}

function kdfRows(): Row[] {
  const salt = new Uint8Array(32);
  return [{
    name: `pbkdf2-sha256,${PBKDF2_ITERATIONS}`,
    amount: 1,
    unit: "keys",
    work: () => deriveKey("correct horse battery staple", { salt, iterations: PBKDF2_ITERATIONS }),
  }];
}

const WORDS =
  "files that were here yesterday are mostly here today: store each piece once, name it by its content, " +
  "and the next backup costs what has changed. 0123456789 /usr/share/doc/README.md rw-r--r-- root";

/** The same text-like bytes on every machine, which zstd,3 packs to about a quarter. */
function wordy(length: number): Uint8Array {
  const words = WORDS.split(" ");
  let text = "";
  for (let state = 0x2545f491; text.length < length;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    text += words[(state >>> 0) % words.length]! + (state & 0x1f ? " " : "\n");
  }
  return new Uint8Array(Buffer.from(text, "latin1").subarray(0, length));
}

async function compressionRows({ accel, bytes }: RowOptions): Promise<Row[]> {
  const plain = wordy(bytes);
  const rows: Row[] = [];
  for (const text of COMPRESSIONS) {
    const compression = parseCompression(text);
    const makers = compression.kind === "lz4" && accel?.lz4 ? [accel, null] : [accel];
    for (const lender of makers) {
      const name = `${text}${lender !== accel ? " (portable)" : ""}`;
      const compressor = new Compressor({ accel: lender, random: Math.random });
      // Packed once beforehand: to unpack it, and to have the algorithm's code loaded.
      const packed = (await compressor.compress(plain, compression)).slice();
      rows.push({ name, amount: bytes, work: () => compressor.compress(plain, compression) });
      rows.push({
        name: `${name} unpacking`,
        amount: bytes,
        work: () => compressor.decompress(packed, true),
      });
    }
  }
  return rows;
}

function msgpackRows(): Row[] {
  const item = (i: number): Packable =>
    new Map(Object.entries({
      path: `home/user/documents/reports/2026/report-${i}.odt`,
      source: "",
      mode: 0o100644,
      user: "user",
      uid: 1000,
      group: "user",
      gid: 1000,
      mtime: 1_770_000_000_000_000_000n + BigInt(i),
      ctime: 1_770_000_000_000_000_000n + BigInt(i),
      size: 250_000 + i,
      chunks: [[new Uint8Array(32).fill(i), 250_000 + i, 200_000 + i]],
    }));
  const items = Array.from({ length: ITEMS }, (_, i) => item(i));
  const packed = encodeMsgpack(items);
  return [
    { name: "msgpack", amount: ITEMS, unit: "items", work: () => encodeMsgpack(items) },
    { name: "msgpack unpacking", amount: ITEMS, unit: "items", work: () => decodeMsgpack(packed) },
  ];
}
