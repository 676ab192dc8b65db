import assert from "node:assert/strict";
import { DEFAULT_ITEM_FORMAT, ItemFormat } from "../../../cli/item_format.ts";
import { ItemLines } from "../../../cli/item_line.ts";
import { LineBuffer } from "../../../cli/line_buffer.ts";
import { humanTime, jsonTime } from "../../../cli/local_time.ts";
import { TimeColumn } from "../../../cli/time_column.ts";
import { encodeItem, type Item } from "../../../core/archive/item.ts";
import { ItemStream } from "../../../core/archive/items_reader.ts";
import { asChunkId, encodeText, MsgpackWriter } from "../../../core/bytes/mod.ts";

const archive = { id: asChunkId(new Uint8Array(32).fill(0xab)), name: "archive" };

const plain: Item = {
  path: "folder/file",
  mode: 0o100644,
  uid: 1000,
  gid: 1001,
  user: "user",
  group: "group",
  mtime: 1_764_000_000_123_456_789n,
};
const chunks = [1, 300, 5_000_000_000].map((size, i) => ({
  id: asChunkId(new Uint8Array(32).fill(i)),
  size,
  csize: 7,
}));

const ITEMS: Item[] = [
  plain,
  { ...plain, chunks, hardlink_master: false, bsdflags: 3 },
  { ...plain, chunks, size: 12_345_678_901, chunks_healthy: chunks, user: "someone-else" },
  { ...plain, mode: 0o106755, source: "folder/first", user: null, group: "", atime: 1n, ctime: 2n },
  { ...plain, mode: 0o120777, source: "ziel/ä\udcff", path: "\udc80 ö" },
  { ...plain, mode: 0o040001, path: 'quo"te\\back\nslash', mtime: 1_364_691_599_999_999_999n },
  { ...plain, mode: 0o010644, mtime: -1n, path: "before 1970" },
  { ...plain, mode: 0o020644, mtime: 253_402_300_800_000_000_000n, path: "after 9999" },
  { ...plain, unknown: new Map([["later", 1]]), path: "with a key of the future" },
];

const FORMATS = [
  DEFAULT_ITEM_FORMAT,
  "{path}{NL}",
  "{type}{mode:>12} {uid:5} {gid:05} {flags} {csize:>9} {num_chunks:,} {size:<9}|{path:>20}{bpath}{NUL}",
  "{user} {user:>9} {group:^9} {source}{linktarget:.3} {health} {archiveid} {archivename:9}{extra}{{}}{NL}",
  "{mtime} {atime} {ctime} {isomtime} {isoatime} {isoctime:>30} {mtime:%Y-%j}{NL}",
];

function lines(format: ItemFormat, json: boolean): string {
  const writer = new MsgpackWriter();
  for (const item of ITEMS) encodeItem(writer, item);
  const stream = new ItemStream({ reuse: true });
  stream.push(writer.bytes());
  const written: Uint8Array[] = [];
  const out = new LineBuffer((bytes) => written.push(bytes.slice()));
  const compiled = new ItemLines(format, json);
  for (let item = stream.next(); item !== null; item = stream.next()) compiled.append(item, out);
  out.flush();
  return new TextDecoder("latin1").decode(Uint8Array.from(written.flatMap((bytes) => [...bytes])));
}

const latin1 = (text: string): string => new TextDecoder("latin1").decode(encodeText(text));

Deno.test("ItemLines writes what ItemFormat says, for text and JSON", () => {
  for (const template of FORMATS) {
    const format = new ItemFormat(template, archive);
    assert.equal(lines(format, false), latin1(ITEMS.map((item) => format.text(item)).join("")), template);
    const json = ITEMS.map((item) => `${format.json(item)}\n`).join("");
    assert.equal(lines(format, true), latin1(json), template);
  }
});

Deno.test("TimeColumn writes the times that humanTime() and jsonTime() give", () => {
  const seconds: number[] = [];
  for (let at = -90_000; at < 253_402_400_000; at = Math.floor(at * 1.003 + 1801)) seconds.push(at);
  // Around the changes of summer time of Central Europe and of North America.
  for (const change of [1_364_691_600, 1_382_835_600, 1_362_898_800, 1_383_458_400]) {
    for (let step = -3; step <= 3; step++) seconds.push(change + step);
  }
  for (const [human, expected] of [[true, humanTime], [false, jsonTime]] as const) {
    const column = new TimeColumn(human);
    let text = "";
    const out = new LineBuffer((bytes) => text += new TextDecoder().decode(bytes));
    const wanted: string[] = [];
    for (const second of seconds) {
      const us = second * 1e6 + Math.abs(second % 1_000_000);
      column.append(out, us);
      out.text("\n");
      wanted.push(expected(us));
    }
    out.flush();
    assert.deepEqual(text.split("\n").slice(0, -1), wanted);
  }
});

Deno.test("LineBuffer writes whole batches, numbers in columns, and ASCII only where it is", () => {
  const written: string[] = [];
  const out = new LineBuffer((bytes) => written.push(new TextDecoder().decode(bytes)));
  for (const value of [0, 9, 10, 99, 100, 999_999_999, 1_000_000_000, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    out.digits(value);
    out.byte(0x20);
    out.digits(value, 18);
    out.digits(value, 3, 0x30);
    out.flush();
    assert.equal(written.pop(), `${value} ${String(value).padStart(18)}${String(value).padStart(3, "0")}`);
  }
  assert.equal(out.ascii(encodeText("aäb"), 0, 4), false);
  assert.equal(out.ascii(encodeText("aäb"), 0, 1), true);
  for (let i = 0; i < 100_000; i++) {
    out.text("x".repeat(i % 90));
    out.lineDone();
  }
  out.flush();
  assert.ok(written.length > 50 && written.every((batch) => batch.length < 65536 + 90));
  assert.equal(written.join("").length, 1 + sumOfLengths(100_000, 90));
});

function sumOfLengths(count: number, cycle: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += i % cycle;
  return sum;
}
