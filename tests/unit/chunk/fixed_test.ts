import assert from "node:assert/strict";
import { createChunker } from "../../../core/chunk/mod.ts";
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
