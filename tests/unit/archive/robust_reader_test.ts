import assert from "node:assert/strict";
import { encodeItem, type Item, ITEM_KEYS } from "../../../core/archive/item.ts";
import { RobustItemReader } from "../../../core/archive/robust_reader.ts";
import { MsgpackWriter } from "../../../core/bytes/mod.ts";

const KEYS = new Set<string>(ITEM_KEYS);
const item = (n: number): Item => ({
  path: `folder/file ${n}`,
  mode: 0o100644,
  uid: 1000,
  gid: 1000,
  user: "user",
  group: "group",
  mtime: 1_764_000_000_000_000_000n + BigInt(n),
});

/** The stream of `count` items, and where each begins. */
function stream(count: number): { bytes: Uint8Array; starts: number[] } {
  const writer = new MsgpackWriter();
  const starts: number[] = [];
  for (let n = 0; n < count; n++) {
    starts.push(writer.length);
    encodeItem(writer, item(n));
  }
  return { bytes: writer.bytes(), starts };
}

function read(pieces: (Uint8Array | null)[]): { paths: string[]; reports: string[] } {
  const reports: string[] = [];
  const reader = new RobustItemReader(KEYS, (what) => reports.push(what));
  const paths = pieces.flatMap((piece) => reader.push(piece).map(({ path }) => path));
  reader.end();
  return { paths, reports };
}

const all = (count: number): string[] => Array.from({ length: count }, (_, n) => item(n).path);

Deno.test("RobustItemReader gives the same items for every split of a sound stream", () => {
  const { bytes } = stream(4);
  for (let at = 0; at <= bytes.length; at++) {
    const { paths, reports } = read([bytes.subarray(0, at), bytes.subarray(at)]);
    assert.deepEqual(paths, all(4), `split at ${at}`);
    assert.deepEqual(reports, []);
  }
});

Deno.test("RobustItemReader goes on behind a lost piece, wherever the items are cut", () => {
  const { bytes, starts } = stream(6);
  for (let from = 1; from < starts[2]!; from += 7) {
    for (let to = starts[2]!; to < starts[4]!; to += 7) {
      const { paths } = read([bytes.subarray(0, from), null, bytes.subarray(to)]);
      // Whole items on both sides are there, the cut ones are not.
      assert.ok(paths.includes(item(4).path) && paths.includes(item(5).path), `lost ${from} to ${to}`);
      assert.equal(paths.includes(item(1).path), false);
      assert.ok(paths.every((path) => all(6).includes(path)));
    }
  }
});

Deno.test("RobustItemReader reports damage and finds the next item", () => {
  const { bytes, starts } = stream(5);
  for (let offset = starts[1]!; offset < starts[2]!; offset++) {
    const damaged = Uint8Array.from(bytes);
    damaged[offset] = 0xc1; // never msgpack
    const { paths } = read([damaged]);
    assert.ok(paths.includes(item(0).path), `damage at ${offset - starts[1]!}`);
    assert.ok(paths.includes(item(4).path), `damage at ${offset - starts[1]!}`);
  }
  assert.match(read([bytes.subarray(0, -1)]).reports.join(), /ends within an item/);
  const foreign = new MsgpackWriter();
  encodeItem(foreign, { ...item(0), unknown: new Map([["strange", 1]]) });
  assert.match(read([foreign.bytes()]).reports.join(), /unknown keys: strange/);
});
