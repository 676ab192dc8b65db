/** A signal ends the program soon, with the shell's exit code for it, and the lock is given back. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { run } from "../fixtures/borg.ts";
import { until } from "../fixtures/processes.ts";
import { pseudoRandom } from "../fixtures/tree.ts";
import { buildRepository } from "../bench/growth_build.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;

function start(place: Workplace, args: string[], cwd = place.path): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, ...args],
    cwd,
    env: place.env,
    stdout: "null",
    stderr: "null",
  }).spawn();
}

const locks = (place: Workplace): string[] =>
  fs.readdirSync(join(place.path, "repo")).filter((name) => name.startsWith("lock."));

/**
 * How often something is begun anew of which a machine that stood still between two steps of the test may have seen the
 * end before the signal.
 */
const TRIES = 30;

/** Sends a signal once `begun`, and answers the exit code; 0 where the work was done by then. */
async function interrupt(
  child: Deno.ChildProcess,
  signal: Deno.Signal,
  begun: () => boolean,
): Promise<number> {
  let ended = false;
  const status = child.status.finally(() => ended = true);
  await until(() => ended || begun(), "the work to begin");
  try {
    child.kill(signal);
  } catch {
    // It has ended.
  }
  return (await status).code;
}

function makeRepository(place: Workplace, fileBytes: number): void {
  fs.mkdirSync(join(place.path, "src"));
  for (let i = 0; i < 6; i++) {
    fs.writeFileSync(join(place.path, `src/${i}`), pseudoRandom(`${i}`, fileBytes));
  }
  place.alcove(["init", "-e", "repokey", "repo"]);
}

const held = (place: Workplace) => (): boolean => locks(place).includes("lock.exclusive");

Deno.test("SIGTERM and SIGHUP during a backup roll back and give the lock back", async () => {
  using place = workplace();
  makeRepository(place, 5_000_000);
  // The backup cannot end: it waits for a writer of this pipe.
  const pipe = join(place.path, "pipe");
  assert.equal(run("mkfifo", [pipe]).code, 0);
  const stored = () => fs.readdirSync(join(place.path, "repo/data/0")).length;
  const before = stored();
  for (const [signal, code] of [["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    const child = start(place, [
      "create",
      "-C",
      "zlib,9",
      "--read-special",
      `repo::${signal}`,
      "src",
      "pipe",
    ]);
    assert.equal(await interrupt(child, signal, () => held(place)() && stored() > before), code);
    assert.deepEqual(locks(place), []);
    assert.equal(stored(), before);
  }
  assert.equal(place.alcove(["list", "--short", "repo"]).stdout, "");
  place.alcove(["check", "--verify-data", "repo"]);
});

Deno.test("a signal while waiting for a lock leaves nothing of the attempt behind", async () => {
  using place = workplace();
  const repository = join(place.path, "repo");
  place.alcove(["init", "-e", "repokey", "repo"]);
  fs.mkdirSync(join(repository, "lock.exclusive"));
  fs.writeFileSync(join(repository, "lock.exclusive/elsewhere.example@1.5-0"), "");
  const changed = () => fs.statSync(repository, { bigint: true }).mtimeNs;
  for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const) {
    for (const args of [["list", "repo"], ["create", "repo::a", "."], ["delete", "repo::a"]]) {
      const before = changed();
      const child = start(place, ["--lock-wait", "100", ...args]);
      // The first attempt was made.
      await until(() => changed() !== before, "the first attempt");
      await new Promise((resolve) => setTimeout(resolve, 30));
      child.kill(signal);
      assert.equal((await child.status).code, code);
      assert.deepEqual(locks(place), ["lock.exclusive"], `${signal} ${args[0]}`);
    }
  }
  fs.rmSync(join(repository, "lock.exclusive"), { recursive: true });
  place.alcove(["create", "repo::a", "repo/README"]);
});

Deno.test("SIGINT during extract and check ends them soon and gives the lock back", async () => {
  using place = workplace();
  makeRepository(place, 25_000_000);
  place.alcove(["create", "repo::a", "src"]);
  fs.mkdirSync(join(place.path, "out"));
  const commands: [string[], string, () => boolean][] = [
    [["extract", "../repo::a"], join(place.path, "out"), () => fs.existsSync(join(place.path, "out/src"))],
    [["check", "--verify-data", "repo"], place.path, held(place)],
  ];
  for (const [args, cwd, begun] of commands) {
    let code = 0;
    for (let i = 0; i < TRIES && code === 0; i++) {
      fs.rmSync(join(place.path, "out/src"), { recursive: true, force: true });
      code = await interrupt(start(place, args, cwd), "SIGINT", begun);
      const left = locks(place).filter((name) => name !== "lock.roster");
      assert.deepEqual(left, [], args[0]);
      const roster = join(place.path, "repo/lock.roster");
      if (fs.existsSync(roster)) assert.doesNotMatch(fs.readFileSync(roster, "utf8"), /\d+, 0\]/, args[0]);
    }
    assert.equal(code, 130, args[0]);
  }
  place.alcove(["check", "repo"]);
});

Deno.test("SIGTERM and SIGINT during delete leave the repository as it was and give the lock back", async () => {
  using place = workplace({ BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" });
  const repository = join(place.path, "repo");
  await buildRepository(repository, { chunks: 300_000, files: 3000, archives: 1, repeats: 0 });
  // Unpacks the chunk lists, so that what is interrupted below is the deleting.
  place.alcove(["info", "repo"]);
  const index = () => fs.readdirSync(repository).filter((name) => /^(index|hints)/.test(name)).sort();
  const segments = () => fs.readdirSync(join(repository, "data/0")).map(Number).sort((a, b) => a - b);
  const before = { index: index(), segments: segments() };
  const copy = (from: string, to: string): void => {
    for (const name of ["repo", "home"]) {
      fs.rmSync(join(place.path, name + to), { recursive: true, force: true });
      fs.cpSync(join(place.path, name + from), join(place.path, name + to), { recursive: true });
    }
  };
  copy("", ".kept");
  for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
    let ended = 0;
    for (let i = 0; i < TRIES && ended === 0; i++) {
      if (i > 0) copy(".kept", "");
      const begun = () => Math.max(...segments()) > Math.max(...before.segments);
      ended = await interrupt(start(place, ["delete", "repo::large"]), signal, begun);
      assert.deepEqual(locks(place), []);
    }
    assert.equal(ended, code);
    assert.deepEqual({ index: index(), segments: segments() }, before);
  }
  assert.equal(place.alcove(["list", "--short", "repo"]).stdout, "large\nsmall-0\n");
  place.alcove(["check", "repo"]);
});

Deno.test("--bypass-lock is refused by commands that write", () => {
  using place = workplace();
  makeRepository(place, 1000);
  for (const command of [["create", "repo::a", "src/0"], ["delete", "repo::a"], ["compact", "repo"]]) {
    const { stderr } = place.alcove(["--bypass-lock", ...command], { code: 2 });
    assert.match(stderr, /--bypass-lock/);
  }
  place.alcove(["list", "--bypass-lock", "repo"]);
});
