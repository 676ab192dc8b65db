import assert from "node:assert/strict";
import fc from "fast-check";
import { asChunkId, MsgpackWriter } from "../../../core/bytes/mod.ts";
import { encodeItem, type Item } from "../../../core/archive/item.ts";
import { ItemEncoder } from "../../../core/archive/item_encoder.ts";

function general(items: readonly Item[]): Uint8Array {
  const writer = new MsgpackWriter();
  for (const item of items) encodeItem(writer, item);
  return writer.bytes();
}

function assertSame(items: readonly Item[]): void {
  const encoder = new ItemEncoder();
  for (const item of items) encoder.add(item);
  assert.deepEqual(encoder.view().slice(), general(items));
  assert.equal(encoder.length, encoder.view().length);
}

const BASE: Item = {
  path: "home/a",
  mode: 0o100644,
  uid: 0,
  gid: 0,
  user: "root",
  group: "root",
  mtime: 1_700_000_000_123_456_789n,
};

const name = fc.oneof(fc.constant(null), fc.string({ maxLength: 100 }), fc.constant("root"));
const number = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 70_000 }),
  fc.integer({ min: 0, max: 2 ** 33 }),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
);
const time = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.stringMatching(/^[a-z/]{0,60}$/),
  fc.constant("a\udc80b"),
);
const chunk = fc.record({
  id: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(asChunkId),
  size: number,
  csize: number,
});
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const anyItem = fc.record({
  path: text,
  mode: number,
  uid: number,
  gid: number,
  user: name,
  group: name,
  mtime: time,
  atime: optional(time),
  ctime: optional(time),
  birthtime: optional(time),
  size: optional(number),
  source: optional(text),
  rdev: optional(number),
  bsdflags: optional(number),
  hardlink_master: optional(fc.boolean()),
  chunks: optional(fc.array(chunk, { maxLength: 20 })),
  part: optional(fc.integer({ min: 1, max: 9 })),
  acl_access: optional(fc.uint8Array({ maxLength: 9 })),
});

Deno.test("ItemEncoder gives the bytes of encodeItem() for arbitrary items", () => {
  fc.assert(fc.property(fc.array(anyItem, { maxLength: 5 }), (items) => assertSame(items as Item[])));
});

Deno.test("ItemEncoder takes what is long, and what has every field", () => {
  const id = asChunkId(new Uint8Array(32).fill(7));
  const chunks = Array.from({ length: 70_000 }, (_, i) => ({ id, size: i, csize: i }));
  assertSame([
    { ...BASE, path: "x".repeat(31) },
    { ...BASE, path: "x".repeat(32) },
    { ...BASE, path: "ä".repeat(20_000) },
    { ...BASE, path: "x".repeat(100_000) },
    { ...BASE, chunks },
    { ...BASE, chunks: chunks.slice(0, 65_535) },
    { ...BASE, uid: -1, gid: -1 },
    {
      ...BASE,
      atime: 1n << 40n,
      ctime: 1n << 40n,
      birthtime: 1n << 40n,
      bsdflags: 1,
      size: 5,
      rdev: 3,
      source: "b",
      chunks: [],
      hardlink_master: true,
    },
    BASE,
  ]);
});

Deno.test("ItemEncoder begins anew after reset()", () => {
  const encoder = new ItemEncoder();
  encoder.add(BASE);
  encoder.reset();
  assert.equal(encoder.length, 0);
  encoder.add(BASE);
  assert.deepEqual(encoder.view().slice(), general([BASE]));
});
