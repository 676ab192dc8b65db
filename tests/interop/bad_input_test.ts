/** Whatever is wrong: one clear sentence, the documented exit code, and nothing committed is lost. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest, type Ran, run } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { until } from "../fixtures/processes.ts";
import { assertSameTree, makeTree, pseudoRandom } from "../fixtures/tree.ts";

const MODERN = { BORG_EXIT_CODES: "modern" };

/** Runs a command that must fail with that modern code, with 2 by default, and with one line that says why. */
function fails(
  place: Workplace,
  args: string[],
  code: number,
  words: RegExp,
  env: Record<string, string> = {},
): void {
  const modern = place.alcove(args, { code, env: { ...MODERN, ...env } });
  const lines = modern.stderr.trim().split("\n");
  assert.equal(lines.length, 1, `more than one line: ${modern.stderr}`);
  assert.match(modern.stderr, words);
  assert.doesNotMatch(modern.stderr, /file:\/\/|\.ts:/);
  place.alcove(args, { code: 2, env });
}

function repository(place: Workplace, mode = "repokey"): void {
  place.alcove(["init", "-e", mode, "repo"]);
  fs.mkdirSync(join(place.path, "src"));
  fs.writeFileSync(join(place.path, "src/a"), pseudoRandom("a", 300_000));
  place.alcove(["create", "repo::first", "src"]);
}

Deno.test("keys and passphrases: wrong, missing and foreign ones are told apart", () => {
  using place = workplace();
  repository(place);
  fails(place, ["list", "repo"], 52, /passphrase/, { BORG_PASSPHRASE: "wrong" });
  fails(place, ["list", "repo"], 51, /BORG_PASSCOMMAND/, {
    BORG_PASSPHRASE: undefined!,
    BORG_PASSCOMMAND: "false",
  });
  place.alcove(["init", "-e", "keyfile", "other"]);
  place.alcove(["init", "-e", "keyfile", "third"]);
  const keys = join(place.path, "home/.config/borg/keys");
  const names = fs.readdirSync(keys);
  assert.equal(names.length, 2);
  for (const name of names) assert.equal(fs.statSync(join(keys, name)).mode & 0o077, 0);
  const foreign = names.find((name) => name.endsWith("third"))!;
  fails(place, ["list", "other"], 41, /do not belong together/, { BORG_KEY_FILE: join(keys, foreign) });
  fs.rmSync(join(keys, names.find((name) => name.endsWith("other"))!));
  fails(place, ["list", "other"], 42, /key file/);
  const config = join(place.path, "repo/config");
  fs.writeFileSync(config, fs.readFileSync(config, "utf8").replace(/^key = [^]*/m, ""));
  fails(place, ["list", "repo"], 44, /key/);
});

Deno.test("BORG_PASSCOMMAND and BORG_PASSPHRASE_FD give the passphrase", () => {
  using place = workplace({ BORG_PASSPHRASE: "" });
  const { BORG_PASSPHRASE: _none, ...env } = place.env;
  const main = new URL("../../cli/main.ts", import.meta.url).pathname;
  const script = `unset BORG_PASSPHRASE
    printf 'secret\\n' > secret
    BORG_PASSPHRASE_FD=7 "$DENO" run -A --quiet "$MAIN" init -e repokey repo 7<secret || exit 1
    printf 'secret\\n' | BORG_PASSPHRASE_FD=0 "$DENO" run -A --quiet "$MAIN" list repo || exit 2
    BORG_PASSCOMMAND='cat secret' "$DENO" run -A --quiet "$MAIN" list repo || exit 3
    BORG_PASSPHRASE=secret BORG_PASSCOMMAND=false "$DENO" run -A --quiet "$MAIN" list repo || exit 4
    BORG_PASSPHRASE_FD=9 "$DENO" run -A --quiet "$MAIN" list repo && exit 5
    BORG_PASSCOMMAND='echo wrong' "$DENO" run -A --quiet "$MAIN" list repo && exit 6
    # A pipe gives its contents once; they are the new passphrase, too, as those of BORG_PASSPHRASE are.
    BORG_PASSPHRASE_FD=7 "$DENO" run -A --quiet "$MAIN" key change-passphrase repo 7< <(echo secret) || exit 7
    BORG_PASSPHRASE= "$DENO" run -A --quiet "$MAIN" list repo && exit 8
    BORG_PASSPHRASE_FD=7 "$DENO" run -A --quiet "$MAIN" list repo 7<secret || exit 9
    # No program that is started has the file: what is listed has descriptors of ls alone.
    BORG_PASSPHRASE_FD=7 "$DENO" run -A --quiet "$MAIN" with-lock repo ls -l /proc/self/fd 7<secret >children || exit 10
    BORG_PASSPHRASE_FD=7 "$DENO" run -A --quiet "$MAIN" list --rsh "sh -c 'ls -l /proc/self/fd >>children; exit 1'" \
      host:repo 7<secret && exit 11
    grep -q ' 0 -> ' children || exit 12
    grep secret children && exit 13
    exit 0`;
  const ran = run("bash", ["-c", script], {
    cwd: place.path,
    env: { ...env, DENO: Deno.execPath(), MAIN: main },
  });
  assert.equal(ran.code, 0, ran.stderr);
});

Deno.test("repositories: missing, foreign, newer and attic ones are told apart", () => {
  using place = workplace();
  fails(place, ["list", "nowhere"], 13, /does not exist/);
  fs.mkdirSync(join(place.path, "folder"));
  fails(place, ["list", "folder"], 15, /not a valid repository/);
  fs.writeFileSync(join(place.path, "folder/file"), "");
  fails(place, ["init", "-e", "none", "folder"], 19, /something else/);
  fails(place, ["init", "-e", "none", "no/parent"], 18, /parent/);
  place.alcove(["init", "-e", "none", "repo"]);
  fails(place, ["init", "-e", "none", "repo"], 10, /already/);
  // Before anybody is asked for a passphrase.
  const nobody = { BORG_PASSPHRASE: undefined! };
  fails(place, ["init", "-e", "repokey", "repo"], 10, /already/, nobody);
  fails(place, ["init", "-e", "repokey", "folder"], 19, /something else/, nobody);
  fails(place, ["init", "-e", "repokey", "fresh"], 50, /passphrase/, nobody);
  assert.ok(!fs.existsSync(join(place.path, "fresh")));
  fails(place, ["create", "repo::a", "."].slice(0, 2), 2, /nothing to back up/);
  const config = join(place.path, "repo/config");
  const text = fs.readFileSync(config, "utf8");
  fs.writeFileSync(config, text.replace("version = 1", "version = 9"));
  const newer = place.alcove(["list", "repo"], { code: null, env: MODERN });
  assert.ok(newer.code >= 10 && newer.code <= 21, newer.stderr);
  fs.writeFileSync(config, "[repository\nid = x");
  const broken = place.alcove(["list", "repo"], { code: null, env: MODERN });
  assert.ok(broken.code >= 10 && broken.code <= 21, broken.stderr);
  assert.equal(broken.stderr.trim().split("\n").length, 1);
});

Deno.test("archives: taken and missing names, and what is no location", () => {
  using place = workplace();
  repository(place, "none");
  fails(place, ["create", "repo::first", "src"], 30, /first/);
  fails(place, ["extract", "repo::nosuch"], 31, /nosuch/);
  fails(place, ["create", "repo", "src"], 2, /names no archive/);
  fails(place, ["list", "repo", "--format", "{nosuch}"], 2, /nosuch/);
  fails(place, ["create", "repo::{nosuch}", "src"], 6, /nosuch/);
  fails(place, ["crate", "repo::x", "src"], 2, /did you mean create/);
  fails(place, ["create", "-C", "zstd,99", "repo::x", "src"], 2, /zstd/);
  const missing = place.alcove(["create", "repo::second", "src", "nowhere"], { code: 107, env: MODERN });
  assert.match(missing.stderr, /nowhere/);
  assert.equal(place.alcove(["list", "--short", "repo"]).stdout, "first\nsecond\n");
});

Deno.test("locks: a live owner is respected, a dead one is not", async () => {
  using place = workplace();
  repository(place, "none");
  const lock = join(place.path, "repo/lock.exclusive");
  fs.mkdirSync(lock);
  fs.writeFileSync(join(lock, "elsewhere.example@1.77-0"), "");
  fails(place, ["create", "--lock-wait", "0", "repo::x", "src"], 73, /\(timeout\)/);
  place.alcove(["break-lock", "repo"]);
  place.alcove(["create", "repo::x", "src"]);
  assert.ok(!fs.existsSync(lock));
  // A program that was killed leaves its lock; the next one sees that nobody lives there.
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      new URL("../../cli/main.ts", import.meta.url).pathname,
      "create",
      "--read-special",
      "repo::y",
      "pipe",
    ],
    cwd: place.path,
    env: place.env,
    stderr: "null",
  });
  makePipe(place);
  const running = child.spawn();
  await until(() => fs.existsSync(lock), "the lock");
  running.kill("SIGKILL");
  await running.status;
  assert.ok(fs.existsSync(lock));
  place.alcove(["create", "repo::z", "src"]);
  place.alcove(["check", "repo"]);
});

borgTest("a feature flag that nobody knows forbids what it says, and only that", () => {
  using place = workplace();
  repository(place, "none");
  const script = `
import sys
from borg.logger import setup_logging
setup_logging()
from borg.helpers import Manifest
from borg.repository import Repository
with Repository(sys.argv[1], exclusive=True) as repository:
    manifest, key = Manifest.load(repository, Manifest.NO_OPERATION_CHECK)
    manifest.config[b'feature_flags'] = {b'write': {b'mandatory': [b'time-travel']}}
    manifest.write()
    repository.commit(compact=False)
`;
  const { code, stderr } = run("/usr/bin/python3", ["-c", script, join(place.path, "repo")], {
    env: { ...place.env, PYTHONPATH: "/usr/lib/python3/dist-packages" },
  });
  assert.equal(code, 0, stderr);
  fails(place, ["create", "repo::x", "src"], 25, /time-travel/);
  place.alcove(["list", "repo"]);
});

Deno.test("a flipped bit anywhere in a segment is found, and hurts only what it hit", () => {
  using place = workplace();
  repository(place);
  const data = join(place.path, "repo/data/0");
  const largest = fs.readdirSync(data).map((name) => join(data, name)).sort((a, b) =>
    fs.statSync(b).size - fs.statSync(a).size
  )[0]!;
  const original = fs.readFileSync(largest);
  for (let i = 0; i < 12; i++) {
    const offset = Math.floor((original.length - 1) * i / 11);
    const damaged = Uint8Array.from(original);
    damaged[offset]! ^= 1 << (i % 8);
    fs.writeFileSync(largest, damaged);
    const check = place.alcove(["check", "--verify-data", "repo"], { code: null });
    assert.ok(check.code === 1 || check.code === 2, `bit ${offset} was not found: ${check.code}`);
    assert.doesNotMatch(check.stderr, /file:\/\//, check.stderr);
    const extract = place.alcove(["extract", "--dry-run", "repo::first"], { code: null });
    assert.ok(extract.code <= 2 && !extract.stderr.includes("file://"), extract.stderr);
  }
  fs.writeFileSync(largest, original);
  place.alcove(["check", "--verify-data", "repo"]);
});

function mountSmall(place: Workplace): string | null {
  const path = join(place.path, "small");
  fs.mkdirSync(path);
  try {
    return run("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", path]).code === 0 ? path : null;
  } catch {
    return null;
  }
}

borgTest("a full disk ends the backup and keeps the last commit", () => {
  using place = workplace();
  const small = mountSmall(place);
  if (small === null) return console.log("skipped: cannot mount a small file system here");
  try {
    const repo = join(small, "repo");
    fs.mkdirSync(join(place.path, "src"));
    fs.writeFileSync(join(place.path, "src/a"), pseudoRandom("a", 1_000_000));
    place.alcove(["init", "-e", "repokey", repo]);
    place.alcove(["create", `${repo}::first`, "src"]);
    fs.writeFileSync(join(place.path, "src/b"), pseudoRandom("b", 20_000_000));
    const full: Ran = place.alcove(["create", `${repo}::second`, "src"], { code: 2 });
    assert.equal(full.stderr.trim().split("\n").length, 1, full.stderr);
    assert.match(full.stderr, /No space left on device: .*small\/repo\//);
    assert.equal(place.alcove(["list", "--short", repo]).stdout, "first\n");
    place.borg(["check", "--verify-data", repo]);
    fs.mkdirSync(join(place.path, "out"));
    fs.rmSync(join(place.path, "src/b"));
    place.alcove(["extract", `${repo}::first`], { cwd: join(place.path, "out") });
    assert.deepEqual(
      fs.readFileSync(join(place.path, "out/src/a")),
      fs.readFileSync(join(place.path, "src/a")),
    );
  } finally {
    run("umount", ["-l", small]);
  }
});

function hasStrace(): boolean {
  try {
    return run("strace", ["-V"]).code === 0;
  } catch {
    return false;
  }
}

Deno.test("a source file that cannot be read is a warning, and the rest is there", () => {
  using place = workplace();
  if (!hasStrace()) return console.log("skipped: strace is not installed");
  makeTree(join(place.path, "src"));
  place.alcove(["init", "-e", "none", "repo"]);
  // Content of its own, and large: some chunks of it are stored when reading fails.
  const bad = join(place.path, "src/bad.bin");
  fs.writeFileSync(bad, pseudoRandom("bad", 40_000_000));
  const main = new URL("../../cli/main.ts", import.meta.url).pathname;
  // Half of this file can be read: some chunks of it may be stored by then.
  const args = [
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-P",
    bad,
    "-e",
    "trace=read",
    "-e",
    "inject=read:error=EIO:when=80+",
  ];
  const ran = run("strace", [
    ...args,
    Deno.execPath(),
    "run",
    "-A",
    "--quiet",
    main,
    "create",
    "--list",
    "repo::x",
    "src",
  ], {
    cwd: place.path,
    env: { ...place.env, ...MODERN },
  });
  assert.equal(ran.code, 106, ran.stderr);
  assert.match(ran.stderr, /src\/bad\.bin: read: .*input/i);
  assert.match(ran.stderr, /^E src\/bad\.bin$/m);
  const names = place.alcove(["list", "--short", "repo::x"]).stdout;
  assert.ok(!names.includes("bad.bin") && names.includes("text.txt"));
  // No orphans: check would complain.
  place.alcove(["check", "--verify-data", "repo"]);
});

borgTest("counters are never used twice, also after a kill and an older copy of the repository", async () => {
  using place = workplace();
  repository(place);
  const main = new URL("../../cli/main.ts", import.meta.url).pathname;
  fs.cpSync(join(place.path, "repo"), join(place.path, "backup"), { recursive: true });
  const seen: string[] = [counters(place, "repo")];
  fs.mkdirSync(join(place.path, "big"));
  fs.writeFileSync(join(place.path, "big/file"), pseudoRandom("big", 40_000_000));
  makePipe(place);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", main, "create", "--read-special", "repo::killed", "big", "pipe"],
    cwd: place.path,
    env: place.env,
    stderr: "null",
  }).spawn();
  await until(() => dataSize(place) > 5_000_000, "some data");
  child.kill("SIGKILL");
  await child.status;
  seen.push(counters(place, "repo"));
  place.alcove(["create", "repo::after", "src"]);
  fs.writeFileSync(join(place.path, "src/b"), pseudoRandom("b", 100_000));
  place.borg(["create", "repo::borg", "src"]);
  seen.push(counters(place, "repo"));
  // The older copy comes back in its place: this machine remembers the counters.
  fs.rmSync(join(place.path, "repo"), { recursive: true });
  fs.cpSync(join(place.path, "backup"), join(place.path, "repo"), { recursive: true });
  fs.rmSync(join(place.path, "home/.config/borg/security", idOf(place), "manifest-timestamp"));
  fs.writeFileSync(join(place.path, "src/c"), pseudoRandom("c", 100_000));
  place.alcove(["create", "repo::again", "src"]);
  seen.push(counters(place, "repo"));
  assertNoOverlap(seen);
});

const idOf = (place: Workplace): string =>
  /^id = (.*)$/m.exec(fs.readFileSync(join(place.path, "repo/config"), "utf8"))![1]!;

function dataSize(place: Workplace): number {
  const data = join(place.path, "repo/data/0");
  return fs.readdirSync(data).reduce((sum, name) => sum + fs.statSync(join(data, name)).size, 0);
}

/** A FIFO that nobody writes to: a backup of it does not end. */
function makePipe(place: Workplace): void {
  assert.equal(run("mkfifo", [join(place.path, "pipe")]).code, 0);
}

/** Counter, blocks and digest of every encrypted object in the log, one a line. */
function counters(place: Workplace, repo: string): string {
  const script = `
import glob, hashlib, os, struct, sys
for path in glob.glob(sys.argv[1] + '/data/*/*'):
    data = open(path, 'rb').read()
    at = 8
    while at + 9 <= len(data):
        crc, size, tag = struct.unpack_from('<IIB', data, at)
        if size < 9 or at + size > len(data): break
        if tag == 0:
            stored = data[at + 41:at + size]
            print(int.from_bytes(stored[33:41], 'big'), (len(stored) - 41 + 15) // 16, hashlib.sha256(stored).hexdigest())
        at += size
`;
  return run("/usr/bin/python3", ["-c", script, join(place.path, repo)]).stdout;
}

function assertNoOverlap(dumps: readonly string[]): void {
  const unique = new Set(dumps.flatMap((dump) => dump.trim().split("\n")));
  const ranges = [...unique].map((line) => line.split(" ")).map(([start, blocks]) =>
    [BigInt(start!), BigInt(blocks!)] as const
  );
  ranges.sort((a, b) => a[0] < b[0] ? -1 : 1);
  assert.ok(ranges.length > 15, `only ${ranges.length} objects`);
  for (let i = 1; i < ranges.length; i++) {
    const [start, blocks] = ranges[i - 1]!;
    assert.ok(start + blocks <= ranges[i]![0], `counter ${ranges[i]![0]} was used twice`);
  }
}

borgTest("SIGINT during a backup leaves a checkpoint that both programs read", async () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "repo"]);
  fs.mkdirSync(join(place.path, "big"));
  for (let i = 0; i < 8; i++) {
    fs.writeFileSync(join(place.path, `big/file${i}`), pseudoRandom(`big${i}`, 20_000_000));
  }
  makePipe(place);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      new URL("../../cli/main.ts", import.meta.url).pathname,
      "create",
      "--read-special",
      "repo::x",
      "big",
      "pipe",
    ],
    cwd: place.path,
    env: place.env,
    stderr: "null",
  }).spawn();
  await until(() => dataSize(place) > 30_000_000, "some data");
  child.kill("SIGINT");
  const { code } = await child.status;
  assert.equal(code, 130);
  const list = place.alcove(["list", "--short", "--consider-checkpoints", "repo"]).stdout;
  assert.equal(list, "x.checkpoint\n");
  place.borg(["check", "--verify-data", "repo"]);
  const names = place.borg(["list", "--short", "--consider-part-files", "repo::x.checkpoint"]).stdout;
  assert.match(names, /big\/file/);
  place.alcove(["create", "repo::x", "big"]);
  place.alcove(["delete", "repo::x.checkpoint"]);
  place.borg(["check", "--verify-data", "repo"]);
  fs.mkdirSync(join(place.path, "out"));
  place.borg(["extract", "../repo::x"], { cwd: join(place.path, "out") });
  assertSameTree(join(place.path, "out/big"), join(place.path, "big"));
});

borgTest(
  "checkpoints on the way are gone when the backup is complete, and their parts are not shown",
  async () => {
    using place = workplace();
    place.alcove(["init", "-e", "repokey", "repo"]);
    fs.mkdirSync(join(place.path, "big"));
    const contents = pseudoRandom("checkpoint", 40_000_000);
    const pipe = join(place.path, "big/file");
    assert.equal(run("mkfifo", [pipe]).code, 0);
    const commits = () =>
      fs.readdirSync(join(place.path, "repo")).filter((name) => /^index\.\d+$/.test(name)).join();
    const before = commits();
    const main = new URL("../../cli/main.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", main, "create", "-c", "1", "--read-special", "repo::x", "big"],
      cwd: place.path,
      env: place.env,
      stderr: "piped",
    }).spawn();
    // More than one piece comes after the first checkpoint, whenever that is.
    const writer = await Deno.open(pipe, { write: true });
    const stream = writer.writable.getWriter();
    await stream.write(contents.subarray(0, 12_000_000));
    let sent = 12_000_000;
    for (; sent < 30_000_000 && commits() === before; sent += 100_000) {
      await stream.write(contents.subarray(sent, sent + 100_000));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await stream.write(contents.subarray(sent));
    await stream.close();
    const { code, stderr } = await child.output();
    assert.deepEqual([code, new TextDecoder().decode(stderr)], [0, ""]);
    assert.equal(place.alcove(["list", "--short", "--consider-checkpoints", "repo"]).stdout, "x\n");
    assert.equal(place.alcove(["list", "--short", "repo::x"]).stdout, "big\nbig/file\n");
    assert.match(
      place.borg(["list", "--short", "--consider-part-files", "repo::x"]).stdout,
      /big\/file\.borg_part_1/,
    );
    place.borg(["check", "--verify-data", "repo"]);
    fs.mkdirSync(join(place.path, "out"));
    place.borg(["extract", "../repo::x"], { cwd: join(place.path, "out") });
    assert.ok(fs.readFileSync(join(place.path, "out/big/file")).equals(contents));
  },
);
