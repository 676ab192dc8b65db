import assert from "node:assert/strict";
import { findCommand } from "../../../cli/args.ts";
import { borrowAccel } from "../../../core/platform/accel.ts";
import { workplace } from "../../fixtures/alcove.ts";

const TITLES = [
  "Chunkers",
  "Checksums",
  "Cryptographic hashes / MACs",
  "Encryption",
  "KDF (slow is good)",
  "Compression",
  "msgpack",
];
const ROW = /^\S.{35} (\d+ B|[\d.]+ [KMGT]iB|\d+ (keys|items)) +\d+\.\d{3}s {2} *\d+\.\d (MB|keys|items)\/s$/;

Deno.test("benchmark cpu shows a line for each operation, with and without borrowed libraries", () => {
  using place = workplace({ ALCOVE_BENCHMARK_BYTES: "20000" });
  const [first, ...lines] = place.alcove(["benchmark", "cpu"]).stdout.trimEnd().split("\n");
  const accel = borrowAccel();
  assert.equal(first, `Borrowed libraries: ${accel?.description ?? "none"}`);
  const titles = lines.filter((line) => line.endsWith("==="));
  assert.deepEqual(titles, TITLES.map((title) => `${title} `.padEnd(64, "=")));
  const rows = lines.filter((line) => !line.endsWith("==="));
  for (const row of rows) assert.match(row, ROW);
  const portable = rows.filter((row) => row.includes("(portable)"));
  if (accel?.aesCtr && accel.lz4) assert.equal(portable.length, 7);
  const without = place.alcove(["benchmark", "cpu"], { env: { ALCOVE_ACCEL: "0" } }).stdout.trimEnd().split(
    "\n",
  );
  assert.equal(without[0], "Borrowed libraries: none");
  assert.equal(without.length, lines.length - portable.length + 1);
  assert.ok(!without.join().includes("(portable)"));
});

Deno.test("benchmark cpu works on a single byte, and refuses sizes that are none", () => {
  using place = workplace();
  place.alcove(["benchmark", "cpu"], { env: { ALCOVE_BENCHMARK_BYTES: "1" } });
  for (const size of ["0", "-1", "1.5", "many", "1e12"]) {
    const { stderr } = place.alcove(["benchmark", "cpu"], { env: { ALCOVE_BENCHMARK_BYTES: size }, code: 2 });
    assert.ok(stderr.includes(`ALCOVE_BENCHMARK_BYTES cannot be "${size}"`), stderr);
  }
});

Deno.test("a family of commands tells its members where none is named", () => {
  using place = workplace();
  for (const [word, hint] of [["gpu", /did you mean cpu\?/], ["frobnicate", /there are: .*cpu/]] as const) {
    const { stdout, stderr } = place.alcove(["benchmark", word], { code: 2 });
    assert.equal(stdout, "");
    assert.match(stderr, hint);
  }
  for (const args of [["benchmark"], ["--info", "benchmark", "--show-rc"], ["benchmark", "--help"]]) {
    const { stdout } = place.alcove(args);
    assert.match(stdout, /^usage: alcove benchmark COMMAND[^]*\n {2}benchmark cpu /);
  }
  assert.match(
    place.alcove(["benchmark", "cpu", "--help"]).stdout,
    /^usage: alcove benchmark cpu \[options\]\n/,
  );
});

Deno.test("findCommand() takes the second word of a family, with common options before, between and behind", () => {
  const names = ["create", "benchmark cpu", "benchmark crud", "key export"];
  const found = (...argv: string[]) => {
    const { command, rest, help } = findCommand(argv, names);
    return [command, rest, help];
  };
  assert.deepEqual(found("benchmark", "cpu"), ["benchmark cpu", [], false]);
  assert.deepEqual(
    found("-v", "benchmark", "--lock-wait", "5", "crud", "repo", "--", "-x"),
    ["benchmark crud", ["-v", "--lock-wait", "5", "repo", "--", "-x"], false],
  );
  assert.deepEqual(found("-h", "key", "export"), ["key export", [], true]);
  assert.deepEqual(found("key", "--help", "export"), ["key export", [], true]);
  assert.deepEqual(found("key", "other", "x"), ["key", ["other", "x"], false]);
  assert.deepEqual(found("key"), ["key", [], false]);
  assert.deepEqual(found("create", "cpu"), ["create", ["cpu"], false]);
  assert.deepEqual(found("cpu"), ["cpu", [], false]);
  assert.deepEqual(found(), [null, [], false]);
});
