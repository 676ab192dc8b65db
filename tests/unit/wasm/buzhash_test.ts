/** The scanner where it passes over whole blocks: windows of 512 to 7168 bytes with rare cuts. Else: tests/unit/chunk. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BUZHASH_BLOCK, BUZHASH_FREE, BUZHASH_STATE_BYTES } from "../../../rust-free-asm/const.ts";
import { instantiateBuzhash } from "../../../wasm/buzhash.ts";
import { BuzhashScanner } from "../../../wasm/mod.ts";
import { chunkLengthsTwin, noise } from "../chunk/_twin.ts";

interface Choice {
  minExp: number;
  maskBits: number;
  windowSize: number;
  seed: number;
}

/** Chunks have no largest size here: the kernel knows none. */
function twin(data: Uint8Array, { minExp, maskBits, windowSize, seed }: Choice): number[] {
  return chunkLengthsTwin(data, { algorithm: "buzhash", minExp, maxExp: 30, maskBits, windowSize }, seed);
}

function scannerFor({ minExp, maskBits, windowSize, seed }: Choice, bufferBytes: number): BuzhashScanner {
  return new BuzhashScanner({ seed, minSize: 2 ** minExp, maskBits, windowSize, bufferBytes });
}

/** Lengths that the kernel finds when it gets `pieces` more bytes each time; what it did not get yet is something else. */
function scanAll(scanner: BuzhashScanner, data: Uint8Array, pieces: readonly number[]): number[] {
  const lengths: number[] = [];
  scanner.buffer.fill(0x55);
  let [start, seen, turn] = [0, 0, 0];
  while (start < data.length) {
    const next = Math.min(data.length, seen + pieces[turn++ % pieces.length]!);
    scanner.buffer.set(data.subarray(seen, next), seen);
    seen = next;
    for (;;) {
      const length = seen > start ? scanner.scan(start, seen - start, seen === data.length) : 0;
      if (length === 0) break;
      lengths.push(length);
      start += length;
    }
  }
  return lengths;
}

Deno.test("BuzhashScanner.scan() cuts as its twin does around the windows that the ring of sums can hold", () => {
  const data = noise(400_000);
  for (const windowSize of [511, 512, 513, 767, 1023, 1024, 1025, 2047, 4095, 4096, 6001, 7167, 7168, 7169]) {
    const maskBits = Math.ceil(Math.log2(4 * windowSize + 1));
    for (const seed of [0, 0xdeadbeef]) {
      const choice = { minExp: 6, maskBits, windowSize, seed };
      const scanner = scannerFor(choice, data.length);
      const expected = twin(data, choice);
      assert.ok(expected.length > 4);
      for (const pieces of [[data.length], [65_536], [20_000, 1, 70_001, 513]]) {
        assert.deepEqual(
          scanAll(scanner, data, pieces),
          expected,
          JSON.stringify({ ...choice, pieces }),
        );
      }
      scanner.dispose();
    }
  }
});

Deno.test("BuzhashScanner.scan() finds a cut at every place of a block, and in the rest behind the last block", () => {
  const choice = { minExp: 6, maskBits: 12, windowSize: 1023, seed: 5 };
  // The only cuts of this stretch, and then none for a while: found from every start before it.
  const data = noise(40_000, 77);
  const first = twin(data, choice)[0]!;
  assert.ok(first > 4 * BUZHASH_BLOCK, "the data must have room before the first cut");
  const scanner = scannerFor(choice, data.length);
  scanner.buffer.set(data);
  const seen = new Set<number>();
  for (let start = 0; start < 2 * BUZHASH_BLOCK; start++) {
    assert.equal(scanner.scan(start, data.length - start, true), first - start);
    seen.add((first - start) % BUZHASH_BLOCK);
    // What came before was a little short of the cut's window, and other bytes stood behind it.
    for (const missing of [1, 2, 3, 200]) {
      const short = first - start + choice.windowSize - missing;
      scanner.buffer.fill(0x55, start + short, start + short + missing);
      assert.equal(scanner.scan(start, short, false), 0);
      scanner.buffer.set(data.subarray(start + short, start + short + missing), start + short);
      assert.equal(scanner.scan(start, data.length - start, true), first - start, `${missing} at ${start}`);
    }
    // The cut is the last candidate there is, then one byte too late to be one.
    assert.equal(scanner.scan(start, first - start + choice.windowSize + 1, true), first - start);
    assert.equal(
      scanner.scan(start, first - start + choice.windowSize, true),
      first - start + choice.windowSize,
    );
  }
  assert.equal(seen.size, BUZHASH_BLOCK);
});

Deno.test("BuzhashScanner.scan() cuts the same wherever the data are shown to it in two parts", () => {
  const choice = { minExp: 6, maskBits: 13, windowSize: 1025, seed: 9 };
  const data = noise(24_000, 3);
  const expected = twin(data, choice);
  assert.ok(expected.length > 2);
  const scanner = scannerFor(choice, data.length);
  for (let at = 1; at < data.length; at += 7) {
    assert.deepEqual(scanAll(scanner, data, [at, data.length]), expected, `split at ${at}`);
  }
});

Deno.test("BuzhashScanner.scan() cuts as its twin does for windows, masks, seeds and pieces of all kinds", () => {
  const pool = noise(300_000, 11);
  fc.assert(
    fc.property(
      fc.record({
        windowSize: fc.integer({ min: 1, max: 7300 }),
        maskBits: fc.integer({ min: 6, max: 17 }),
        minExp: fc.integer({ min: 0, max: 13 }),
        seed: fc.integer({ min: 0, max: 0xffffffff }),
        offset: fc.nat(200_000),
        size: fc.nat(100_000),
        zeros: fc.array(fc.nat(100_000), { maxLength: 3 }),
        pieces: fc.array(fc.integer({ min: 200, max: 60_000 }), { minLength: 1, maxLength: 5 }),
      }),
      ({ offset, size, zeros, pieces, ...choice }) => {
        const data = pool.slice(offset, offset + size);
        // Long runs of one value: hashes that repeat, and fit for good or never.
        for (const zero of zeros) data.fill(0, zero, zero + 9000);
        const scanner = scannerFor(choice, data.length);
        assert.deepEqual(scanAll(scanner, data, pieces), twin(data, choice));
        scanner.dispose();
      },
    ),
    { numRuns: 150, seed: 20260101 },
  );
});

Deno.test("the buzhash kernel keeps two scanners in one instance apart where both pass over blocks", () => {
  const choices = [
    { minExp: 6, maskBits: 14, windowSize: 4095, seed: 1 },
    { minExp: 7, maskBits: 13, windowSize: 1500, seed: 2 },
  ] as const;
  const size = 300_000;
  const data = [noise(size, 5), noise(size, 6)] as const;
  const states = [BUZHASH_FREE, BUZHASH_FREE + BUZHASH_STATE_BYTES] as const;
  const places = [BUZHASH_FREE + 8192, BUZHASH_FREE + 8192 + size] as const;
  const kernel = instantiateBuzhash(BUZHASH_FREE + 8192 + 2 * size);
  const found: [number[], number[]] = [[], []];
  const starts: [number, number] = [0, 0];
  for (const n of [0, 1] as const) {
    const { seed, maskBits, windowSize, minExp } = choices[n];
    kernel.init(states[n], seed, 2 ** maskBits - 1, windowSize, 2 ** minExp, 1);
    new Uint8Array(kernel.memory.buffer).set(data[n], places[n]);
  }
  for (let seen = 30_000; seen <= size; seen += 30_000) {
    for (const n of [0, 1] as const) {
      for (;;) {
        const left = seen - starts[n];
        const length = kernel.scan(states[n], places[n] + starts[n], left, seen === size ? 1 : 0);
        if (length === 0) break;
        found[n].push(length);
        starts[n] += length;
      }
    }
  }
  for (const n of [0, 1] as const) assert.deepEqual(found[n], twin(data[n], choices[n]));
  // A state prepared anew must not be scanned with what stood there before.
  kernel.init(states[1], 3, 2 ** 13 - 1, 1500, 128, 1);
  const again = kernel.scan(states[1], places[1], size, 1);
  assert.equal(again, twin(data[1], { ...choices[1], seed: 3 })[0]);
});
