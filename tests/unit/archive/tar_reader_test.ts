import * as assert from "node:assert/strict";
import { type TarEntry, TarReader } from "../../../core/archive/mod.ts";
import { decodeTarHeader, encodeTarHeader, paddedSize, TarType } from "../../../core/archive/tar_header.ts";
import { AppError } from "../../../core/errors.ts";

const PLAIN = {
  type: TarType.File as number,
  name: "file",
  linkName: "",
  mode: 0o644,
  uid: 1,
  gid: 2,
  size: 0,
  mtime: 1_600_000_000,
  user: "somebody",
  group: "users",
  major: 0,
  minor: 0,
};

const encoder = new TextEncoder();

function entry(fields: Partial<typeof PLAIN>, contents = new Uint8Array(0)): Uint8Array {
  const size = contents.length;
  const blocks = new Uint8Array(paddedSize(size));
  blocks.set(contents);
  return join(encodeTarHeader({ ...PLAIN, size, ...fields }), blocks);
}

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

const record = (key: string, value: string): string => {
  const rest = ` ${key}=${value}\n`;
  const bytes = (length: number): number => encoder.encode(`${length}${rest}`).length;
  let length = 0;
  while (bytes(length) !== length) length = bytes(length);
  return `${length}${rest}`;
};

const STREAM = join(
  entry({ name: `${"d".repeat(150)}/long`, linkName: "" }, encoder.encode("long")),
  entry({ name: "dir", type: TarType.Directory }),
  entry({ name: "link", type: TarType.HardLink, linkName: "l".repeat(120) }),
  entry(
    { type: TarType.Pax, name: "pax" },
    encoder.encode(record("mtime", "1.000000001") + record("path", "päx")),
  ),
  entry({}, encoder.encode("x".repeat(700))),
  entry(
    { type: TarType.Pax, name: "pax" },
    encoder.encode(record("GNU.sparse.map", "3,2,8,1") + record("GNU.sparse.size", "12")),
  ),
  entry({ name: "sparse" }, encoder.encode("abc")),
  entry({ name: "device", type: TarType.Block, major: 259, minor: 300_000, uid: 3_000_000 }),
  new Uint8Array(1024),
);

/** All entries with their contents; at most `piece` bytes come at once. */
function readAll(stream: Uint8Array, piece: number): [TarEntry, string][] {
  let at = 0;
  const reader = new TarReader((into) => {
    const length = Math.min(piece, into.length, stream.length - at);
    into.set(stream.subarray(at, at + length));
    at += length;
    return length;
  }, { ignoreZeros: false, onDamage: (message) => assert.fail(message) });
  const all: [TarEntry, string][] = [];
  const buffer = new Uint8Array(64);
  for (let next = reader.next(); next; next = reader.next()) {
    let text = "";
    for (let got = reader.read(buffer); got > 0; got = reader.read(buffer)) {
      text += new TextDecoder().decode(buffer.subarray(0, got));
    }
    all.push([next, text]);
  }
  return all;
}

Deno.test("TarReader reads the same whatever the pieces in which the stream comes", () => {
  const whole = readAll(STREAM, 1 << 20);
  assert.deepEqual(whole.map(([{ name }]) => name), [
    `${"d".repeat(150)}/long`,
    "dir",
    "link",
    "päx",
    "sparse",
    "device",
  ]);
  assert.deepEqual(whole.map(([, text]) => text), [
    "long",
    "",
    "",
    "x".repeat(700),
    "\0\0\0ab\0\0\0c\0\0\0",
    "",
  ]);
  assert.equal(whole[2]![0].linkName, "l".repeat(120));
  assert.equal(whole[3]![0].mtime, 1_000_000_001n);
  assert.deepEqual([whole[5]![0].major, whole[5]![0].minor, whole[5]![0].uid], [259, 300_000, 3_000_000]);
  for (const piece of [1, 7, 511, 512, 513]) assert.deepEqual(readAll(STREAM, piece), whole, String(piece));
});

Deno.test("TarReader goes on where it was when nothing is there in between", () => {
  const whole = readAll(STREAM, 1 << 20);
  for (const piece of [1, 100, 512, 700]) {
    let at = 0;
    let asked = 0;
    const reader = new TarReader((into) => {
      if (asked++ % 3 !== 0) return -1;
      const length = Math.min(piece, into.length, STREAM.length - at);
      into.set(STREAM.subarray(at, at + length));
      at += length;
      return length;
    }, { ignoreZeros: false, onDamage: (message) => assert.fail(message) });
    const all: [TarEntry, string][] = [];
    const buffer = new Uint8Array(64);
    for (let next = reader.next(); next !== null; next = reader.next()) {
      if (next === undefined) continue;
      let text = "";
      for (let got = reader.read(buffer); got !== 0; got = reader.read(buffer)) {
        if (got > 0) text += new TextDecoder().decode(buffer.subarray(0, got));
      }
      all.push([next, text]);
    }
    assert.deepEqual(all, whole, String(piece));
  }
});

Deno.test("TarReader gives the contents of what is skipped to nobody", () => {
  let at = 0;
  const reader = new TarReader((into) => {
    const length = Math.min(into.length, STREAM.length - at);
    into.set(STREAM.subarray(at, at + length));
    at += length;
    return length;
  }, { ignoreZeros: false, onDamage: (message) => assert.fail(message) });
  let count = 0;
  while (reader.next() !== null) count++;
  assert.equal(count, 6);
});

Deno.test("TarReader ends or fails with an AppError wherever the stream is cut off", () => {
  for (let length = 0; length < STREAM.length; length += 37) {
    let at = 0;
    const cut = STREAM.subarray(0, length);
    const reader = new TarReader((into) => {
      const got = Math.min(into.length, cut.length - at);
      into.set(cut.subarray(at, at + got));
      at += got;
      return got;
    }, { ignoreZeros: false, onDamage: () => {} });
    try {
      while (reader.next() !== null) while (reader.read(new Uint8Array(100)) > 0);
    } catch (error) {
      assert.ok(error instanceof AppError, String(error));
    }
  }
});

Deno.test("TarReader refuses a sparse map whose numbers never end, early, and a file of no real size", () => {
  const version = record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0");
  const sparse = (realSize: string, map: string): Uint8Array =>
    join(
      entry(
        { type: TarType.Pax, name: "pax" },
        encoder.encode(version + record("GNU.sparse.realsize", realSize)),
      ),
      entry({}, encoder.encode(map)),
    );
  for (
    const [realSize, map] of [["10", "9".repeat(100_000)], [
      "9".repeat(24),
      `0\n${"\0".repeat(510)}`,
    ]] as const
  ) {
    const stream = sparse(realSize, map);
    let at = 0;
    const reader = new TarReader((into) => {
      const got = Math.min(into.length, stream.length - at);
      into.set(stream.subarray(at, at + got));
      at += got;
      return got;
    }, { ignoreZeros: false, onDamage: () => {} });
    assert.throws(() => reader.next(), AppError);
    assert.ok(at < 5000, `${at} bytes were read`);
  }
});

Deno.test("decodeTarHeader() refuses a header with a flipped bit", () => {
  const block = encodeTarHeader(PLAIN);
  for (let at = 0; at < block.length; at++) {
    const damaged = block.slice();
    damaged[at]! ^= 1;
    // The two blanks around the checksum's digits do not count.
    if (at >= 148 && at < 156) continue;
    assert.equal(decodeTarHeader(damaged), "damaged", String(at));
  }
});
