import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { lz4PlainSize } from "../../../core/object/_lz4_block.ts";
import { borrowAccel } from "../../../core/platform/accel.ts";
import { decodeLz4, encodeLz4, lz4Bound } from "../../../wasm/mod.ts";
import { bytesOfHex, compressibleBytes, seededBytes } from "../../fixtures/deterministic.ts";
import { decodeLz4Block, encodeLz4Block } from "./_lz4_twin.ts";

function encoded(plain: Uint8Array): Uint8Array {
  const out = new Uint8Array(lz4Bound(plain.length));
  return out.slice(0, encodeLz4(plain, out));
}

function decoded(block: Uint8Array, size: number): Uint8Array | null {
  const out = new Uint8Array(size);
  const length = decodeLz4(block, out);
  return length < 0 ? null : out.slice(0, length);
}

function samples(): Uint8Array[] {
  const random = seededBytes(30);
  const inputs: Uint8Array[] = [];
  for (let i = 0; i < 200; i++) {
    const mask = [0, 1, 3, 15, 255][i % 5]!;
    inputs.push(random(i * (i % 4 === 0 ? 331 : 3)).map((byte) => byte & mask));
  }
  for (const length of [12, 13, 14, 65_535, 65_546, 65_547, 65_548, 200_000, 3_000_000]) {
    inputs.push(new Uint8Array(length), compressibleBytes(length), random(length));
  }
  // A repetition farther away than a match can reach, and one that is just near enough.
  for (const gap of [65_534, 65_535, 65_536, 65_537]) {
    const piece = random(40);
    inputs.push(new Uint8Array([...piece, ...random(gap - 40), ...piece, ...random(20)]));
  }
  return inputs;
}

Deno.test("encodeLz4() is undone by decodeLz4() and measured by lz4PlainSize()", () => {
  for (const plain of samples()) {
    const block = encoded(plain);
    assert.ok(block.length <= lz4Bound(plain.length));
    assert.equal(lz4PlainSize(block), plain.length);
    assert.deepEqual(decoded(block, plain.length), plain);
    if (plain.length > 0) assert.equal(decoded(block, plain.length - 1), null);
  }
});

Deno.test("encodeLz4() gives the bytes that its twin gives", () => {
  for (const plain of samples()) {
    const out = new Uint8Array(lz4Bound(plain.length));
    assert.deepEqual(encoded(plain), out.slice(0, encodeLz4Block(plain, out)), `${plain.length} bytes`);
  }
});

Deno.test("encodeLz4() gives the bytes that liblz4 gives", () => {
  const lz4 = borrowAccel()?.lz4;
  if (!lz4) return console.log("skipped, this machine has no liblz4");
  for (const plain of samples()) {
    const out = new Uint8Array(lz4Bound(plain.length));
    assert.deepEqual(encoded(plain), out.slice(0, lz4.compress(plain, out)), `${plain.length} bytes`);
  }
});

Deno.test("decodeLz4() reads overlapping matches and long lengths of a block made by hand", () => {
  // "a", 94 more by a match at distance 1 (15 + 75 + 4), then five literals
  const block = bytesOfHex("1f6101004b504141414141");
  assert.equal(new TextDecoder().decode(decoded(block, 100)!), "a".repeat(95) + "AAAAA");
});

Deno.test("decodeLz4() refuses distances outside of the output, missing parts and too little room", () => {
  const refused = {
    "no token": "",
    "distance zero": "1f6100004b504141414141",
    "distance before the start": "1f6102004b504141414141",
    "literals missing": "50414141",
    "length missing": "f0ff",
    "distance missing": "1f6101",
    "match length missing": "1f610100",
    "no last literals": "1f6101004b",
  };
  for (const [what, hex] of Object.entries(refused)) assert.equal(decoded(bytesOfHex(hex), 1000), null, what);
});

Deno.test("decodeLz4() takes rubbish without a hang or a crash, and agrees with liblz4 on what it accepts", () => {
  const lz4 = borrowAccel()?.lz4;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (block) => {
      const ours = decoded(block, 5000);
      if (!lz4 || ours === null) return;
      const out = new Uint8Array(5000);
      const length = lz4.decompress(block, out);
      // liblz4 insists on some rules for the end of a block that do no harm when broken.
      if (length >= 0) assert.deepEqual(ours, out.slice(0, length));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("decodeLz4() survives every truncation and flipped bit of a block", () => {
  const plain = compressibleBytes(400);
  const block = encoded(plain);
  for (let length = 0; length < block.length; length++) {
    const out = decoded(block.subarray(0, length), plain.length);
    assert.ok(out === null || out.length < plain.length);
  }
  for (let bit = 0; bit < block.length * 8; bit++) {
    const damaged = block.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    decoded(damaged, plain.length);
    lz4PlainSize(damaged);
  }
});

Deno.test("decodeLz4() agrees with its twin on every distance and length of a short match, up to the last byte of room", () => {
  const literals = Uint8Array.from({ length: 40 }, (_, i) => 100 + i);
  for (let distance = 1; distance <= 41; distance++) {
    for (let length = 4; length <= 70; length++) {
      const run = length - 4 >= 15 ? [length - 19] : [];
      const token = 0xf0 | Math.min(length - 4, 15);
      const block = new Uint8Array([token, 25, ...literals, distance, 0, ...run, 0x50, 1, 2, 3, 4, 5]);
      const size = 40 + length + 5;
      const out = new Uint8Array(size);
      const wanted = decodeLz4Block(block, out) < 0 ? null : out;
      assert.equal(wanted === null, distance > 40);
      assert.deepEqual(decoded(block, size), wanted, `${distance} back, ${length} bytes`);
      assert.equal(decoded(block, size - 1), null);
      assert.equal(decoded(block, 40 + length - 1), null);
    }
  }
});

Deno.test("decodeLz4() agrees with its twin on damaged blocks", () => {
  const plain = compressibleBytes(3000);
  const block = encoded(plain);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(block.length - 1), fc.nat(255)), { minLength: 1 }), (changes) => {
      const damaged = block.slice();
      for (const [at, value] of changes) damaged[at] = value;
      const out = new Uint8Array(4000);
      const length = decodeLz4Block(damaged, out);
      assert.deepEqual(decoded(damaged, 4000), length < 0 ? null : out.slice(0, length));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("decodeLz4() refuses lengths beyond 32 bits", () => {
  for (const head of [[0xf0], [0x1f, 97, 1, 0]]) {
    const block = new Uint8Array(17 << 20).fill(255);
    block.set(head);
    block.set([1, 0], block.length - 2);
    assert.equal(decoded(block, 1000), null);
  }
});

Deno.test("encodeLz4() and decodeLz4() work on small data after very large data, and refuse an output that is too small", () => {
  const random = seededBytes(31);
  for (const size of [24 << 20, 1000, 9 << 20, 0, 5]) {
    const plain = compressibleBytes(size);
    const block = encoded(plain);
    assert.ok(Buffer.compare(decoded(block, size)!, plain) === 0, `${size} bytes`);
  }
  assert.throws(() => encodeLz4(random(1000), new Uint8Array(999)), RangeError);
});
