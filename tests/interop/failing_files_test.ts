/** Files that change or fail while they are read, and destinations that fail: what is told, kept and returned. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { borgTest, type Ran, run } from "../fixtures/borg.ts";
import { until } from "../fixtures/processes.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { pseudoRandom, writeNewest } from "../fixtures/tree.ts";

const MODERN = { BORG_EXIT_CODES: "modern" };
const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const ALCOVE = [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", MAIN];

function hasStrace(): boolean {
  try {
    return run("strace", ["-V"]).code === 0;
  } catch {
    return false;
  }
}

/** Runs a program while strace lets system calls on `path` fail as told. */
function withFaults(
  place: Workplace,
  command: readonly string[],
  faults: { path: string; inject: string; cwd?: string; modern?: boolean },
): Ran {
  const calls = faults.inject.slice(0, faults.inject.indexOf(":"));
  const options = ["-f", "-qq", "-o", "/dev/null", "-P", faults.path];
  return run("strace", [...options, "-e", `trace=${calls}`, "-e", `inject=${faults.inject}`, ...command], {
    cwd: faults.cwd ?? place.path,
    env: { ...place.env, ...(faults.modern ? MODERN : {}) },
  });
}

/**
 * How often a backup is made anew in which the test, or what goes on beside it, was to do something within a certain time: a
 * machine may have stood still just then.
 */
const TRIES = 20;

/** Makes one backup after another, under names that `attempt` is given a number for, until one of them is `met`. */
async function untilMet(attempt: (n: number) => Promise<Ran>, met: (ran: Ran) => boolean): Promise<Ran> {
  for (let n = 1;; n++) {
    const ran = await attempt(n);
    if (met(ran) || n === TRIES) return ran;
  }
}

const saysChanged = ({ stderr }: Ran): boolean => /^C src/m.test(stderr);

/** Runs `body` while a shell does something to a file over and over. */
async function meanwhile(place: Workplace, script: string, body: () => Promise<void>): Promise<void> {
  const child = new Deno.Command("sh", {
    args: ["-c", `while :; do ${script}; done`],
    cwd: place.path,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await body();
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

/** Like the workplace's own, but this process goes on (and so does what it started). */
async function create(command: readonly string[], place: Workplace, args: readonly string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(command[0]!, {
    args: [...command.slice(1), "create", "--list", ...args],
    cwd: place.path,
    env: place.env,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

borgTest(
  "a file that changes while it is read is kept as it was read, told of as C, and read again",
  async () => {
    using place = workplace();
    place.alcove(["init", "-e", "none", "repo"]);
    fs.mkdirSync(join(place.path, "src"));
    const file = join(place.path, "src/growing");
    const head = pseudoRandom("growing", 40_000_000);
    let tries = 0;
    fs.writeFileSync(file, head);
    await meanwhile(place, "printf x >> src/growing", async () => {
      const theirs = await untilMet((n) => create(["borg"], place, [`repo::borg-${n}`, "src"]), saysChanged);
      assert.equal(theirs.code, 1);
      // borg knows the file from the try before.
      assert.match(theirs.stderr, /^[AM] src\/growing\nsrc\/growing: .*changed.*\nC src\/growing\nd src\n$/);
      const ours = await untilMet(
        (n) => create(ALCOVE, place, ["--files-cache", "disabled", `repo::alcove-${tries = n}`, "src"]),
        saysChanged,
      );
      assert.equal(ours.code, 1);
      assert.match(ours.stderr, /^A src\/growing\nsrc\/growing: .*changed.*\nC src\/growing\nd src\n$/);
      const unheeded = await create(ALCOVE, place, ["--files-changed", "disabled", "repo::unheeded", "src"]);
      assert.deepEqual([unheeded.code, unheeded.stderr], [0, "A src/growing\nd src\n"]);
    });
    // A complete file: what was there when it was opened, and perhaps some of what came later.
    fs.mkdirSync(join(place.path, "out"));
    place.borg(["extract", `../repo::alcove-${tries}`], { cwd: join(place.path, "out") });
    const kept = fs.readFileSync(join(place.path, "out/src/growing"));
    assert.ok(kept.length >= head.length && kept.length < fs.statSync(file).size);
    assert.ok(kept.subarray(0, head.length).equals(head));
    assert.match(kept.subarray(head.length).toString(), /^x*$/);
    // It is not among the files that are known to be unchanged, although it is at rest now.
    // The cache leaves out the newest file anyway; so there is a newer one, read last.
    await meanwhile(place, "printf x >> src/growing; printf x >> src/later", async () => {
      const { stderr } = await untilMet((n) => {
        fs.rmSync(join(place.path, "home/.cache"), { recursive: true });
        return create(ALCOVE, place, [`repo::again-${n}`, "src/growing", "src/later"]);
      }, saysChanged);
      assert.match(stderr, /^C src\/growing$/m);
    });
    writeNewest(join(place.path, "src/newer"), "");
    assert.match(place.alcove(["create", "--list", "repo::rest", "src"]).stderr, /^A src\/growing$/m);
    assert.match(place.alcove(["create", "--list", "repo::known", "src"]).stderr, /^U src\/growing$/m);
    place.borg(["check", "--verify-data", "repo"]);
  },
);

Deno.test("a small file that changes while it is read is told of as C too", async () => {
  using place = workplace();
  if (!hasStrace()) return console.log("skipped: strace is not installed");
  place.alcove(["init", "-e", "none", "repo"]);
  fs.mkdirSync(join(place.path, "src"));
  const path = join(place.path, "src/small");
  fs.writeFileSync(path, "small");
  // It is changed, but not in size, while the read that gives its contents takes long.
  const calls = join(place.path, "calls");
  const ran = await untilMet(async (n) => {
    fs.rmSync(calls, { force: true });
    const child = new Deno.Command("strace", {
      args: [
        ...["-f", "-qq", "-o", calls, "-P", path, "-e", "trace=read,pread64,fstat,statx,newfstatat"],
        ...["-e", "inject=read,pread64:delay_exit=3000000:when=1"],
        ...[...ALCOVE, "create", "--files-cache", "disabled", "--list", `repo::${n}`, "src"],
      ],
      cwd: place.path,
      env: place.env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let ended = false;
    const status = child.status.finally(() => ended = true);
    const stderr = new Response(child.stderr).text();
    // What was opened has been looked at, for the comparison later.
    await until(
      () => ended || fs.existsSync(calls) && /stat/.test(fs.readFileSync(calls, "utf8")),
      "the file",
    );
    const fd = fs.openSync(path, "r+");
    fs.writeSync(fd, "x");
    fs.closeSync(fd);
    return { code: (await status).code, stdout: "", stderr: await stderr };
  }, saysChanged);
  assert.equal(ran.code, 1, ran.stderr);
  assert.match(ran.stderr, /^A src\/small\nsrc\/small: .*changed.*\nC src\/small\nd src\n$/);
});

Deno.test("by --files-changed mtime a file that got but another mode did not change", async () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "repo"]);
  fs.mkdirSync(join(place.path, "src"));
  fs.writeFileSync(join(place.path, "src/file"), pseudoRandom("mode", 40_000_000));
  await meanwhile(place, "chmod 600 src/file; chmod 644 src/file", async () => {
    const byCtime = await untilMet((n) => create(ALCOVE, place, [`repo::a${n}`, "src"]), saysChanged);
    assert.equal(byCtime.code, 1, byCtime.stderr);
    assert.match(byCtime.stderr, /^C src\/file$/m);
    const byMtime = await create(ALCOVE, place, ["--files-changed", "mtime", "repo::b", "src"]);
    assert.equal(byMtime.code, 0);
    assert.match(byMtime.stderr, /^[AM] src\/file\nd src\n$/);
  });
});

borgTest("one failed read costs the file, as it does with borg 1.x: no second try", () => {
  using place = workplace();
  if (!hasStrace()) return console.log("skipped: strace is not installed");
  place.alcove(["init", "-e", "none", "repo"]);
  fs.mkdirSync(join(place.path, "src"));
  const path = join(place.path, "src/bad");
  fs.writeFileSync(path, "bad");
  fs.writeFileSync(join(place.path, "src/good"), "good");
  const faults = { path, inject: "read,pread64,preadv:error=EIO:when=1" };
  const theirs = withFaults(place, ["borg", "create", "--list", "repo::b", "src"], faults);
  const ours = withFaults(place, [...ALCOVE, "create", "--list", "repo::a", "src"], faults);
  // Inode numbers say which file comes first.
  const letters = (text: string): string[] => text.split("\n").filter((line) => /^. src/.test(line)).sort();
  assert.deepEqual([theirs.code, ours.code], [1, 1]);
  assert.deepEqual(letters(ours.stderr), ["A src/bad", "A src/good", "E src/bad", "d src"]);
  assert.deepEqual(letters(theirs.stderr), letters(ours.stderr));
  assert.equal(place.borg(["list", "--short", "repo::a"]).stdout, "src\nsrc/good\n");
});

borgTest("a file that fails after its last byte leaves nothing behind, neither chunks nor sizes", () => {
  using place = workplace();
  if (!hasStrace()) return console.log("skipped: strace is not installed");
  fs.mkdirSync(join(place.path, "src"));
  fs.writeFileSync(join(place.path, "src/good"), "good");
  for (const [name, size] of [["small", 50_000], ["large", 5_000_000]] as const) {
    place.alcove(["init", "-e", "none", name]);
    const path = join(place.path, `src/${name}`);
    fs.writeFileSync(path, pseudoRandom(name, size));
    // The first asks what was opened, the second whether it changed meanwhile.
    const faults = { path, inject: "statx,fstat,newfstatat:error=EIO:when=2" };
    const ran = withFaults(place, [...ALCOVE, "create", "--list", `${name}::a`, "src"], faults);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, new RegExp(`^A src/${name}\nsrc/${name}: .*\nE src/${name}$`, "m"));
    assert.equal(place.borg(["list", "--short", `${name}::a`]).stdout, "src\nsrc/good\n");
    const { stats } = JSON.parse(place.alcove(["info", "--json", `${name}::a`]).stdout).archives[0];
    assert.ok(stats.original_size < 10_000, `${stats.original_size} bytes`);
    place.borg(["check", name]);
    fs.rmSync(path);
  }
});

borgTest("a file that fails takes no chunk with it that another file has, whichever comes first", () => {
  if (!hasStrace()) return console.log("skipped: strace is not installed");
  const shared = pseudoRandom("shared", 3 << 20);
  for (const names of [["bad", "good"], ["good", "bad"]]) {
    for (const workers of names[0] === "bad" ? ["2"] : ["0", "2"]) {
      using place = workplace({ ALCOVE_WORKERS: workers });
      place.alcove(["init", "-e", "none", "repo"]);
      fs.mkdirSync(join(place.path, "src"));
      // In the order of their inodes.
      for (const name of names) {
        const own = pseudoRandom(`own ${name}`, 2 << 20);
        fs.writeFileSync(join(place.path, "src", name), new Uint8Array([...shared, ...own]));
      }
      const chunks = ["--chunker-params", "fixed,65536", "-C", "zstd,3"];
      const faults = { path: join(place.path, "src/bad"), inject: "read,pread64:error=EIO:when=4+" };
      const ran = withFaults(place, [...ALCOVE, "create", "--list", ...chunks, "repo::a", "src"], faults);
      assert.equal(ran.code, 1, ran.stderr);
      assert.match(ran.stderr, /^E src\/bad$/m);
      assert.equal(place.borg(["list", "--short", "repo::a"]).stdout, "src\nsrc/good\n");
      place.borg(["check", "--verify-data", "repo"]);
      place.borg(["extract", "--dry-run", "repo::a"]);
      assert.doesNotMatch(place.alcove(["create", "--list", ...chunks, "repo::b", "src"]).stderr, /^E/m);
      place.borg(["check", "--verify-data", "repo"]);
    }
  }
});

Deno.test("a file that cannot be opened, or whose attributes cannot be listed, is left out with its own exit code", () => {
  using place = workplace();
  if (!hasStrace()) return console.log("skipped: strace is not installed");
  place.alcove(["init", "-e", "none", "repo"]);
  fs.mkdirSync(join(place.path, "src"));
  fs.writeFileSync(join(place.path, "src/good"), "good");
  let n = 0;
  const fails = (path: string, inject: string, code: number): void => {
    fs.writeFileSync(join(place.path, "src/bad"), `bad ${++n}`);
    const command = [...ALCOVE, "create", "--list", `repo::${n}`, "src"];
    const ran = withFaults(place, command, { path, inject, modern: true });
    assert.equal(ran.code, code, `${inject}: ${ran.stderr}`);
    assert.match(ran.stderr, /^src\/bad: .*\nE src\/bad$/m);
    assert.equal(place.alcove(["list", "--short", `repo::${n}`]).stdout, "src\nsrc/good\n");
  };
  // An open by name in its folder, the others by descriptor.
  fails("bad", "openat:error=EIO", 106);
  fails("bad", "openat:error=EACCES", 105);
  fails("bad", "openat:error=ENOENT", 107);
  fails("bad", "openat:error=ENXIO", 104);
  fails(join(place.path, "src/bad"), "flistxattr:error=EIO", 106);
  fails(join(place.path, "src/bad"), "read:error=ESTALE", 104);
  place.alcove(["check", "--verify-data", "repo"]);
});

/** One backup in which something takes a file's place after the walk saw the file; answers what was told of it. */
async function exchanged(place: Workplace, archive: string, exchange: () => void): Promise<Ran> {
  // The open waits for longer than it takes to see the line of the file before and to exchange this one.
  const faults = ["-P", "victim", "-e", "trace=openat", "-e", "inject=openat:delay_enter=3000000"];
  const child = new Deno.Command("strace", {
    args: [
      "-f",
      "-qq",
      "-o",
      "/dev/null",
      ...faults,
      ...ALCOVE,
      "create",
      "--list",
      `repo::${archive}`,
      "src",
    ],
    cwd: place.path,
    env: { ...place.env, ...MODERN },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let stderr = "";
  let done = false;
  for await (const bytes of child.stderr) {
    stderr += new TextDecoder().decode(bytes);
    if (done || !stderr.includes("A src/first")) continue;
    done = true;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    exchange();
  }
  return { code: (await child.status).code, stdout: "", stderr };
}

Deno.test("what took a file's place after the walk saw it is left out, and a FIFO there blocks nothing", async () => {
  using place = workplace();
  if (!hasStrace()) return console.log("skipped: strace is not installed");
  place.alcove(["init", "-e", "none", "repo"]);
  const victim = join(place.path, "src/victim");
  fs.mkdirSync(join(place.path, "src"));
  const exchanges: [string, RegExp][] = [
    [`rm src/victim; mkfifo src/victim`, /^src\/victim: its type changed.*$/m],
    [`rm src/victim; ln -s first src/victim`, /^src\/victim: open: .*symbolic link.*$/m],
    [`echo other > src/other; mv src/other src/victim`, /^src\/victim: another file took its place.*$/m],
  ];
  for (const [i, [script, words]] of exchanges.entries()) {
    let archive = "";
    const ran = await untilMet((n) => {
      archive = `a${i}-${n}`;
      fs.rmSync(victim, { force: true });
      fs.writeFileSync(join(place.path, "src/first"), `first ${archive}`);
      // The walk goes by inode numbers, and those of removed files are given out again.
      for (let spare = 0; !fs.existsSync(victim); spare++) {
        const made = join(place.path, `spare-${archive}-${spare}`);
        fs.writeFileSync(made, "victim");
        if (fs.statSync(made).ino > fs.statSync(join(place.path, "src/first")).ino) {
          fs.renameSync(made, victim);
        }
      }
      return exchanged(place, archive, () => run("sh", ["-c", script], { cwd: place.path }));
    }, ({ stderr }) => words.test(stderr));
    assert.match(ran.stderr, words);
    assert.match(ran.stderr, /^E src\/victim$/m);
    assert.ok([103, 104].includes(ran.code), `${ran.code}`);
    assert.equal(place.alcove(["list", "--short", `repo::${archive}`]).stdout, "src\nsrc/first\n");
  }
  place.alcove(["check", "--verify-data", "repo"]);
});

Deno.test("standard input that cannot be read costs that file alone", () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "repo"]);
  fs.mkdirSync(join(place.path, "src"));
  fs.writeFileSync(join(place.path, "src/good"), "good");
  const script = `"$@" create --list repo::a - src < src`;
  const ran = run("sh", ["-c", script, "sh", ...ALCOVE], {
    cwd: place.path,
    env: { ...place.env, ...MODERN },
  });
  assert.equal(ran.code, 104, ran.stderr);
  assert.match(ran.stderr, /^i stdin\nstdin: read: .*directory\nE stdin\nA src\/good\nd src\n$/);
  assert.equal(place.alcove(["list", "--short", "repo::a"]).stdout, "src\nsrc/good\n");
});

Deno.test("an attribute that the destination does not take is a warning, and all else is restored", () => {
  using place = workplace();
  if (!hasStrace()) return console.log("skipped: strace is not installed");
  place.alcove(["init", "-e", "none", "repo"]);
  fs.mkdirSync(join(place.path, "src"));
  const file = join(place.path, "src/file");
  fs.writeFileSync(file, "contents", { mode: 0o640 });
  let set;
  try {
    set = run("setfattr", ["-n", "user.large", "-v", "v".repeat(2000), file]);
  } catch {
    return console.log("skipped: setfattr is not installed");
  }
  if (set.code !== 0) return console.log("skipped: no extended attributes on this file system");
  fs.utimesSync(file, 1e9, 1e9);
  place.alcove(["create", "repo::a", "src"]);
  for (const error of ["ENOSPC", "E2BIG", "EOPNOTSUPP", "EPERM"]) {
    const cwd = join(place.path, error);
    fs.mkdirSync(cwd);
    const ran = withFaults(place, [...ALCOVE, "extract", "../repo::a"], {
      path: join(cwd, "src/file"),
      inject: `fsetxattr,setxattr,lsetxattr:error=${error}`,
      cwd,
    });
    assert.equal(ran.code, 1, `${error}: ${ran.stderr}`);
    assert.equal(ran.stderr.trim().split("\n").length, 1, ran.stderr);
    assert.match(ran.stderr, /src\/file: .*user\.large/);
    const { mode, mtimeMs } = fs.statSync(join(cwd, "src/file"));
    assert.deepEqual([mode & 0o777, mtimeMs], [0o640, 1e12]);
    assert.equal(fs.readFileSync(join(cwd, "src/file"), "utf8"), "contents");
  }
});

Deno.test("a full destination costs the files that do not fit, each told of, and leaves complete ones alone", () => {
  if (process.getuid?.() !== 0) return console.log("skipped: only root can mount a small file system");
  using place = workplace();
  place.alcove(["init", "-e", "none", "repo"]);
  fs.mkdirSync(join(place.path, "src"));
  for (const name of ["a", "b", "c"]) {
    fs.writeFileSync(join(place.path, "src", name), pseudoRandom(name, 400_000));
  }
  place.alcove(["create", "repo::a", "src"]);
  fs.mkdirSync(join(place.path, "small"));
  if (run("mount", ["-t", "tmpfs", "-o", "size=1m", "none", join(place.path, "small")]).code !== 0) {
    return console.log("skipped: cannot mount a small file system here");
  }
  try {
    const cwd = join(place.path, "small");
    const ran = place.alcove(["extract", "../repo::a"], { cwd, code: 104, env: MODERN });
    const failed = /^src\/([abc]): write: No space left on device\n$/.exec(ran.stderr)?.[1];
    assert.ok(failed, ran.stderr);
    for (const name of ["a", "b", "c"].filter((name) => name !== failed)) {
      assert.deepEqual(
        fs.readFileSync(join(cwd, "src", name)),
        fs.readFileSync(join(place.path, "src", name)),
      );
    }
    place.alcove(["extract", "../repo::a"], { cwd, code: 1 });
  } finally {
    run("umount", ["-l", join(place.path, "small")]);
  }
});
