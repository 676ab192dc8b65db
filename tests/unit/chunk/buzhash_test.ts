import assert from "node:assert/strict";
import { equalBytes } from "../../../core/bytes/mod.ts";
import { createChunker, DEFAULT_CHUNKER_PARAMS, ITEMS_CHUNKER_PARAMS } from "../../../core/chunk/mod.ts";
import { BUZHASH_FREE, BUZHASH_STATE_BYTES } from "../../../rust-free-asm/const.ts";
import { instantiateBuzhash } from "../../../wasm/buzhash.ts";
import { borgPython, noBorgPython } from "../../fixtures/borg_python.ts";
import { type BuzhashParams, chunkLengthsTwin, join, noise, reader } from "./_twin.ts";

const params = (minExp: number, maxExp: number, maskBits: number, windowSize: number): BuzhashParams => ({
  algorithm: "buzhash",
  minExp,
  maxExp,
  maskBits,
  windowSize,
});

/** Small chunks, windows shorter and longer than the smallest chunk, and one of which half runs into the largest size. */
const VARIETY: readonly BuzhashParams[] = [
  params(6, 12, 6, 31),
  params(6, 9, 8, 255),
  params(6, 10, 7, 513),
  params(7, 8, 7, 127),
  params(6, 8, 8, 1),
  params(8, 12, 12, 64),
  params(10, 14, 11, 4095),
];
const SEEDS = [0, 1, 0xdeadbeef, -5];

function chunksOf(data: Uint8Array, params: BuzhashParams, seed: number, ...pieces: number[]): Uint8Array[] {
  const chunker = createChunker(params, seed);
  const chunks = [...function* () {
    for (const chunk of chunker.chunk(reader(data, ...pieces))) yield chunk.slice();
  }()];
  chunker.dispose();
  return chunks;
}

const lengths = (chunks: readonly Uint8Array[]) => chunks.map((chunk) => chunk.length);

Deno.test("BuzhashChunker.chunk() cuts as its twin does, over all of a variety of parameters and seeds", () => {
  const data = noise(200_000);
  for (const choice of VARIETY) {
    for (const seed of SEEDS) {
      const chunks = chunksOf(data, choice, seed);
      assert.deepEqual(
        lengths(chunks),
        chunkLengthsTwin(data, choice, seed),
        JSON.stringify({ choice, seed }),
      );
      assert.ok(equalBytes(join(chunks), data));
    }
  }
});

Deno.test("BuzhashChunker.chunk() cuts as its twin does for every length of the file up to some chunks", () => {
  const data = noise(700);
  const choice = params(6, 8, 6, 31);
  const chunker = createChunker(choice, 3);
  for (let length = 0; length <= data.length; length++) {
    const file = data.subarray(0, length);
    const found = [...chunker.chunk(reader(file))].map((chunk) => chunk.length);
    assert.deepEqual(found, chunkLengthsTwin(file, choice, 3), `${length} bytes`);
  }
});

Deno.test("BuzhashChunker.chunk() cuts the same for every split of the input in two", () => {
  const data = noise(1500);
  const choice = params(6, 9, 7, 63);
  const expected = chunkLengthsTwin(data, choice, 9);
  for (let at = 1; at < data.length; at++) {
    assert.deepEqual(lengths(chunksOf(data, choice, 9, at, data.length)), expected, `split at ${at}`);
  }
});

Deno.test("BuzhashChunker.chunk() cuts the same for whole buffers, single bytes and uneven pieces", () => {
  const data = noise(60_000);
  for (const choice of VARIETY) {
    const expected = chunkLengthsTwin(data, choice, 77);
    for (const pieces of [[], [1], [3, 1, 500, 7], [4096]]) {
      assert.deepEqual(lengths(chunksOf(data, choice, 77, ...pieces)), expected);
    }
  }
});

Deno.test("BuzhashChunker.chunk() cuts input without any natural cut at the largest size, and zeros alike", () => {
  const choice = params(6, 10, 10, 31);
  for (const fill of [0, 255, 97]) {
    const data = new Uint8Array(5000).fill(fill);
    for (const seed of SEEDS) {
      const found = lengths(chunksOf(data, choice, seed));
      assert.deepEqual(found, chunkLengthsTwin(data, choice, seed));
    }
  }
  assert.deepEqual(lengths(chunksOf(new Uint8Array(5000), choice, 0)), [1024, 1024, 1024, 1024, 904]);
});

Deno.test("BuzhashChunker.chunk() gives no chunk of an empty file, and can be used again after an error or a stop", () => {
  const data = noise(100_000);
  const choice = params(6, 12, 8, 31);
  const chunker = createChunker(choice, 1);
  assert.deepEqual([...chunker.chunk(() => 0)], []);
  let reads = 0;
  assert.throws(() => {
    const read = reader(data, 1000);
    for (const _ of chunker.chunk((into) => ++reads === 5 ? assert.fail("disk") : read(into)));
  }, /disk/);
  for (const _ of chunker.chunk(reader(data))) break;
  assert.throws(() => [...chunker.chunk((into) => into.length + 1)], RangeError);
  assert.deepEqual([...chunker.chunk(reader(data))].map((c) => c.length), chunkLengthsTwin(data, choice, 1));
  chunker.dispose();
  assert.throws(() => [...chunker.chunk(reader(data))], TypeError);
});

Deno.test("createChunker() refuses parameters that leave no room for a cut", () => {
  assert.throws(() => createChunker(params(6, 7, 6, 63 + 1), 0), RangeError);
  assert.throws(() => createChunker(params(6, 31, 6, 63), 0), RangeError);
  assert.throws(() => createChunker(params(6, 10, 32, 63), 0), RangeError);
  createChunker(params(6, 7, 6, 63), 0).dispose();
});

Deno.test("two chunkers asked in turn do not disturb each other", () => {
  const [one, two] = [noise(50_000, 1), noise(50_000, 2)];
  const choice = params(6, 10, 7, 31);
  const first = createChunker(choice, 10).chunk(reader(one, 700))[Symbol.iterator]();
  const second = createChunker(choice, 20).chunk(reader(two, 900))[Symbol.iterator]();
  const [a, b]: [number[], number[]] = [[], []];
  for (let open = 2; open > 0;) {
    open = 0;
    for (const [iterator, found] of [[first, a], [second, b]] as const) {
      const { done, value } = iterator.next();
      if (done) continue;
      found.push(value.length);
      open++;
    }
  }
  assert.deepEqual(a, chunkLengthsTwin(one, choice, 10));
  assert.deepEqual(b, chunkLengthsTwin(two, choice, 20));
});

Deno.test("the buzhash kernel keeps two scanners in one instance apart", () => {
  const data = [noise(20_000, 5), noise(20_000, 6)];
  const kernel = instantiateBuzhash(1 << 17);
  const bytes = new Uint8Array(kernel.memory.buffer);
  const states = [BUZHASH_FREE, BUZHASH_FREE + BUZHASH_STATE_BYTES];
  const places = [BUZHASH_FREE + 8192, BUZHASH_FREE + 40_960];
  const found: number[][] = [[], []];
  const starts = [0, 0];
  for (const n of [0, 1]) {
    kernel.init(states[n]!, 100 + n, 255, 31 + 2 * n, 64, 1);
    bytes.set(data[n]!, places[n]!);
  }
  // Each is shown 50 bytes more in its turn, so that both are always in the middle of a chunk.
  for (let seen = 50; seen <= 20_000; seen += 50) {
    for (const n of [0, 1]) {
      for (;;) {
        const length = kernel.scan(
          states[n]!,
          places[n]! + starts[n]!,
          seen - starts[n]!,
          seen === 20_000 ? 1 : 0,
        );
        if (length === 0) break;
        found[n]!.push(length);
        starts[n]! += length;
      }
    }
  }
  for (const n of [0, 1]) {
    assert.deepEqual(found[n], chunkLengthsTwin(data[n]!, params(6, 20, 8, 31 + 2 * n), 100 + n));
  }
});

const PYTHON_CHUNK = `
import sys, json
from borg.chunker import Chunker
for choice in json.loads(sys.argv[2]):
    with open(sys.argv[1], "rb") as file:
        lengths = [chunk.meta["size"] for chunk in Chunker(*choice).chunkify(file, file.fileno())]
    print(json.dumps(lengths))
`;

Deno.test({
  name: "BuzhashChunker.chunk() cuts as borg does, with its default parameters and others",
  ignore: noBorgPython,
  fn() {
    const file = Deno.makeTempFileSync();
    // Noise, then zeros, then noise again: natural cuts, largest chunks, and a change between them.
    const data = join([noise(9_000_000), new Uint8Array(9_500_000), noise(3_000_001, 8)]);
    Deno.writeFileSync(file, data);
    const choices = [...VARIETY, DEFAULT_CHUNKER_PARAMS, ITEMS_CHUNKER_PARAMS, params(10, 23, 16, 4095)];
    for (const seed of [0, 0x1234567, -77]) {
      const tuples = choices.map((p) => [seed, p.minExp, p.maxExp, p.maskBits, p.windowSize]);
      const lines = borgPython(PYTHON_CHUNK, file, JSON.stringify(tuples)).trim().split("\n");
      for (const [i, choice] of choices.entries()) {
        const chunker = createChunker(choice, seed);
        const found: number[] = [];
        for (const chunk of chunker.chunk(reader(data))) found.push(chunk.length);
        assert.deepEqual(found, JSON.parse(lines[i]!), JSON.stringify({ choice, seed }));
        chunker.dispose();
      }
    }
    Deno.removeSync(file);
  },
});

Deno.test("BuzhashChunker yields an empty chunk where nothing is there at the moment, and cuts the same", () => {
  const data = noise(5000);
  const chunker = createChunker(params(6, 10, 7, 31), 5);
  const expected = [...chunker.chunk(reader(data))].map((chunk) => chunk.length);
  for (const piece of [1, 7, 64, 1000]) {
    const read = reader(data, piece);
    let asked = 0;
    const chunks: Uint8Array[] = [];
    let empty = 0;
    for (const chunk of chunker.chunk((into) => asked++ % 2 === 0 ? -1 : read(into))) {
      if (chunk.length === 0) empty++;
      else chunks.push(chunk.slice());
    }
    assert.deepEqual(chunks.map((chunk) => chunk.length), expected);
    assert.deepEqual(join(chunks), data);
    assert.equal(empty, asked / 2);
  }
  chunker.dispose();
});
