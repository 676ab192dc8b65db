/** Running programs, splitting command lines, streams, signals. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { childEnvironment, runProgram, splitCommand } from "../../../core/platform/mod.ts";
import { OsError } from "../../../core/errors.ts";

Deno.test("splitCommand() follows the shell's quoting", () => {
  const cases: [string, string[]][] = [
    ["", []],
    ["  a\tb\n c\r", ["a", "b", "c"]],
    [`'a b' "c d"`, ["a b", "c d"]],
    [`a'b'"c"d`, ["abcd"]],
    [`'' ""`, ["", ""]],
    [`a\\ b \\'`, ["a b", "'"]],
    [`"a\\"b" "a\\b" '\\'`, [`a"b`, "a\\b", "\\"]],
    [`"\\\\" "\\$x"`, ["\\", "\\$x"]],
    ["a\\\nb", ["a\nb"]],
    [`a#b # c`, ["a#b", "#", "c"]],
    [`cat "/ü €/😀"`, ["cat", "/ü €/😀"]],
    ["a\u00a0b", ["a\u00a0b"]],
  ];
  for (const [text, words] of cases) assert.deepEqual(splitCommand(text), words, text);
  for (const bad of ["'a", 'a "b', "a\\", '"a\\']) assert.throws(() => splitCommand(bad), SyntaxError);
});

const python = spawnSync("python3", ["--version"]);

Deno.test({
  name: "splitCommand() cuts random texts as Python's shlex does",
  ignore: python.status !== 0,
  fn() {
    const alphabet = ["a", "b", " ", "\t", "'", '"', "\\", "#", "$", "\n", "ü", "="];
    let seed = 7;
    const random = (n: number): number => (seed = (seed * 1103515245 + 12345) % 0x80000000) % n;
    const texts = Array.from(
      { length: 2000 },
      () =>
        Array.from({ length: random(12) }, () => alphabet[(random(4096) >> 4) % alphabet.length]).join(""),
    );
    const script = `
import json, shlex, sys
def split(text):
    try:
        return shlex.split(text)
    except ValueError:
        return None
print(json.dumps([split(text) for text in json.load(sys.stdin)]))`;
    const result = spawnSync("python3", ["-c", script], { input: JSON.stringify(texts), encoding: "utf8" });
    assert.equal(result.status, 0, result.stderr);
    const expected: (string[] | null)[] = JSON.parse(result.stdout);
    texts.forEach((text, i) => {
      let words: string[] | null = null;
      try {
        words = splitCommand(text);
      } catch (error) {
        assert(error instanceof SyntaxError);
      }
      assert.deepEqual(words, expected[i], JSON.stringify(text));
    });
  },
});

Deno.test("runProgram() gives output and exit code, and names a program that is not there", () => {
  const result = runProgram(["sh", "-c", 'printf "%s" "$1"; exit 3', "sh", "a b"]);
  assert.equal(new TextDecoder().decode(result.stdout), "a b");
  assert.equal(result.exitCode, 3);
  assert.equal(runProgram(["sh", "-c", "kill -TERM $$"]).signal, "SIGTERM");
  assert.throws(
    () => runProgram(["no-such-program-here"]),
    (error) => error instanceof OsError && error.code === "ENOENT",
  );
  assert.throws(() => runProgram([]), RangeError);
  assert.deepEqual(
    new TextDecoder().decode(runProgram(["/usr/bin/env"], { env: { ONLY: "this" } }).stdout),
    "ONLY=this\n",
    "the program gets no other environment",
  );
});

Deno.test("childEnvironment() keeps passphrases back", () => {
  assert.deepEqual(childEnvironment({ A: "1", BORG_PASSPHRASE: "secret", B: undefined, BORG_REPO: "r" }), {
    A: "1",
    BORG_REPO: "r",
  });
});

/** Runs `code` as a program of its own, with the platform room as `platform`. */
function program(code: string): string[] {
  const url = new URL("../../../core/platform/mod.ts", import.meta.url).href;
  return [
    "run",
    "-A",
    "-q",
    "--no-check",
    `data:application/typescript,${
      encodeURIComponent(`
    import * as platform from ${JSON.stringify(url)};
    ${code}`)
    }`,
  ];
}

Deno.test("writeStdout() writes all of it into a slow pipe before the program ends", () => {
  const result = spawnSync("sh", [
    "-c",
    '"$@" | (sleep 0.2; wc -c)',
    "sh",
    Deno.execPath(),
    ...program(`
    platform.writeStdout(new Uint8Array(1_000_000));
    platform.writeStdout(new Uint8Array(234_567));
    Deno.exit(0);`),
  ], { encoding: "utf8" });
  assert.equal(result.stdout.trim(), "1234567", result.stderr);
});

Deno.test("writeStdout() throws EPIPE where nobody reads any more", () => {
  const result = spawnSync("sh", [
    "-c",
    '"$@" | true',
    "sh",
    Deno.execPath(),
    ...program(`
    try {
      for (;;) platform.writeStdout(new Uint8Array(65536));
    } catch (error) {
      platform.writeStderr(new TextEncoder().encode(error.name + " " + error.code));
    }`),
  ], { encoding: "utf8" });
  assert.equal(result.stderr, "OsError EPIPE");
});

Deno.test("readLine() takes one line and leaves the rest", () => {
  const result = spawnSync(
    Deno.execPath(),
    program(`
    const show = (value) => platform.writeStdout(new TextEncoder().encode(JSON.stringify(value) + " "));
    show(platform.readLine());
    const rest = new Uint8Array(100);
    show(new TextDecoder().decode(rest.subarray(0, platform.readStdin(rest))));
    show(platform.readLine());`),
    { input: "fürst\r\nsecond\nthird", encoding: "utf8" },
  );
  assert.equal(result.stdout, '"fürst" "second\\nthird" null ');
});

Deno.test("onSignal() catches signals until it is disposed of", () => {
  const result = spawnSync(
    Deno.execPath(),
    program(`
    const seen = [];
    const handle = platform.onSignal((signal) => seen.push(signal));
    const wait = () => new Promise((resolve) => setTimeout(resolve, 10));
    for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"]) {
      platform.raise(signal);
      for (let i = 0; i < 6000 && !seen.includes(signal); i++) await wait();
    }
    platform.writeStdout(new TextEncoder().encode(seen.join(" ") + " " + platform.signalExitCode("SIGTERM")));
    handle[Symbol.dispose]();
    platform.raise("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    platform.writeStdout(new TextEncoder().encode("still here"));`),
    { encoding: "utf8" },
  );
  assert.equal(result.stdout, "SIGTERM SIGHUP SIGINT 143", result.stderr);
  assert.equal(result.signal, "SIGTERM");
});
