/**
 * CRC-32 (IEEE 802.3, reflected polynomial 0xedb88320) over the entries of segments: bytes in, unsigned number out. The
 * runtime's own zlib does it with carry-less multiplication where `node:zlib` exports it (Deno 2.9, Node 20.15); older
 * runtimes and very short inputs, for which the call alone costs more, take eight bytes at a time by table.
 */
import * as zlib from "node:zlib";

type Crc32 = (data: Uint8Array, value?: number) => number;

/** Below this many bytes the table is quicker than a call into the runtime (measured: equal at about 100). */
const NATIVE_FROM_BYTES = 96;

/** TABLES[k * 256 + b]: the CRC of byte b followed by k zero bytes. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!;
    tables[at] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}

/** The CRC by table; `value` is the CRC of what came before `data`. Same result as {@link crc32} on any machine. */
export function crc32ByTable(data: Uint8Array, value = 0): number {
  const t = TABLES;
  let crc = ~value;
  let at = 0;
  for (const end = data.length - 7; at < end; at += 8) {
    crc ^= data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    crc = t[1792 + (crc & 0xff)]! ^ t[1536 + ((crc >>> 8) & 0xff)]! ^
      t[1280 + ((crc >>> 16) & 0xff)]! ^ t[1024 + (crc >>> 24)]! ^
      t[768 + data[at + 4]!]! ^ t[512 + data[at + 5]!]! ^ t[256 + data[at + 6]!]! ^ t[data[at + 7]!]!;
  }
  for (; at < data.length; at++) crc = t[(crc ^ data[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const native = (zlib as { crc32?: Crc32 }).crc32;

/** The CRC of `data`, continued from `value` (the CRC of what came before it; 0 at the start). */
export const crc32: Crc32 = native === undefined
  ? crc32ByTable
  : (data, value = 0) => data.length < NATIVE_FROM_BYTES ? crc32ByTable(data, value) : native(data, value);
