import assert from "node:assert/strict";
import { decodeItem, encodeItem, type Item, ITEM_KEYS, itemSize } from "../../../core/archive/item.ts";
import { CUT_OFF, FIELD, ItemView, UNUSUAL, VIEW_SLACK } from "../../../core/archive/item_view.ts";
import { ItemStream } from "../../../core/archive/items_reader.ts";
import {
  asChunkId,
  encodeText,
  MsgpackError,
  MsgpackReader,
  MsgpackWriter,
} from "../../../core/bytes/mod.ts";
import { IntegrityError } from "../../../core/errors.ts";

const id = (n: number) => asChunkId(new Uint8Array(32).fill(n));
const chunks = (...sizes: number[]) => sizes.map((size, i) => ({ id: id(i + 1), size, csize: size >> 1 }));

const plain: Item = {
  path: "folder/file",
  mode: 0o100644,
  uid: 1000,
  gid: 1000,
  user: "user",
  group: "group",
  mtime: 1_764_000_000_123_456_789n,
};

/** At least one item with each key, and integers and texts of each width. */
const ITEMS: Item[] = [
  plain,
  { ...plain, chunks: chunks(5, 300, 70_000, 2 ** 32 + 1), size: 2 ** 33, hardlink_master: false },
  { ...plain, chunks: chunks(7), chunks_healthy: chunks(9), atime: 0n, ctime: 1n, birthtime: 2n ** 62n },
  { ...plain, chunks: chunks(...new Array<number>(20).fill(1)), part: 3, hardlink_master: true },
  { ...plain, path: "a".repeat(40), mode: 0o120777, source: "ä\udcff" + "b".repeat(70_000), bsdflags: 1 },
  { ...plain, path: "\udc80ö", mode: 0o020644, rdev: 259, user: null, group: null, uid: 0, gid: 2 ** 31 },
  {
    ...plain,
    xattrs: new Map([["user.a", Uint8Array.of(1, 2)], ["user.b", new Uint8Array(300)]]),
    acl_access: encodeText("user::rw-"),
    acl_default: new Uint8Array(40),
    acl_extended: new Uint8Array(0),
    acl_nfs4: encodeText("x"),
  },
];

function pack(items: readonly Item[]): Uint8Array {
  const writer = new MsgpackWriter();
  for (const item of items) encodeItem(writer, item);
  return writer.bytes();
}

function padded(bytes: Uint8Array): Uint8Array {
  const room = new Uint8Array(bytes.length + VIEW_SLACK).fill(0x93);
  room.set(bytes);
  return room;
}

/** What the thorough way makes of the first object in `bytes`, null where it refuses. */
function thorough(bytes: Uint8Array): { item: Item; end: number } | null {
  const reader = new MsgpackReader(bytes);
  try {
    const object = reader.read();
    return object instanceof Map ? { item: decodeItem(object), end: reader.position } : null;
  } catch (error) {
    if (error instanceof MsgpackError) return null;
    throw error;
  }
}

Deno.test("ItemView gives the same items as decodeItem()", () => {
  const used = new Set(ITEMS.flatMap((item) => Object.keys(item)));
  assert.deepEqual([...used].sort(), [...ITEM_KEYS].sort());
  for (const item of ITEMS) {
    const bytes = pack([item]);
    const view = new ItemView();
    assert.equal(view.read(padded(bytes), 0, bytes.length), bytes.length);
    const { item: expected } = thorough(bytes)!;
    assert.deepEqual(view.item(), expected);
    assert.equal(view.contentSize(), itemSize(expected));
    assert.equal(view.nanoseconds(FIELD.ctime), Number(expected.ctime ?? expected.mtime));
  }
});

Deno.test("ItemView says that an item is cut off, or unusual, at every length of it", () => {
  for (const item of ITEMS) {
    const bytes = pack([item]);
    for (let length = 1; length < Math.min(bytes.length, 1000); length++) {
      const answer = new ItemView().read(padded(bytes.subarray(0, length)), 0, length);
      assert.ok(answer === CUT_OFF || answer === UNUSUAL, `${length} bytes: ${answer}`);
    }
  }
});

Deno.test("ItemView accepts nothing that decodeItem() refuses or reads otherwise, whatever bit is flipped", () => {
  let accepted = 0;
  for (const item of ITEMS) {
    const bytes = pack([item]);
    if (bytes.length > 2000) continue; // takes long, and teaches nothing new
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = padded(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const view = new ItemView();
      const end = view.read(damaged, 0, bytes.length);
      const expected = thorough(damaged.subarray(0, bytes.length));
      if (end === CUT_OFF) assert.equal(expected, null, `bit ${bit}`);
      if (end < 0) continue;
      accepted++;
      assert.deepEqual({ item: view.item(), end }, expected, `bit ${bit}`);
    }
  }
  assert.ok(accepted > 1000);
});

Deno.test("ItemStream gives every item for every split, unusual ones as objects", () => {
  const unusual: Item = { ...plain, mtime: -5n, unknown: new Map([["later", 1]]) };
  const items = [ITEMS[1]!, unusual, ITEMS[2]!, ITEMS[6]!];
  const bytes = pack(items);
  for (const reuse of [true, false]) {
    for (let at = 0; at <= bytes.length; at++) {
      const stream = new ItemStream({ reuse });
      const got: Item[] = [];
      for (const piece of [bytes.subarray(0, at), bytes.subarray(at)]) {
        stream.push(piece);
        for (let next = stream.next(); next !== null; next = stream.next()) {
          got.push(structuredClone(next instanceof ItemView ? next.item() : next));
        }
      }
      stream.end();
      assert.deepEqual(got, items);
    }
  }
});

Deno.test("ItemStream refuses what is no item, and an end within one", () => {
  const stream = (bytes: Uint8Array): ItemStream => {
    const made = new ItemStream({ reuse: true });
    made.push(bytes);
    return made;
  };
  assert.throws(() => stream(Uint8Array.of(0x01)).next(), IntegrityError);
  assert.throws(() => stream(Uint8Array.of(0x80)).next(), IntegrityError);
  assert.throws(() => stream(Uint8Array.of(0xc1)).next(), IntegrityError);
  const cut = stream(pack([plain]).subarray(0, 20));
  assert.equal(cut.next(), null);
  assert.throws(() => cut.end(), IntegrityError);
});
