/**
 * CRC-32 (IEEE 802.3, reflected polynomial 0xedb88320), the checksum of the entries of segments, by sixteen tables
 * ("slicing": Kounavis and Berry, "A Systematic Approach to Building High Performance, Software-based, CRC generators",
 * 2005). In: bytes. Out: the CRC. There is nothing for vectors in it: WASM has no carry-less multiplication.
 */
import { CRC32_TABLES } from "./const";

const POLYNOMIAL: u32 = 0xedb88320;
/** Tables, and bytes that one step takes. */
const SLICES: i32 = 16;
/** Bytes of one table: 256 * u32. */
const TABLE: i32 = 1024;

/** Entry of table `slice` for the lowest byte of `value`: its CRC when `slice` zero bytes follow it. */
// @ts-ignore: decorator
@inline
function entry(slice: i32, value: u32): u32 {
  return load<u32>(CRC32_TABLES + slice * TABLE + ((value & 0xff) << 2));
}

/** The part of four bytes that lie `slice` bytes before the end of a step. */
// @ts-ignore: decorator
@inline
function word(slice: i32, value: u32): u32 {
  return entry(slice + 3, value) ^ entry(slice + 2, value >> 8) ^ entry(slice + 1, value >> 16) ^
    entry(slice, value >> 24);
}

/** Fills the tables; once for each instance, before `update`. */
export function init(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (POLYNOMIAL & (0 - (crc & 1)));
    store<u32>(CRC32_TABLES + (byte << 2), crc);
  }
  const end = CRC32_TABLES + SLICES * TABLE;
  for (let at = CRC32_TABLES + TABLE; at < end; at += 4) {
    const before = load<u32>(at - TABLE);
    store<u32>(at, (before >> 8) ^ entry(0, before));
  }
}

/** The CRC of `length` bytes at `data`, continued from `value` (the CRC of what came before them; 0 at the start). */
export function update(value: u32, data: usize, length: usize): u32 {
  let crc = ~value;
  const end = data + length;
  const lastStep = data + <usize>(<i32>length & ~(SLICES - 1));
  for (; data < lastStep; data += SLICES) {
    crc = word(12, load<u32>(data) ^ crc) ^ word(8, load<u32>(data, 4)) ^ word(4, load<u32>(data, 8)) ^
      word(0, load<u32>(data, 12));
  }
  if (data + 8 <= end) {
    crc = word(4, load<u32>(data) ^ crc) ^ word(0, load<u32>(data, 4));
    data += 8;
  }
  for (; data < end; data++) crc = entry(0, crc ^ load<u8>(data)) ^ (crc >> 8);
  return ~crc;
}
