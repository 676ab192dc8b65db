import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeLz4Block, encodeLz4Block, lz4Bound, lz4PlainSize } from "../../../core/object/_lz4_block.ts";
import { borrowAccel } from "../../../core/platform/accel.ts";
import { bytesOfHex, compressibleBytes, seededBytes } from "../../fixtures/deterministic.ts";

function encoded(plain: Uint8Array): Uint8Array {
  const out = new Uint8Array(lz4Bound(plain.length));
  return out.slice(0, encodeLz4Block(plain, out));
}

function decoded(block: Uint8Array, size: number): Uint8Array | null {
  const out = new Uint8Array(size);
  const length = decodeLz4Block(block, out);
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

Deno.test("encodeLz4Block() is undone by decodeLz4Block() and measured by lz4PlainSize()", () => {
  for (const plain of samples()) {
    const block = encoded(plain);
    assert.ok(block.length <= lz4Bound(plain.length));
    assert.equal(lz4PlainSize(block), plain.length);
    assert.deepEqual(decoded(block, plain.length), plain);
    if (plain.length > 0) assert.equal(decoded(block, plain.length - 1), null);
  }
});

Deno.test("encodeLz4Block() gives the bytes that liblz4 gives", () => {
  const lz4 = borrowAccel()?.lz4;
  if (!lz4) return console.log("skipped, this machine has no liblz4");
  for (const plain of samples()) {
    const out = new Uint8Array(lz4Bound(plain.length));
    assert.deepEqual(encoded(plain), out.slice(0, lz4.compress(plain, out)), `${plain.length} bytes`);
  }
});

Deno.test("decodeLz4Block() reads overlapping matches and long lengths of a block made by hand", () => {
  // "a", 94 more by a match at distance 1 (15 + 75 + 4), then five literals
  const block = bytesOfHex("1f6101004b504141414141");
  assert.equal(new TextDecoder().decode(decoded(block, 100)!), "a".repeat(95) + "AAAAA");
});

Deno.test("decodeLz4Block() refuses distances outside of the output, missing parts and too little room", () => {
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

Deno.test("decodeLz4Block() takes rubbish without a hang or a crash, and agrees with liblz4 on what it accepts", () => {
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

Deno.test("decodeLz4Block() survives every truncation and flipped bit of a block", () => {
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
