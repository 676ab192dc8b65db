import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeItem, encodeItem, type Item, ITEM_KEYS } from "../../../core/archive/item.ts";
import { formatTimestamp, parseTimestamp } from "../../../core/archive/timestamp.ts";
import {
  asChunkId,
  decodeMsgpack,
  encodeHex,
  MsgpackError,
  MsgpackWriter,
  type Unpacked,
  type UnpackedMap,
} from "../../../core/bytes/mod.ts";

function encode(item: Item): Uint8Array {
  const writer = new MsgpackWriter();
  encodeItem(writer, item);
  return writer.bytes();
}
const decode = (bytes: Uint8Array): Item => decodeItem(decodeMsgpack(bytes) as UnpackedMap);

const id = asChunkId(new Uint8Array(32).fill(7));
const FILE: Item = {
  path: "home/user/a file",
  mode: 0o100644,
  uid: 1000,
  gid: 1000,
  user: "user",
  group: null,
  mtime: 1764000000000000001n,
  ctime: 1764000000000000002n,
  size: 70000,
  chunks: [{ id, size: 70000, csize: 300 }],
  hardlink_master: false,
};

Deno.test("encodeItem() writes keys in sorted order and leaves absent ones out", () => {
  const map = decodeMsgpack(encode(FILE)) as UnpackedMap;
  const keys = [...map.keys()];
  assert.deepEqual(keys, [...keys].sort());
  assert.deepEqual(keys, [
    "chunks",
    "ctime",
    "gid",
    "group",
    "hardlink_master",
    "mode",
    "mtime",
    "path",
    "size",
    "uid",
    "user",
  ]);
});

Deno.test("encodeItem() gives the golden bytes of a symbolic link", () => {
  const link: Item = {
    path: "l",
    mode: 0o120777,
    uid: 0,
    gid: 0,
    user: "root",
    group: "root",
    mtime: 1n,
    source: "a",
  };
  const expected = "88" + "a367696400" + "a567726f7570a4726f6f74" + "a46d6f6465cda1ff" + "a56d74696d6501" +
    "a470617468a16c" + "a6736f75726365a161" + "a375696400" + "a475736572a4726f6f74";
  assert.equal(encodeHex(encode(link)), expected);
});

Deno.test("decodeItem() gives back what was encoded, unknown keys included", () => {
  assert.deepEqual(decode(encode(FILE)), FILE);
  const strange: Item = {
    ...FILE,
    unknown: new Map<string, Unpacked>([["aaa", 1], ["zzz", new Uint8Array([1])]]),
  };
  assert.deepEqual(decode(encode(strange)), strange);
});

Deno.test("encodeItem() carries times of any size", () => {
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 100n), max: 2n ** 100n }), (mtime) => {
    assert.equal(decode(encode({ ...FILE, mtime })).mtime, mtime);
  }));
  // 2**63 needs 64 bits: nine little-endian bytes as borg packs it.
  assert.match(encodeHex(encode({ ...FILE, mtime: 2n ** 63n })), /a56d74696d65a9000000000000008000/);
});

Deno.test("decodeItem() refuses wrong types with a MsgpackError", () => {
  const map = decodeMsgpack(encode(FILE)) as UnpackedMap;
  for (const key of ITEM_KEYS) {
    if (!map.has(key) || key === "hardlink_master") continue;
    const broken: UnpackedMap = new Map(map).set(key, true);
    assert.throws(() => decodeItem(broken), MsgpackError, key);
  }
  const without = new Map(map);
  without.delete("path");
  assert.throws(() => decodeItem(without), MsgpackError);
});

Deno.test("formatTimestamp() and parseTimestamp() agree to the microsecond", () => {
  assert.equal(formatTimestamp(1_764_000_000_000_001), "2025-11-24T16:00:00.000001");
  assert.equal(parseTimestamp("2025-11-24T16:00:00"), 1_764_000_000_000_000);
  assert.equal(parseTimestamp("2025-11-24"), null);
  fc.assert(fc.property(fc.integer({ min: 0, max: 8e15 }), (us) => {
    assert.equal(parseTimestamp(formatTimestamp(us)), us);
  }));
});
