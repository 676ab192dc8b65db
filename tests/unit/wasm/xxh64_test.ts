import assert from "node:assert/strict";
import { createXXHash64 } from "hash-wasm";
import { Xxh64 } from "../../../wasm/mod.ts";

/** Bytes without a visible pattern, the same in every run. */
function noise(length: number): Uint8Array {
  let state = 0x2545f491;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  });
}

const MASK = 2n ** 64n - 1n;
const PRIMES = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;
const rotl = (x: bigint, n: bigint) => ((x << n) | (x >> (64n - n))) & MASK;

/** The slow twin, after xxHash's specification. */
function xxh64Twin(data: Uint8Array, seed: bigint): string {
  const [p1, p2, p3, p4, p5] = PRIMES;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const round = (lane: bigint, input: bigint) => (rotl((lane + input * p2) & MASK, 31n) * p1) & MASK;
  let at = 0;
  let sum = (seed + p5) & MASK;
  if (data.length >= 32) {
    const lanes = [seed + p1 + p2, seed + p2, seed, seed - p1].map((lane) => lane & MASK);
    for (; at + 32 <= data.length; at += 32) {
      for (let i = 0; i < 4; i++) lanes[i] = round(lanes[i]!, view.getBigUint64(at + 8 * i, true));
    }
    sum = [1n, 7n, 12n, 18n].reduce((sum, turn, i) => sum + rotl(lanes[i]!, turn), 0n) & MASK;
    for (const lane of lanes) sum = ((sum ^ round(0n, lane)) * p1 + p4) & MASK;
  }
  sum = (sum + BigInt(data.length)) & MASK;
  for (; at + 8 <= data.length; at += 8) {
    sum = (rotl(sum ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4) & MASK;
  }
  if (at + 4 <= data.length) {
    sum = (rotl(sum ^ ((BigInt(view.getUint32(at, true)) * p1) & MASK), 23n) * p2 + p3) & MASK;
    at += 4;
  }
  for (; at < data.length; at++) sum = (rotl(sum ^ ((BigInt(data[at]!) * p5) & MASK), 11n) * p1) & MASK;
  sum = ((sum ^ (sum >> 33n)) * p2) & MASK;
  sum = ((sum ^ (sum >> 29n)) * p3) & MASK;
  return (sum ^ (sum >> 32n)).toString(16).padStart(16, "0");
}

Deno.test("Xxh64 gives the published digests", () => {
  const text = (value: string) => new Xxh64().update(new TextEncoder().encode(value)).digestHex();
  assert.equal(text(""), "ef46db3751d8e999");
  assert.equal(text("a"), "d24ec4f1a98c6e5b");
  assert.equal(text("abc"), "44bc2cf5ad770999");
});

Deno.test("Xxh64 agrees with its twin and with hash-wasm for every length up to 200 and several seeds", async () => {
  const data = noise(200);
  for (const seed of [0n, 1n, 0xdeadbeefn, 2n ** 63n, 2n ** 64n - 1n]) {
    const other = await createXXHash64(Number(seed & 0xffffffffn), Number(seed >> 32n));
    for (let length = 0; length <= data.length; length++) {
      const part = data.subarray(0, length);
      const digest = new Xxh64(seed).update(part).digestHex();
      assert.equal(digest, xxh64Twin(part, seed), `${length} bytes, seed ${seed}`);
      assert.equal(digest, other.init().update(part).digest("hex"));
    }
  }
});

Deno.test("Xxh64.update() gives the same digest for every split of the input in two", () => {
  const data = noise(200);
  const whole = new Xxh64(7n).update(data).digestHex();
  for (let at = 0; at <= data.length; at++) {
    const parts = new Xxh64(7n).update(data.subarray(0, at)).update(data.subarray(at));
    assert.equal(parts.digestHex(), whole, `split at ${at}`);
  }
});

Deno.test("Xxh64.update() gives the same digest for pieces of every size", () => {
  const data = noise(500);
  const whole = new Xxh64().update(data).digestHex();
  for (let size = 1; size <= 100; size++) {
    const hash = new Xxh64();
    for (let at = 0; at < data.length; at += size) hash.update(data.subarray(at, at + size));
    assert.equal(hash.digestHex(), whole, `pieces of ${size}`);
  }
});

Deno.test("Xxh64 keeps two interleaved streams apart, and digestHex() does not end a stream", () => {
  const data = noise(300);
  const a = new Xxh64(1n);
  const b = new Xxh64(2n);
  for (let at = 0; at < data.length; at += 10) {
    a.update(data.subarray(at, at + 10));
    b.update(data.subarray(at, at + 10));
    assert.equal(a.digestHex(), xxh64Twin(data.subarray(0, at + 10), 1n));
  }
  assert.equal(b.digestHex(), xxh64Twin(data, 2n));
});

Deno.test("Xxh64 takes input larger than its staging memory, from an unaligned view", async () => {
  const data = noise(1_000_003).subarray(1);
  const other = await createXXHash64(0, 0);
  assert.equal(new Xxh64().update(data).digestHex(), other.init().update(data).digest("hex"));
});
