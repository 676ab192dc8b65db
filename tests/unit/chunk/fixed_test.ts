import assert from "node:assert/strict";
import { createChunker, type FileRange, Hole, type SparseFile } from "../../../core/chunk/mod.ts";
import { borgPython, noBorgPython } from "../../fixtures/borg_python.ts";
import { join, noise, reader } from "./_twin.ts";

/** Lengths by the rule: the header in blocks, the rest in blocks. */
function lengthsTwin(size: number, blockSize: number, headerSize: number): number[] {
  const lengths: number[] = [];
  for (const part of [Math.min(size, headerSize), Math.max(0, size - headerSize)]) {
    for (let left = part; left > 0; left -= blockSize) lengths.push(Math.min(left, blockSize));
  }
  return lengths;
}

const SIZES = [0, 1, 63, 64, 65, 99, 100, 101, 164, 300, 1000];
const PARAMS = [[64, 0], [64, 64], [64, 100], [100, 64], [128, 300]] as const;

Deno.test("FixedChunker.chunk() cuts header and blocks whatever pieces the file comes in", () => {
  for (const [blockSize, headerSize] of PARAMS) {
    const chunker = createChunker({ algorithm: "fixed", blockSize, headerSize }, 0);
    for (const size of SIZES) {
      const data = noise(size);
      for (const pieces of [[], [1], [7, 50, 3]]) {
        const chunks: Uint8Array[] = [];
        for (const chunk of chunker.chunk(reader(data, ...pieces))) chunks.push(chunk.slice());
        assert.deepEqual(chunks.map((chunk) => chunk.length), lengthsTwin(size, blockSize, headerSize));
        assert.deepEqual(join(chunks), data);
      }
    }
    chunker.dispose();
    assert.throws(() => [...chunker.chunk(() => 0)], TypeError);
  }
});

Deno.test("FixedChunker passes errors of the file on and can be used again", () => {
  const chunker = createChunker({ algorithm: "fixed", blockSize: 64, headerSize: 0 }, 0);
  assert.throws(() => [...chunker.chunk(() => assert.fail("disk"))], /disk/);
  assert.throws(() => [...chunker.chunk((into) => into.length + 1)], RangeError);
  assert.equal([...chunker.chunk(reader(noise(128)))].length, 2);
});

/** A file in memory whose holes, [length, isData] after the header, are not read. */
function sparseReader(
  data: Uint8Array,
  map: readonly (readonly [number, boolean])[] | null,
): { read: (into: Uint8Array) => number; sparse: SparseFile; asked: number[]; taken: () => number } {
  let at = 0;
  let taken = 0;
  const asked: number[] = [];
  const read = (into: Uint8Array): number => {
    const part = data.subarray(at, at + into.length);
    into.set(part);
    at += part.length;
    taken += part.length;
    return part.length;
  };
  const sparse: SparseFile = {
    ranges(from): FileRange[] | null {
      asked.push(from);
      return map && map.map(([length, isData]) => ({ length, isData }));
    },
    skip: (length) => void (at += length),
  };
  return { read, sparse, asked, taken: () => taken };
}

Deno.test("FixedChunker.chunk() cuts data and holes by themselves and does not read holes", () => {
  const chunker = createChunker({ algorithm: "fixed", blockSize: 64, headerSize: 100 }, 0);
  const data = noise(100 + 70 + 200 + 64 + 1);
  data.fill(0, 170, 370);
  data.fill(0, 434);
  const map = [[70, true], [200, false], [64, true], [1, false]] as const;
  const file = sparseReader(data, map);
  const found: [number, boolean][] = [];
  const copies: Uint8Array[] = [];
  for (const chunk of chunker.chunk(file.read, file.sparse)) {
    found.push([chunk.length, chunk instanceof Hole]);
    copies.push(Uint8Array.from(chunk));
  }
  assert.deepEqual(found, [
    [64, false],
    [36, false],
    [64, false],
    [6, false],
    [64, true],
    [64, true],
    [64, true],
    [8, true],
    [64, false],
    [1, true],
  ]);
  assert.deepEqual(join(copies), data);
  assert.deepEqual(file.asked, [100]);
  assert.equal(file.taken(), 100 + 70 + 64);
  // A file that ends early ends the chunks, one without a map is read as it comes.
  const shorter = sparseReader(data.subarray(0, 150), map);
  assert.deepEqual([...chunker.chunk(shorter.read, shorter.sparse)].map((chunk) => chunk.length), [
    64,
    36,
    50,
  ]);
  const unknown = sparseReader(data.subarray(0, 200), null);
  assert.deepEqual([...chunker.chunk(unknown.read, unknown.sparse)].map((chunk) => chunk.length), [
    64,
    36,
    64,
    36,
  ]);
  chunker.dispose();
});

Deno.test("createChunker() refuses fixed sizes that are none", () => {
  for (const [blockSize, headerSize] of [[0, 0], [-1, 0], [1.5, 0], [64, -1]] as const) {
    assert.throws(() => createChunker({ algorithm: "fixed", blockSize, headerSize }, 0), RangeError);
  }
});

const PYTHON_CHUNK = `
import sys, json
from borg.chunker import ChunkerFixed
for block, header in json.loads(sys.argv[2]):
    with open(sys.argv[1], "rb") as file:
        print(json.dumps([chunk.meta["size"] for chunk in ChunkerFixed(block, header).chunkify(file, file.fileno())]))
`;

Deno.test({
  name: "FixedChunker.chunk() cuts as borg does",
  ignore: noBorgPython,
  fn() {
    const file = Deno.makeTempFileSync();
    for (const size of SIZES) {
      const data = noise(size);
      Deno.writeFileSync(file, data);
      const lines = borgPython(PYTHON_CHUNK, file, JSON.stringify(PARAMS)).trim().split("\n");
      for (const [i, [blockSize, headerSize]] of PARAMS.entries()) {
        const chunker = createChunker({ algorithm: "fixed", blockSize, headerSize }, 0);
        const found: number[] = [];
        for (const chunk of chunker.chunk(reader(data))) found.push(chunk.length);
        assert.deepEqual(found, JSON.parse(lines[i]!));
      }
    }
    Deno.removeSync(file);
  },
});

Deno.test("FixedChunker yields an empty chunk where nothing is there at the moment, and cuts the same", () => {
  const data = noise(5000);
  const chunker = createChunker({ algorithm: "fixed", blockSize: 64, headerSize: 100 }, 0);
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
