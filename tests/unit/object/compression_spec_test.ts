import assert from "node:assert/strict";
import { UsageError } from "../../../core/errors.ts";
import { parseCompression } from "../../../core/object/mod.ts";
import { borgPython, borgTest } from "../../fixtures/borg.ts";

const GOOD = [
  "none",
  "lz4",
  "zstd",
  "zstd,1",
  "zstd,22",
  "zlib",
  "zlib,0",
  "zlib,9",
  "lzma",
  "lzma,0",
  "lzma,9",
  "auto,lz4",
  "auto,zstd,7",
  "auto,lzma",
  "auto,auto,lz4",
  "obfuscate,1,none",
  "obfuscate,6,lz4",
  "obfuscate,110,zstd,3",
  "obfuscate,123,auto,zlib,9",
  "obfuscate,3,obfuscate,110,none",
  "zlib, 6",
  "zlib,+6",
];
const BAD = [
  "",
  "gzip",
  "LZ4",
  "zstd,0",
  "zstd,23",
  "zstd,x",
  "zstd,",
  "zstd,1,2",
  "zlib,10",
  "zlib,-1",
  "lzma,10",
  "lzma,1.5",
  "auto",
  "auto,zstd,3,4",
  "auto,nothing",
  "obfuscate",
  "obfuscate,1",
  "obfuscate,0,none",
  "obfuscate,7,none",
  "obfuscate,109,none",
  "obfuscate,124,none",
  "obfuscate,249,none",
  "obfuscate,x,none",
  "obfuscate,1,auto,obfuscate,1,none",
];

Deno.test("parseCompression() reads algorithm, level and nesting", () => {
  assert.deepEqual(parseCompression("none"), { kind: "none" });
  assert.deepEqual(parseCompression("zstd"), { kind: "zstd", level: 3 });
  assert.deepEqual(parseCompression("zlib"), { kind: "zlib", level: 6 });
  assert.deepEqual(parseCompression("lzma,9"), { kind: "lzma", level: 9 });
  assert.deepEqual(parseCompression("obfuscate,250,auto,zstd,10"), {
    kind: "obfuscate",
    spec: 250,
    inner: { kind: "auto", inner: { kind: "zstd", level: 10 } },
  });
});

Deno.test("parseCompression() takes what borg takes", () => {
  for (const text of GOOD) assert.doesNotThrow(() => parseCompression(text), text);
});

Deno.test("parseCompression() refuses the rest with one sentence", () => {
  for (const text of BAD) {
    assert.throws(() => parseCompression(text), (error) => {
      assert.ok(error instanceof UsageError && error.code === "Error", text);
      assert.match(error.message, /^Cannot use compression ".*": [^\n]+$/);
      return true;
    });
  }
});

borgTest("parseCompression() and borg agree on what is a compression", () => {
  const script = `
import json, sys
from argparse import ArgumentTypeError
from borg.compress import CompressionSpec
def good(text):
    try:
        CompressionSpec(text)
        return True
    except (ArgumentTypeError, ValueError):
        return False
print(json.dumps([good(text) for text in json.load(sys.stdin)]))`;
  const verdicts = borgPython<boolean[]>(script, [...GOOD, ...BAD]);
  assert.deepEqual(verdicts, [...GOOD.map(() => true), ...BAD.map(() => false)]);
});
