import assert from "node:assert/strict";
import { equalBytes } from "../../../core/bytes/mod.ts";
import { ITEMS_CHUNKER_PARAMS, StreamChunker } from "../../../core/chunk/mod.ts";
import { type BuzhashParams, chunkLengthsTwin, join, noise } from "./_twin.ts";

const SMALL: BuzhashParams = { algorithm: "buzhash", minExp: 6, maxExp: 9, maskBits: 7, windowSize: 63 };

Deno.test("StreamChunker.push() cuts the same for every split of the stream in two", () => {
  const data = noise(1500);
  const expected = chunkLengthsTwin(data, SMALL, 4);
  const chunks: Uint8Array[] = [];
  const chunker = new StreamChunker(SMALL, 4, (chunk) => chunks.push(chunk.slice()));
  for (let at = 0; at <= data.length; at++) {
    chunks.length = 0;
    chunker.push(data.subarray(0, at));
    chunker.push(data.subarray(at));
    chunker.flush();
    assert.deepEqual(chunks.map((chunk) => chunk.length), expected, `split at ${at}`);
    assert.ok(equalBytes(join(chunks), data));
  }
});

Deno.test("StreamChunker cuts a stream larger than its buffer as one file, with the parameters of item streams", () => {
  const data = noise(6_000_000);
  const chunks: Uint8Array[] = [];
  const chunker = new StreamChunker(ITEMS_CHUNKER_PARAMS, 123, (chunk) => chunks.push(chunk.slice()));
  for (let at = 0, size = 1; at < data.length; at += size, size = (size * 7 + 13) % 5000) {
    chunker.push(data.subarray(at, at + size));
  }
  chunker.push(new Uint8Array(0));
  chunker.flush();
  assert.deepEqual(chunks.map((chunk) => chunk.length), chunkLengthsTwin(data, ITEMS_CHUNKER_PARAMS, 123));
  assert.ok(equalBytes(join(chunks), data));
  chunks.length = 0;
  chunker.push(data);
  chunker.flush();
  assert.ok(equalBytes(join(chunks), data));
  chunker.dispose();
});

Deno.test("StreamChunker.flush() gives nothing of an empty stream and begins a new one", () => {
  const lengths: number[] = [];
  const chunker = new StreamChunker(SMALL, 4, (chunk) => lengths.push(chunk.length));
  chunker.flush();
  assert.deepEqual(lengths, []);
  chunker.push(noise(10));
  chunker.flush();
  chunker.push(noise(20));
  chunker.flush();
  chunker.flush();
  assert.deepEqual(lengths, [10, 20]);
});
