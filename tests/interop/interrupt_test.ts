/**
 * Ctrl-C in the middle of recreate, import-tar and compact. Once: a clean stop. Twice: the end at once. Either way nothing
 * that was there is lost, the locks are given back, and the next run does what this one did not.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { encodeHex } from "../../core/bytes/mod.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest, run } from "../fixtures/borg.ts";
import { assertSameTree, pseudoRandom } from "../fixtures/tree.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
/** Takes a second for each of the files below. */
const SLOW = ["-C", "lzma,0"];
const QUICK = ["-C", "zstd,1"];
const STOPPING = "Once more to stop at once";

/** So many that the work is not near its end when somebody notices, late, that it has begun. */
const SOURCE_FILES = 10;

/** Runs in which the second signal may come too late. */
const TRIES = 10;

/** Files of the repository that is compacted: half of each segment is waste. */
const COMPACTED_FILES = 24;

interface Stopped {
  code: number;
  stderr: string;
}

/** Bytes in the repository's segment files. */
function dataSize(place: Workplace): number {
  let bytes = 0;
  const folder = join(place.path, "repo/data/0");
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    // A compaction removes files meanwhile.
    bytes += fs.statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

/** When a segment file was written to last, in milliseconds since 1970. */
function lastWrite(place: Workplace): number {
  const folder = join(place.path, "repo/data/0");
  return Math.max(
    ...fs.readdirSync(folder).map((name) =>
      fs.statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0
    ),
  );
}

/**
 * Starts the program, waits until `begun`, and interrupts it so many times, each when the one before was
 * noticed, or `atOnce`.
 */
async function interrupt(
  place: Workplace,
  args: readonly string[],
  { begun, times, atOnce = false }: { begun: () => boolean; times: 1 | 2; atOnce?: boolean },
): Promise<Stopped> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, ...args],
    cwd: place.path,
    // One thread does everything: it is to look up for the second signal while it works on what the first one left.
    env: { ...place.env, ...(times === 2 ? { ALCOVE_WORKERS: "0" } : {}) },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const press = () => {
    try {
      child.kill("SIGINT");
    } catch {
      // It has ended meanwhile; what it left is looked at by the caller.
    }
  };
  let stderr = "";
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      if (times === 2 && !stderr.includes(STOPPING) && (stderr + text).includes(STOPPING)) {
        press();
      }
      stderr += text;
    }
  })();
  let ended = false;
  const status = child.status.finally(() => ended = true);
  for (let i = 0; i < 12_000 && !begun() && !ended; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (!begun()) {
    if (!ended) child.kill("SIGKILL");
    await Promise.all([status, reading]);
    assert.fail(`waited in vain: ${stderr}`);
  }
  for (let i = 0; i < (atOnce ? times : 1); i++) press();
  const [{ code }] = await Promise.all([status, reading]);
  return { code, stderr };
}

const locks = (place: Workplace): string[] =>
  fs.readdirSync(join(place.path, "repo")).filter((name) => name.startsWith("lock."));
const archives = (place: Workplace): string[] =>
  place.alcove(["list", "--short", "--consider-checkpoints", "repo"]).stdout.split("\n").slice(0, -1);

/** Whether something was stored since now, but not yet all of it. */
function grows(place: Workplace): () => boolean {
  const before = dataSize(place);
  return () => dataSize(place) > before + 1_500_000;
}

/**
 * Interrupts twice, and nothing may be left of what was begun. Where saving the checkpoint was quicker than the second signal,
 * there is no interrupting twice: the checkpoint is deleted, and it is tried again.
 */
async function interruptTwice(place: Workplace, args: readonly string[], checkpoint: string): Promise<void> {
  for (let i = 0; i < TRIES; i++) {
    const before = dataSize(place);
    const { code, stderr } = await interrupt(place, args, { begun: grows(place), times: 2 });
    assert.equal(code, 130, stderr);
    assert.deepEqual(locks(place), []);
    place.borg(["check", "--verify-data", "repo"]);
    if (archives(place).length === 1) {
      assert.deepEqual(archives(place), ["a"]);
      assert.equal(dataSize(place), before);
      return;
    }
    assert.deepEqual(archives(place), ["a", checkpoint]);
    place.alcove(["delete", `repo::${checkpoint}`]);
  }
  assert.fail(`a second signal never came before the checkpoint, in ${TRIES} runs`);
}

function makeSource(place: Workplace): void {
  fs.mkdirSync(join(place.path, "src"));
  const folder = join(place.path, "src");
  for (let i = 0; i < SOURCE_FILES; i++) {
    // Not all of it is news: what does not shrink would not be compressed anew.
    const path = join(place.path, `src/${i}`);
    fs.writeFileSync(path, encodeHex(pseudoRandom(`${i}`, 4_500_000)));
    // Whole seconds: tar has no others.
    fs.utimesSync(path, 1_700_000_000, 1_700_000_000 + i);
  }
  fs.utimesSync(folder, 1_700_000_000, 1_700_000_000);
}

function extracts(place: Workplace, archive: string): void {
  const out = join(place.path, "out");
  fs.mkdirSync(out);
  place.borg(["extract", `../repo::${archive}`], { cwd: out });
  assertSameTree(join(out, "src"), join(place.path, "src"));
  fs.rmSync(out, { recursive: true });
}

const RECREATIONS: readonly (readonly [string, string[]])[] = [
  ["compressing anew", ["--recompress"]],
  ["cutting anew", ["--chunker-params", "fixed,1048576"]],
];

for (const [what, options] of RECREATIONS) {
  borgTest(
    `SIGINT during recreate, ${what}: once keeps a checkpoint, twice nothing, and the archive stays`,
    async () => {
      using place = workplace();
      makeSource(place);
      place.alcove(["init", "-e", "repokey", "repo"]);
      place.alcove(["create", "repo::a", "src"]);
      const args = ["recreate", ...options, ...SLOW, "repo::a"];

      await interruptTwice(place, args, "a.recreate.checkpoint");

      const once = await interrupt(place, args, { begun: grows(place), times: 1 });
      assert.equal(once.code, 130, once.stderr);
      assert.match(once.stderr, /Interrupted: the archive is as it was/);
      assert.deepEqual(locks(place), []);
      assert.deepEqual(archives(place), ["a", "a.recreate.checkpoint"]);
      place.borg(["check", "--verify-data", "repo"]);
      extracts(place, "a");
      // What was stored of the file that was being worked on is a part of it.
      const parts =
        place.borg(["list", "--short", "--consider-part-files", "repo::a.recreate.checkpoint"]).stdout;
      assert.match(parts, /^src\/\d/m);

      place.alcove([...args, ...QUICK]);
      assert.deepEqual(archives(place), ["a", "a.recreate.checkpoint"]);
      place.alcove(["delete", "repo::a.recreate.checkpoint"]);
      place.borg(["check", "--verify-data", "repo"]);
      extracts(place, "a");
    },
  );
}

borgTest("SIGINT during import-tar: once keeps a checkpoint, twice nothing", async () => {
  using place = workplace();
  makeSource(place);
  assert.equal(run("tar", ["cf", "src.tar", "src"], { cwd: place.path }).code, 0);
  place.alcove(["init", "-e", "repokey", "repo"]);
  place.alcove(["create", "repo::a", "src/0"]);
  const args = ["import-tar", ...SLOW, "repo::t", "src.tar"];

  await interruptTwice(place, args, "t.checkpoint");

  const once = await interrupt(place, args, { begun: grows(place), times: 1 });
  assert.equal(once.code, 130, once.stderr);
  assert.match(once.stderr, /Interrupted: what was imported so far/);
  assert.deepEqual(locks(place), []);
  assert.deepEqual(archives(place), ["a", "t.checkpoint"]);
  place.borg(["check", "--verify-data", "repo"]);

  place.alcove([...args, ...QUICK]);
  place.alcove(["delete", "repo::t.checkpoint"]);
  place.borg(["check", "--verify-data", "repo"]);
  extracts(place, "t");
});

/** Interrupts a compaction; one that was quicker than the signal is undone, and it is tried again. */
async function interruptCompact(place: Workplace, times: 1 | 2): Promise<Stopped> {
  const [repo, copy] = [join(place.path, "repo"), join(place.path, "copy")];
  fs.cpSync(repo, copy, { recursive: true, preserveTimestamps: true });
  let stopped: Stopped = { code: -1, stderr: "" };
  for (let i = 0; i < TRIES; i++) {
    // Not by what there is: an earlier one may have left segments that this one removes.
    const start = Date.now();
    const begun = () => lastWrite(place) > start;
    stopped = await interrupt(place, ["compact", "repo"], { begun, times, atOnce: true });
    if (stopped.code !== 0) break;
    fs.rmSync(repo, { recursive: true });
    fs.cpSync(copy, repo, { recursive: true, preserveTimestamps: true });
  }
  fs.rmSync(copy, { recursive: true });
  return stopped;
}

borgTest("SIGINT during compact, once or twice, loses nothing, and the next one ends the work", async () => {
  using place = workplace();
  fs.mkdirSync(join(place.path, "all"));
  fs.mkdirSync(join(place.path, "src"));
  for (let i = 0; i < COMPACTED_FILES; i++) {
    const path = join(place.path, `all/${String(i).padStart(2, "0")}`);
    fs.writeFileSync(path, pseudoRandom(`compact${i}`, 10_000_000));
    if (i % 2 === 0) fs.linkSync(path, join(place.path, `src/${i}`));
  }
  place.alcove(["init", "-e", "none", "repo"]);
  place.alcove(["create", "-C", "none", "repo::all", "all"]);
  place.alcove(["create", "-C", "none", "repo::half", "src"]);
  place.alcove(["delete", "repo::all"]);
  fs.rmSync(join(place.path, "all"), { recursive: true });
  const full = dataSize(place);
  for (const times of [1, 2] as const) {
    const { code, stderr } = await interruptCompact(place, times);
    assert.equal(code, 130, stderr);
    assert.deepEqual(locks(place), []);
    assert.deepEqual(archives(place), ["half"]);
    place.borg(["check", "repo"]);
  }
  place.alcove(["compact", "repo"]);
  assert.ok(dataSize(place) < 0.6 * full, `${dataSize(place)} of ${full}`);
  place.borg(["check", "--verify-data", "repo"]);
  extracts(place, "half");
});
