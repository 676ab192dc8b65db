import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import {
  decodeMsgpack,
  encodeHex,
  encodeMsgpack,
  MsgpackError,
  MsgpackReader,
  MsgpackTruncated,
  type Packable,
  sortedMap,
  type Unpacked,
} from "../../../core/bytes/mod.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Bytes that msgpack-python with use_bin_type=False (what borg 1.x uses) gives for the same values. */
const VECTORS: [Packable, string][] = [
  [null, "c0"],
  [true, "c3"],
  [false, "c2"],
  [0, "00"],
  [127, "7f"],
  [128, "cc80"],
  [255, "ccff"],
  [256, "cd0100"],
  [65535, "cdffff"],
  [65536, "ce00010000"],
  [4294967295, "ceffffffff"],
  [4294967296, "cf0000000100000000"],
  [1764000000000000001n, "cf187afca767ca0001"],
  [-1, "ff"],
  [-32, "e0"],
  [-33, "d0df"],
  [-128, "d080"],
  [-129, "d1ff7f"],
  [-32769, "d2ffff7fff"],
  [-2147483649, "d3ffffffff7fffffff"],
  [1.5, "cb3ff8000000000000"],
  ["", "a0"],
  ["abc", "a3616263"],
  ["é", "a2c3a9"],
  ["x\udcff", "a278ff"],
  [new Uint8Array([1, 2]), "a20102"],
  ["a".repeat(31), "bf" + "61".repeat(31)],
  ["a".repeat(32), "da0020" + "61".repeat(32)],
  [[1, 2], "920102"],
  [sortedMap({ b: 1, a: null, c: undefined }), "82a161c0a16201"],
];

Deno.test("encodeMsgpack() gives the bytes of the old dialect", () => {
  for (const [value, hex] of VECTORS) assert.equal(encodeHex(encodeMsgpack(value)), hex, String(value));
});

Deno.test("encodeMsgpack() uses 16- and 32-bit lengths where needed", () => {
  assert.equal(encodeHex(encodeMsgpack(new Uint8Array(70000)).subarray(0, 5)), "db00011170");
  assert.equal(encodeHex(encodeMsgpack(new Array(16).fill(0)).subarray(0, 3)), "dc0010");
  assert.equal(encodeHex(encodeMsgpack(new Array(70000).fill(0)).subarray(0, 5)), "dd00011170");
  const wide = new Map(Array.from({ length: 16 }, (_, i) => [i, 0] as [number, Packable]));
  assert.equal(encodeHex(encodeMsgpack(wide).subarray(0, 3)), "de0010");
});

const packable = fc.letrec<{ value: Packable }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.uint8Array({ maxLength: 80 }),
    fc.array(tie("value") as fc.Arbitrary<Packable>, { maxLength: 20 }),
    fc.dictionary(fc.string(), tie("value") as fc.Arbitrary<Packable>, { maxKeys: 20 }).map((entries) =>
      sortedMap(entries)
    ),
  ),
})).value;

function normal(value: Packable | Unpacked): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(normal);
  if (value instanceof Map) return [...value].map(([key, element]) => [key, normal(element)]);
  if (value instanceof Uint8Array) return encodeHex(value);
  return value === 0 ? 0 : value;
}

Deno.test("MsgpackWriter grows at every kind of value", () => {
  for (let fill = 4000; fill < 4100; fill++) {
    for (
      const value of [
        "ab",
        5,
        200,
        70000,
        2n ** 60n,
        true,
        null,
        1.5,
        new Uint8Array(9),
        [1],
        sortedMap({ a: 1 }),
      ]
    ) {
      const filler = new Uint8Array(fill);
      const both = decodeMsgpack(encodeMsgpack([filler, value as Packable])) as Unpacked[];
      assert.deepEqual(normal(both[1]!), normal(typeof value === "string" ? text(value) : value as Packable));
    }
  }
});

Deno.test("decodeMsgpack() gives back what was encoded", () => {
  fc.assert(fc.property(packable, (value) => {
    assert.deepEqual(normal(decodeMsgpack(encodeMsgpack(value))), normal(value));
  }));
});

Deno.test("decodeMsgpack() tells truncation at every offset from damage", () => {
  const bytes = encodeMsgpack(
    sortedMap({ a: [1, 70000, text("hello"), -5], b: 1764000000000000001n, c: sortedMap({ d: "x" }) }),
  );
  for (let end = 0; end < bytes.length; end++) {
    const reader = new MsgpackReader(bytes.subarray(0, end));
    assert.throws(() => reader.read(), MsgpackTruncated, `cut at ${end}`);
    assert.equal(reader.position, 0);
  }
  assert.throws(() => decodeMsgpack(new Uint8Array([...bytes, 0])), MsgpackError);
});

Deno.test("decodeMsgpack() answers any bytes with a value or a MsgpackError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      decodeMsgpack(bytes);
    } catch (error) {
      assert.ok(error instanceof MsgpackError, String(error));
    }
  }));
});

Deno.test("decodeMsgpack() copies raw values even out of a Buffer", () => {
  const source = Buffer.from(encodeMsgpack(["abc"]));
  const [value] = decodeMsgpack(source) as Uint8Array[];
  source.fill(0);
  assert.equal(encodeHex(value!), "616263");
});

Deno.test("decodeMsgpack() refuses forged lengths without allocating for them", () => {
  for (const hex of ["ddffffffff", "dfffffffff", "dbffffffff"]) {
    const bytes = Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
    assert.throws(() => decodeMsgpack(bytes), MsgpackTruncated);
  }
  const deep = new Uint8Array(100_000).fill(0x91);
  assert.throws(() => decodeMsgpack(deep), /nested too deeply/);
});
