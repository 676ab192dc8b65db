import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeHex, decodeText, encodeHex, encodeText, printable } from "../../../core/bytes/mod.ts";

Deno.test("decodeText() and encodeText() carry any bytes through a string", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    assert.deepEqual(encodeText(decodeText(bytes)), bytes);
  }));
});

Deno.test("decodeText() escapes as Python's surrogateescape does", () => {
  const cases: [number[], string][] = [
    [[0x61, 0xff, 0x62], "a\udcffb"],
    [[0xc3, 0x28], "\udcc3("],
    [[0xed, 0xa0, 0x80], "\udced\udca0\udc80"], // an encoded surrogate is not UTF-8
    [[0xf0, 0x9f, 0x98, 0x80], "😀"],
    [[0xf0, 0x9f, 0x98], "\udcf0\udc9f\udc98"],
    [[0xc0, 0xaf], "\udcc0\udcaf"], // overlong
    [[0xef, 0xbb, 0xbf, 0x61], "\ufeffa"], // a byte order mark is kept
  ];
  for (const [bytes, text] of cases) assert.equal(decodeText(Uint8Array.from(bytes)), text);
});

Deno.test("encodeText() handles text of any length around its fast path", () => {
  for (const length of [0, 1, 47, 48, 49, 5000]) {
    const text = "a".repeat(length);
    assert.equal(decodeText(encodeText(text)), text);
  }
});

Deno.test("printable() replaces what is not Unicode", () => {
  assert.equal(printable("a\udcffb"), "a?b");
  assert.equal(printable("😀"), "😀");
});

Deno.test("decodeHex() refuses what is not hexadecimal", () => {
  assert.equal(decodeHex("0g"), null);
  assert.equal(decodeHex("0"), null);
  assert.deepEqual(decodeHex("00fF"), Uint8Array.of(0, 255));
  assert.equal(encodeHex(Uint8Array.of(0, 255)), "00ff");
});
