/**
 * Known answers for every kernel. A build that miscomputes must never come to write a repository: each kernel has to give
 * its answers before it is used for the first time (all of them at each start would cost every command ten
 * milliseconds). The answers were computed by borg 1.2.4, hash-wasm and Python's hashlib and zlib.
 */
import { proveAtFirstUse } from "./_module.ts";
import { Blake2b256 } from "./blake2b.ts";
import { BLAKE2B_WASM } from "./blake2b_wasm.ts";
import { BuzhashScanner } from "./buzhash.ts";
import { BUZHASH_WASM } from "./buzhash_wasm.ts";
import { crc32ByKernel } from "./crc32.ts";
import { CRC32_WASM } from "./crc32_wasm.ts";
import { HashIndex } from "./hash_index.ts";
import { HASH_INDEX_WASM } from "./hash_index_wasm.ts";
import { decodeLz4, encodeLz4, lz4Bound } from "./lz4.ts";
import { LZ4_WASM } from "./lz4_wasm.ts";
import { Xxh64 } from "./xxh64.ts";
import { XXH64_WASM } from "./xxh64_wasm.ts";

proveAtFirstUse(BLAKE2B_WASM, testBlake2b);
proveAtFirstUse(BUZHASH_WASM, testBuzhash);
proveAtFirstUse(CRC32_WASM, testCrc32);
proveAtFirstUse(HASH_INDEX_WASM, testHashIndex);
proveAtFirstUse(LZ4_WASM, testLz4);
proveAtFirstUse(XXH64_WASM, testXxh64);

/** All of them at once. Throws Error naming the kernel that answers wrong. */
export function selfTest(): void {
  testBlake2b();
  testBuzhash();
  testCrc32();
  testHashIndex();
  testLz4();
  testXxh64();
}

function expect(kernel: string, what: string, fits: boolean): void {
  if (!fits) throw new Error(`Self-test failed: kernel ${kernel}, ${what}`);
}

function testBlake2b(): void {
  const data = Uint8Array.from({ length: 300 }, (_, i) => i * 7);
  const wanted = "91ccce0ba9e15867934e70e07d8d4af1270ec75748be56a3f48f5bc8b6c3967d";
  for (const prefix of [0, 5, 128]) {
    const digest = new Uint8Array(32);
    new Blake2b256(data.subarray(0, prefix)).digest(data.subarray(prefix), digest, 0);
    const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    expect("blake2b", `prefix of ${prefix} bytes`, hex === wanted);
  }
}

function testBuzhash(): void {
  testBuzhashBlocks();
  const scanner = new BuzhashScanner({
    seed: 0x12345678,
    minSize: 64,
    maskBits: 6,
    windowSize: 31,
    bufferBytes: 4096,
  });
  const { buffer } = scanner;
  for (let i = 0; i < buffer.length; i++) buffer[i] = Math.imul(i, i) >> 3;
  expect("buzhash", "hash", scanner.hash(100) === 0xd6d56b32);
  const lengths: number[] = [];
  for (let start = 0; start < 1024;) {
    const length = scanner.scan(start, buffer.length - start, true);
    lengths.push(length);
    start += length;
  }
  expect("buzhash", "cuts", lengths.join() === "105,111,104,86,137,104,65,75,87,76,89");
  // Half of the bytes first: the scan has to go on where it stopped.
  expect("buzhash", "first half", scanner.scan(0, 80, false) === 0);
  expect("buzhash", "second half", scanner.scan(0, 160, false) === 105);
  scanner.dispose();
}

/** Parameters by which the kernel passes over whole blocks. */
function testBuzhashBlocks(): void {
  const bufferBytes = 40_000;
  const scanner = new BuzhashScanner({
    seed: 0x12345678,
    minSize: 64,
    maskBits: 13,
    windowSize: 1023,
    bufferBytes,
  });
  for (let i = 0, state = 1; i < bufferBytes; i++) {
    state = Math.imul(state, 1664525) + 1013904223;
    scanner.buffer[i] = state >>> 24;
  }
  const lengths: number[] = [];
  for (let start = 0; start < bufferBytes;) {
    const length = scanner.scan(start, bufferBytes - start, true);
    lengths.push(length);
    start += length;
  }
  expect("buzhash", "cuts between blocks", lengths.join() === "4198,10813,2381,4142,11525,5301,1640");
  scanner.dispose();
}

function testCrc32(): void {
  const check = Uint8Array.from("123456789", (digit) => digit.charCodeAt(0));
  expect("crc32", "check value", crc32ByKernel(check) === 0xcbf43926);
  const data = Uint8Array.from({ length: 100 }, (_, i) => i * 7);
  expect("crc32", "100 bytes", crc32ByKernel(data) === 0x821d3e85);
  const head = crc32ByKernel(data.subarray(0, 45));
  expect("crc32", "45 and 55 bytes", crc32ByKernel(data.subarray(45), head) === 0x821d3e85);
}

function testHashIndex(): void {
  const index = HashIndex.create({ valueWords: 2 });
  const id = new Uint8Array(32);
  const view = new DataView(id.buffer);
  // Keys of equal home (a multiple of the 1031 buckets) must step aside for each other.
  for (let i = 0; i < 1200; i++) {
    view.setUint32(0, (i % 40) * 1031, true);
    view.setUint32(28, i, true);
    index.set(id, i, 0xffffffff - i);
  }
  expect("hash_index", "size", index.size === 1200);
  for (let i = 0; i < 1200; i += 3) {
    view.setUint32(0, (i % 40) * 1031, true);
    view.setUint32(28, i, true);
    expect("hash_index", "remove", index.remove(id) && !index.remove(id));
  }
  const copy = HashIndex.decode(index.encode(), { valueWords: 2 });
  let seen = 0;
  for (let slot = copy.next(-1); slot >= 0; slot = copy.next(slot)) {
    const i = copy.value(slot, 0);
    expect("hash_index", "value", i % 3 !== 0 && copy.value(slot, 1) === 0xffffffff - i);
    expect("hash_index", "find", index.find(copy.id(slot)) === slot);
    seen++;
  }
  expect("hash_index", "iteration", seen === 800 && index.size === 800);
  index.dispose();
  copy.dispose();
  testCounting();
}

/** What tells which chunks a deletion may take. */
function testCounting(): void {
  const id = new Uint8Array(32);
  const counts = (from: number, to: number): HashIndex => {
    const index = HashIndex.create({ valueWords: 3 });
    for (let i = from; i < to; i++) {
      id[0] = i;
      index.set(id, 1 + i % 3, i, 2 * i);
    }
    return index;
  };
  const countOf = (index: HashIndex, i: number): number => {
    id[0] = i;
    const slot = index.find(id);
    return slot < 0 ? 0 : index.value(slot, 0);
  };
  const [sum, other] = [counts(0, 60), counts(40, 100)];
  const absent = [...sum.absentOf(other)].reduce((bytes, part) => bytes + part.length, 0);
  expect("hash_index", "absence", absent === 40 * 44);
  sum.merge(other, 5);
  expect("hash_index", "merge", sum.size === 100 && countOf(sum, 41) === 5 && countOf(sum, 42) === 2);
  expect("hash_index", "subtract", sum.subtract(counts(60, 100), 5) && sum.size === 60);
  expect("hash_index", "refusal", !sum.subtract(counts(60, 61), 5));
  for (const index of [sum, other]) index.dispose();
}

function testLz4(): void {
  // 95 times "a" and "AAAAA": a literal, a match that overlaps itself, five literals.
  const plain = new Uint8Array(100).fill(97);
  plain.fill(65, 95);
  const block = new Uint8Array(lz4Bound(plain.length));
  const length = encodeLz4(plain, block);
  const hex = [...block.subarray(0, length)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  expect("lz4", "packing", hex === "1f6101004b504141414141");
  const again = new Uint8Array(100);
  expect("lz4", "unpacking", decodeLz4(block.subarray(0, length), again) === 100);
  expect("lz4", "bytes", again.every((byte, i) => byte === plain[i]));
  expect("lz4", "too little room", decodeLz4(block.subarray(0, length), again.subarray(1)) === -1);
}

function testXxh64(): void {
  const data = Uint8Array.from({ length: 100 }, (_, i) => i * 7);
  expect("xxh64", "empty", new Xxh64().digestHex() === "ef46db3751d8e999");
  expect("xxh64", "100 bytes", new Xxh64().update(data).digestHex() === "8e2272c08247d5db");
  const parts = new Xxh64().update(data.subarray(0, 45)).update(data.subarray(45));
  expect("xxh64", "45 and 55 bytes", parts.digestHex() === "8e2272c08247d5db");
}
