/** The store's codecs: golden bytes, and what they make of every truncation and every flipped bit. */
import assert from "node:assert/strict";
import { decodeHex, encodeHex, encodeMsgpack, MsgpackError } from "../../../core/bytes/mod.ts";
import { AppError } from "../../../core/errors.ts";
import { RepositoryConfig, sizeText } from "../../../core/store/config.ts";
import { decodeHints, encodeHints, Hints } from "../../../core/store/hints.ts";
import { decodeIntegrity, digestFile, encodeIntegrity, isIntact } from "../../../core/store/integrity.ts";
import { COMMIT_ENTRY, encodeHeader, entryIntact, headerFault } from "../../../core/store/segment_format.ts";
import { dataOf, idOf } from "../../fixtures/store_env.ts";

/** hints.18 and integrity.13 as borg 1.2.4 wrote them. */
const BORG_HINTS = "85a776657273696f6e02a87365676d656e74738406680f01110112" +
  "00a7636f6d70616374811209b173746f726167655f71756f74615f757365ce000c11eaac736861646f775f696e64657880";

function* flips(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = bytes.slice();
      flipped[at] = flipped[at]! ^ (1 << bit);
      yield flipped;
    }
  }
}

Deno.test("encodeHeader() gives borg's COMMIT, and entryIntact() sees every flipped bit of an entry", () => {
  assert.equal(encodeHex(COMMIT_ENTRY), "40f43c250900000002");
  const entry = new Uint8Array(51);
  const data = dataOf(3, 10);
  assert.equal(encodeHeader(entry, 0, { tag: 0, id: idOf(3), data }), 41);
  entry.set(data, 41);
  assert.ok(entryIntact(entry));
  for (const flipped of flips(entry)) assert.ok(!entryIntact(flipped));
});

Deno.test("headerFault() refuses tags and sizes that no entry has", () => {
  const header = (size: number, tag: number) => {
    const bytes = new Uint8Array(9);
    new DataView(bytes.buffer).setUint32(4, size, true);
    bytes[8] = tag;
    return headerFault(bytes, 0);
  };
  for (const [size, tag] of [[41, 0], [20 << 20, 0], [41, 1], [9, 2]] as const) {
    assert.equal(header(size, tag), null);
  }
  for (
    const [size, tag] of [[40, 0], [(20 << 20) + 1, 0], [42, 1], [9, 1], [10, 2], [8, 2], [41, 3], [
      9,
      255,
    ]] as const
  ) {
    assert.notEqual(header(size, tag), null, `${size} ${tag}`);
  }
});

Deno.test("encodeHints() writes what borg wrote, decodeHints() reads it back, with the shadow index in order", () => {
  const golden = decodeHex(BORG_HINTS)!;
  const { hints, unmeasured } = decodeHints(golden);
  assert.deepEqual([...hints.segments], [[6, 104], [15, 1], [17, 1], [18, 0]]);
  assert.deepEqual([...hints.compact], [[18, 9]]);
  assert.equal(hints.storageQuotaUse, 0xc11ea);
  assert.deepEqual(unmeasured, []);
  assert.deepEqual(encodeHints(hints), golden);
  hints.shadow.add(idOf(1), 5);
  hints.shadow.add(idOf(2), 70000);
  hints.shadow.add(idOf(1), 6);
  hints.shadow.add(idOf(0xdcff), 1);
  hints.shadow.removeSegment(idOf(2), 70000);
  const again = decodeHints(encodeHints(hints)).hints;
  assert.deepEqual(again.shadow.get(idOf(1)), [5, 6]);
  assert.deepEqual(again.shadow.get(idOf(2)), []);
  assert.deepEqual(again.shadow.get(idOf(0xdcff)), [1]);
  assert.equal(again.shadow.get(idOf(3)), null);
  assert.deepEqual(encodeHints(again), encodeHints(hints));
});

Deno.test("decodeHints() reads version 1 and names the segments to measure", () => {
  const bytes = encodeMsgpack(
    new Map<string, number | number[] | Map<number, number>>([
      ["version", 1],
      ["segments", new Map([[3, 2], [1, 0]])],
      ["compact", [3, 1]],
    ]),
  );
  assert.deepEqual(decodeHints(bytes).unmeasured, [1, 3]);
});

Deno.test("decodeHints() answers every truncation with MsgpackError and never hangs on a flipped bit", () => {
  const hints = new Hints();
  for (let n = 0; n < 4; n++) {
    hints.addLive(n * 300, n);
    hints.addFreeable(n, 1000 * n);
    hints.shadow.add(idOf(n), n);
  }
  const bytes = encodeHints(hints);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeHints(bytes.subarray(0, length)), MsgpackError);
  }
  for (const flipped of flips(bytes)) {
    try {
      decodeHints(flipped);
    } catch (error) {
      assert.ok(error instanceof MsgpackError, String(error));
    }
  }
});

Deno.test("isIntact() sees every flipped bit, every truncation and another name", () => {
  const bytes = dataOf(1, 200);
  const pieces = (
    b: Uint8Array,
  ) => [{ bytes: b.subarray(0, 18), part: "HashHeader" }, { bytes: b.subarray(18) }];
  const integrity = encodeIntegrity({
    hints: digestFile("hints.7", [{ bytes }]),
    index: digestFile("index.7", pieces(bytes)),
  });
  const record = decodeIntegrity(integrity, "index");
  assert.ok(isIntact(record, "index.7", pieces(bytes)));
  assert.ok(!isIntact(record, "index.8", pieces(bytes)));
  for (const flipped of flips(bytes)) assert.ok(!isIntact(record, "index.7", pieces(flipped)));
  for (let length = 0; length < bytes.length; length++) {
    assert.ok(!isIntact(record, "index.7", pieces(bytes.subarray(0, length))));
  }
  assert.equal(decodeIntegrity(encodeMsgpack(new Map([["version", 3]])), "index"), "unknown");
});

Deno.test("decodeIntegrity() never throws, and a damaged record never passes another file", () => {
  const bytes = dataOf(1, 100);
  const integrity = encodeIntegrity({ hints: digestFile("hints.7", [{ bytes }]), index: { final: "0" } });
  const other = dataOf(2, 100);
  for (let length = 0; length < integrity.length; length++) {
    assert.equal(decodeIntegrity(integrity.subarray(0, length), "hints"), "damaged");
  }
  for (const flipped of flips(integrity)) {
    const record = decodeIntegrity(flipped, "hints");
    // An unknown version or algorithm promises nothing; anything else must refuse what was not digested.
    if (record !== "unknown") assert.ok(!isIntact(record, "hints.7", [{ bytes: other }]));
  }
});

const CONFIG = `[repository]
version = 1
segments_per_dir = 1000
max_segment_size = 524288000
append_only = 0
storage_quota = 0
additional_free_space = 2G
id = ${"0123456789abcdef".repeat(4)}
key = hqlhbGdvcml0aG2mc2hhMjU2
\tline two
\tline three

`;

Deno.test("RepositoryConfig.decode() and encode() keep what borg wrote byte for byte", () => {
  const config = RepositoryConfig.decode("r", CONFIG);
  assert.equal(config.encode(), CONFIG);
  assert.equal(config.get("key"), "hqlhbGdvcml0aG2mc2hhMjU2\nline two\nline three");
  const settings = config.settings();
  assert.equal(settings.additionalFreeSpace, 2e9);
  assert.equal(settings.maxSegmentSize, 500 << 20);
  assert.equal(encodeHex(settings.id), "0123456789abcdef".repeat(4));
});

Deno.test("RepositoryConfig.encode() keeps a value together, whatever ends its lines", () => {
  const config = RepositoryConfig.decode("r", CONFIG);
  config.set("key", "one\rappend_only = 1\r\n[other]\nid = 2");
  const again = RepositoryConfig.decode("r", config.encode());
  assert.equal(again.get("key"), "one\nappend_only = 1\n[other]\nid = 2");
  assert.deepEqual(again.keys(), config.keys());
});

Deno.test("RepositoryConfig.decode() understands comments, colons, case, blank lines and other sections", () => {
  const text = "# note\n[other]\nx: y\n\n[repository]\n; note\nVersion : 1\nkey = a\n  b\n\n  c\n\nid=00\n";
  const config = RepositoryConfig.decode("r", text);
  assert.equal(config.get("version"), "1");
  assert.equal(config.get("key"), "a\nb\n\nc");
  assert.equal(config.get("id"), "00");
  assert.equal(
    config.encode(),
    "[other]\nx = y\n\n[repository]\nversion = 1\nkey = a\n\tb\n\t\n\tc\nid = 00\n\n",
  );
});

Deno.test("RepositoryConfig refuses what borg refuses with InvalidRepositoryConfig", () => {
  const refused = (error: unknown) =>
    error instanceof AppError && error.code === "Repository.InvalidRepositoryConfig";
  for (
    const [from, to] of [
      ["version = 1", "version = 2"],
      ["version = 1", "version = x"],
      ["version = 1\n", ""],
      ["= 524288000", "= 4294967295"],
      ["segments_per_dir = 1000", "segments_per_dir = 0"],
      ["append_only = 0", "append_only = maybe"],
      ["2G", "2X"],
      ["0123", "012"],
      ["[repository]", "[repo]"],
      ["[repository]", ""],
      ["append_only", "version"],
    ] as const
  ) {
    assert.ok(CONFIG.includes(from));
    assert.throws(() => RepositoryConfig.decode("r", CONFIG.replace(from, to)).settings(), refused, to);
  }
});

Deno.test("RepositoryConfig answers every truncation and flipped bit with settings or one typed error", () => {
  const bytes = new TextEncoder().encode(CONFIG);
  const texts = [...flips(bytes)].map((flipped) => new TextDecoder().decode(flipped));
  for (let length = 0; length < CONFIG.length; length++) texts.push(CONFIG.slice(0, length));
  for (const text of texts) {
    try {
      const settings = RepositoryConfig.decode("r", text).settings();
      assert.ok(settings.segmentsPerDir >= 1 && settings.id.length === 32);
    } catch (error) {
      assert.ok(error instanceof AppError, String(error));
    }
  }
});

Deno.test("sizeText() writes sizes for people", () => {
  assert.deepEqual([0, 999, 1000, 1_234_567, 2e9].map(sizeText), [
    "0 B",
    "999 B",
    "1.00 kB",
    "1.23 MB",
    "2.00 GB",
  ]);
});
