import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import fc from "fast-check";
import { crc32, crc32By } from "../../../core/store/crc32.ts";
import { crc32ByKernel } from "../../../wasm/mod.ts";

/** The slow twin: bit by bit. */
function crc32Twin(data: Uint8Array, value = 0): number {
  let crc = ~value;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

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

const FUNCTIONS = { crc32, crc32ByKernel, "crc32By(twin)": crc32By(crc32Twin) };

for (const [name, crc] of Object.entries(FUNCTIONS)) {
  Deno.test(`${name} gives the published check value and 0 for nothing`, () => {
    assert.equal(crc(new TextEncoder().encode("123456789")), 0xcbf43926);
    assert.equal(crc(new Uint8Array(0)), 0);
    assert.equal(crc(new Uint8Array(0), 0xffffffff), 0xffffffff);
  });

  Deno.test(`${name} agrees with its twin for every length up to 300, split anywhere, unaligned`, () => {
    const data = noise(301).subarray(1);
    const whole = crc32Twin(data);
    for (let split = 0; split <= data.length; split++) {
      const head = crc(data.subarray(0, split));
      assert.equal(head, crc32Twin(data.subarray(0, split)), `${split} bytes`);
      assert.equal(crc(data.subarray(split), head), whole, `split at ${split}`);
    }
  });

  Deno.test(`${name} agrees with its twin for any bytes, start value, alignment and splits`, () => {
    fc.assert(fc.property(
      fc.uint8Array({ maxLength: 2000 }),
      fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 0x7fffffff, 0x80000000, 0xffffffff)),
      fc.nat(20),
      fc.array(fc.nat(2000), { maxLength: 5 }),
      (bytes, value, offset, cuts) => {
        const data = new Uint8Array(bytes.length + offset).subarray(offset);
        data.set(bytes);
        let sum = value;
        let at = 0;
        for (const cut of cuts.toSorted((a, b) => a - b)) {
          if (cut > data.length) break;
          sum = crc(data.subarray(at, cut), sum);
          at = cut;
        }
        assert.equal(crc(data.subarray(at), sum), crc32Twin(data, value));
      },
    ));
  });

  Deno.test(`${name} takes data larger than the kernel's memory`, () => {
    const data = noise(1_000_004).subarray(1);
    const whole = crc32Twin(data);
    assert.equal(crc(data), whole);
    for (const split of [1, 176_127, 176_128, 176_129, 999_990]) {
      assert.equal(crc(data.subarray(split), crc(data.subarray(0, split))), whole, `split at ${split}`);
    }
  });

  // Deno 2.4.2's own crc32 is right a few thousand times before optimised code calls it directly.
  Deno.test(`${name} stays right when it is called so often that it is optimised`, () => {
    const data = noise(4096);
    let value = 0;
    for (let i = 0; i < 60_000; i++) {
      const at = (i * 79) % 3900;
      const part = data.subarray(at, at + (i & 1 ? 37 : 100 + i % 60));
      const sum = crc(part, value);
      if (i < 100 || i % 16 === 0) assert.equal(sum, crc32Twin(part, value), `call ${i}, value ${value}`);
      value = sum;
    }
  });
}

Deno.test("crc32By() asks of the native function no start value from 2^31 on", () => {
  const data = noise(200);
  const crc = crc32By((data, value = 0) => {
    assert.ok(value < 2 ** 31, `asked with ${value}`);
    return crc32Twin(data, value);
  });
  for (let i = 0; i < 2000; i++) {
    const value = Math.imul(i, 0x9e3779b1) >>> 0;
    assert.equal(crc(data, value), crc32Twin(data, value));
  }
  // Bytes that leave every intermediate value large: the native function is not asked at all.
  const value = 0x80000000;
  const large = new Uint8Array(120);
  let state = value;
  for (let at = 0; at < large.length; at++) {
    while (crc32Twin(large.subarray(at, at + 1), state) < 2 ** 31) large[at]!++;
    state = crc32Twin(large.subarray(at, at + 1), state);
  }
  const never = crc32By(() => assert.fail("asked"));
  assert.equal(never(large, value), crc32Twin(large, value));
});

Deno.test("crc32() and its kernel agree with node:zlib's crc32", () => {
  const native = (zlib as { crc32?: (data: Uint8Array, value?: number) => number }).crc32;
  if (!native) return console.log("notice: node:zlib has no crc32 here, it is not compared");
  const data = noise(70_000);
  for (const length of [0, 1, 15, 16, 17, 95, 96, 97, 4096, 70_000]) {
    const part = data.subarray(0, length);
    assert.equal(crc32(part), native(part));
    assert.equal(crc32ByKernel(part), native(part));
  }
});
