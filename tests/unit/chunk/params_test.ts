import assert from "node:assert/strict";
import { decodeMsgpack, encodeMsgpack, type Packable } from "../../../core/bytes/mod.ts";
import {
  type ChunkerParams,
  decodeChunkerParams,
  DEFAULT_CHUNKER_PARAMS,
  encodeChunkerParams,
  ITEMS_CHUNKER_PARAMS,
  parseChunkerParams,
} from "../../../core/chunk/mod.ts";
import { IntegrityError, UsageError } from "../../../core/errors.ts";

const FIXED: ChunkerParams = { algorithm: "fixed", blockSize: 4194304, headerSize: 0 };

Deno.test("parseChunkerParams() understands every form that borg takes", () => {
  assert.deepEqual(parseChunkerParams("default"), DEFAULT_CHUNKER_PARAMS);
  assert.deepEqual(parseChunkerParams("buzhash,19,23,21,4095"), DEFAULT_CHUNKER_PARAMS);
  assert.deepEqual(parseChunkerParams(" 19,23,21,4095 "), DEFAULT_CHUNKER_PARAMS);
  assert.deepEqual(parseChunkerParams("BUZHASH, 15, 19, 17, 4095"), ITEMS_CHUNKER_PARAMS);
  assert.deepEqual(parseChunkerParams("fixed,4194304"), FIXED);
  assert.deepEqual(parseChunkerParams("fixed,4194304,512"), { ...FIXED, headerSize: 512 });
});

Deno.test("parseChunkerParams() refuses everything else in one sentence", () => {
  for (
    const text of [
      "",
      ",",
      "default,1",
      "fixed",
      "fixed,63",
      "fixed,20971480",
      "fixed,4096,20971480",
      "fixed,4096,-1",
      "fixed,4096,1,1",
      "fixed,many",
      "buzhash",
      "buzhash,19,23,21",
      "19,23,21",
      "19,23,21,4095,1",
      "rabin,19,23,21,4095",
      "19,23,24,4095",
      "19,23,18,4095",
      "5,23,21,4095",
      "19,24,21,4095",
      "19,23,21,4094",
      "19,23,21,0",
      "19,23,21,-1",
      "6,7,6,65",
      "19,23,2.1,4095",
      "19,23,21,0x0f",
    ]
  ) {
    assert.throws(
      () => parseChunkerParams(text),
      (error) => error instanceof UsageError && error.code === "Error" && !error.message.includes("\n"),
      text,
    );
  }
});

Deno.test("decodeChunkerParams() reads from an archive what encodeChunkerParams() writes, and the old bare numbers", () => {
  const decode = (value: Packable) => decodeChunkerParams(decodeMsgpack(encodeMsgpack(value)));
  for (const params of [DEFAULT_CHUNKER_PARAMS, ITEMS_CHUNKER_PARAMS, FIXED, { ...FIXED, headerSize: 7 }]) {
    assert.deepEqual(decode(encodeChunkerParams(params)), params);
  }
  assert.deepEqual(encodeChunkerParams(DEFAULT_CHUNKER_PARAMS), ["buzhash", 19, 23, 21, 4095]);
  assert.deepEqual(encodeChunkerParams(FIXED), ["fixed", 4194304, 0]);
  assert.deepEqual(decode([19, 23, 21, 4095]), DEFAULT_CHUNKER_PARAMS);
  assert.deepEqual(decode(["fixed", 4194304]), FIXED);
});

Deno.test("decodeChunkerParams() refuses other forms as damage", () => {
  const forms: Packable[] = [
    null,
    5,
    [],
    ["buzhash"],
    ["buzhash", 1, 2, 3],
    ["fixed"],
    ["fixed", 1, 2, 3],
    [
      "other",
      1,
      2,
      3,
      4,
    ],
    ["buzhash", 1, 2, 3, null],
    [1, 2, 3, "x"],
  ];
  for (const form of forms) {
    assert.throws(() => decodeChunkerParams(decodeMsgpack(encodeMsgpack(form))), IntegrityError);
  }
});
