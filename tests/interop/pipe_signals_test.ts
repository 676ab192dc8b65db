/**
 * Signals while the writer of a pipe says nothing. Ctrl-C once: what was read so far is kept in a checkpoint. Twice, or
 * SIGTERM: the end, with the lock given back. For each way in which something comes through a pipe.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest, run } from "../fixtures/borg.ts";
import { PATIENCE_MS, until, untilAtRest } from "../fixtures/processes.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const STOPPING = "Once more to stop at once";

/**
 * Writes a file to its standard output, waits until the reader has taken all of it, says so by a file with its own pid, and
 * then says nothing any more.
 */
const WRITER = `
import array, fcntl, os, sys, termios, time
source, ready = sys.argv[1:3]
with open(source, "rb") as file:
    data = memoryview(file.read())
while data:
    data = data[os.write(1, data):]
left = array.array("i", [1])
while left[0] > 0:
    fcntl.ioctl(1, termios.FIONREAD, left)
    time.sleep(0.01)
with open(ready + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(ready + ".new", ready)
while True:
    time.sleep(1000)
`;

/** What a pipe is for. */
interface PipeCase {
  name: string;
  args: string[];
  /** The file that the writer sends; null: there is no writer, which the program says that it waits for. */
  sent: string | null;
  /** The program's standard input is the pipe; else it is the FIFO "pipe", or the command is started by the program. */
  stdin?: true;
  /** The program itself starts the writer. */
  command?: true;
  /** Names and sizes of what the checkpoint holds. */
  kept: Record<string, number>;
}

const DATA_BYTES = 400_000;
/** Where the tar stream is cut off: within the contents of its second file, and in the header after it. */
const TAR_IN_FILE = 512 + 3072 + 512 + 1000;
const TAR_IN_HEADER = 512 + 3072 + 512 + 3072 + 200;
const WRITE = ["python3", "writer.py"];

const CASES: readonly PipeCase[] = [
  {
    name: "create -",
    args: ["create", "repo::a", "-"],
    sent: "data",
    stdin: true,
    kept: { "stdin.borg_part_1": DATA_BYTES },
  },
  {
    name: "create - by a fixed chunker",
    args: ["create", "--chunker-params", "fixed,1048576", "repo::a", "-"],
    sent: "data",
    stdin: true,
    kept: { "stdin.borg_part_1": DATA_BYTES },
  },
  {
    name: "create - of nothing",
    args: ["create", "--list", "repo::a", "src", "-"],
    sent: "empty",
    stdin: true,
    kept: { src: 0, "src/1": 3000, "src/2": 3000 },
  },
  {
    name: "create --content-from-command",
    args: ["create", "--content-from-command", "repo::a", "--", ...WRITE, "data", "ready"],
    sent: "data",
    command: true,
    kept: { "stdin.borg_part_1": DATA_BYTES },
  },
  {
    name: "create --read-special of a FIFO",
    args: ["create", "--read-special", "repo::a", "pipe"],
    sent: "data",
    kept: { "pipe.borg_part_1": DATA_BYTES },
  },
  {
    name: "create --read-special of a FIFO without a writer",
    args: ["create", "--list", "--read-special", "repo::a", "src", "pipe"],
    sent: null,
    kept: { src: 0, "src/1": 3000, "src/2": 3000 },
  },
  {
    name: "create --paths-from-stdin",
    args: ["create", "--paths-from-stdin", "repo::a"],
    sent: "paths",
    stdin: true,
    kept: { "src/1": 3000 },
  },
  {
    name: "create --paths-from-command",
    args: ["create", "--paths-from-command", "repo::a", "--", ...WRITE, "paths", "ready"],
    sent: "paths",
    command: true,
    kept: { "src/1": 3000 },
  },
  {
    name: "import-tar -, within a file",
    args: ["import-tar", "repo::a", "-"],
    sent: "in-file.tar",
    stdin: true,
    kept: { "src/1": 3000, "src/2.borg_part_1": 1000 },
  },
  {
    name: "import-tar -, within a header",
    args: ["import-tar", "repo::a", "-"],
    sent: "in-header.tar",
    stdin: true,
    kept: { "src/1": 3000, "src/2": 3000 },
  },
  {
    name: "import-tar of a FIFO",
    args: ["import-tar", "repo::a", "pipe"],
    sent: "in-file.tar",
    kept: { "src/1": 3000, "src/2.borg_part_1": 1000 },
  },
  {
    name: "import-tar - through a filter",
    args: ["import-tar", "--tar-filter", "cat", "repo::a", "-"],
    sent: "in-file.tar",
    stdin: true,
    kept: { "src/1": 3000, "src/2.borg_part_1": 1000 },
  },
];

function prepare(place: Workplace): void {
  const at = (name: string): string => join(place.path, name);
  fs.writeFileSync(at("writer.py"), WRITER);
  fs.writeFileSync(at("data"), pseudoRandom("pipe", DATA_BYTES));
  fs.writeFileSync(at("empty"), "");
  // The second path is not complete.
  fs.writeFileSync(at("paths"), "src/1\nsrc/2");
  fs.mkdirSync(at("src"));
  for (const name of ["src/1", "src/2"]) fs.writeFileSync(at(name), pseudoRandom(name, 3000));
  assert.equal(run("tar", ["cf", "src.tar", "src/1", "src/2"], { cwd: place.path }).code, 0);
  const tar = fs.readFileSync(at("src.tar"));
  fs.writeFileSync(at("in-file.tar"), tar.subarray(0, TAR_IN_FILE));
  fs.writeFileSync(at("in-header.tar"), tar.subarray(0, TAR_IN_HEADER));
  assert.equal(run("mkfifo", [at("pipe")]).code, 0);
  place.alcove(["init", "-e", "repokey", "repo"]);
}

/** Runs `script` of a shell, which becomes the program that it names with \`exec\`. */
function shell(place: Workplace, script: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: ["-c", script, "sh", ...args],
    cwd: place.path,
    env: place.env,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

const alcove = (
  args: readonly string[],
): string[] => [Deno.execPath(), "run", "-A", "--quiet", MAIN, ...args];

function isAlive(pid: number): boolean {
  try {
    // A process that has ended but that nobody asked about yet is no more than a line in a table.
    return !/^\d+ \(.*\) Z/.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function interrupt(program: Deno.ChildProcess): void {
  try {
    program.kill("SIGINT");
  } catch {
    // It has ended: the checkpoint was saved by then.
  }
}

interface Ended {
  code: number;
  stderr: string;
}

/**
 * Starts the program, and sends the signal when the writer has nothing more to say and the program has done all that it can
 * with what it said; SIGINT twice if so told.
 */
async function stop(
  place: Workplace,
  pipe: PipeCase,
  { signal, twice = false }: { signal: Deno.Signal; twice?: boolean },
): Promise<Ended> {
  const ready = join(place.path, "ready");
  fs.rmSync(ready, { force: true });
  const program = shell(place, pipe.stdin ? 'exec "$@" < pipe' : 'exec "$@"', alcove(pipe.args));
  const writer = pipe.command || pipe.sent === null
    ? null
    : shell(place, 'exec "$@" > pipe', [...WRITE, pipe.sent, "ready"]);
  writer?.stderr.cancel();
  const kill = (): void => {
    for (const child of [program, writer]) {
      try {
        child?.kill("SIGKILL");
      } catch {
        // It has ended.
      }
    }
  };
  const patience = setTimeout(kill, PATIENCE_MS);
  let stderr = "";
  try {
    const reading = (async () => {
      for await (const text of program.stderr.pipeThrough(new TextDecoderStream())) {
        if (twice && !stderr.includes(STOPPING) && (stderr + text).includes(STOPPING)) interrupt(program);
        stderr += text;
      }
    })();
    // That nothing was taken of what a writer has not sent says nothing: then the program must say how far it is.
    const told = pipe.sent === null ? /^A pipe$/m : pipe.sent === "empty" ? /^i stdin$/m : null;
    const begun = (): boolean => (pipe.sent === null || fs.existsSync(ready)) && (told?.test(stderr) ?? true);
    await until(begun, `${pipe.name}: the beginning`);
    // Not only read, but looked at.
    await untilAtRest(place.path);
    program.kill(signal);
    const { code } = await program.status;
    if (pipe.sent !== null) {
      const pid = Number(fs.readFileSync(ready, "utf8"));
      if (pipe.command) await until(() => !isAlive(pid), `${pipe.name}: the end of the command`);
      else assert.ok(isAlive(pid), `${pipe.name}: the writer had to move`);
    }
    kill();
    await reading;
    return { code, stderr };
  } finally {
    clearTimeout(patience);
    kill();
    // A command that survived has nobody else who ends it.
    if (fs.existsSync(ready)) {
      const pid = Number(fs.readFileSync(ready, "utf8"));
      if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
    }
    await Promise.all([program.status, writer?.status]);
  }
}

const locks = (place: Workplace): string[] =>
  fs.readdirSync(join(place.path, "repo")).filter((name) => name.startsWith("lock."));
const archives = (place: Workplace): string =>
  place.borg(["list", "--short", "--consider-checkpoints", "repo"]).stdout;

function contents(place: Workplace, archive: string): Record<string, number> {
  const lines = place.borg(["list", "--json-lines", "--consider-part-files", `repo::${archive}`]).stdout;
  const items = lines.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return Object.fromEntries(items.map(({ path, size }) => [path, size]));
}

for (const pipe of CASES) {
  borgTest(`${pipe.name}: signals are noticed while the writer says nothing`, async () => {
    using place = workplace();
    prepare(place);
    const term = await stop(place, pipe, { signal: "SIGTERM" });
    assert.equal(term.code, 143, term.stderr);
    assert.deepEqual(locks(place), []);
    assert.equal(archives(place), "");

    const once = await stop(place, pipe, { signal: "SIGINT" });
    assert.equal(once.code, 130, once.stderr);
    assert.match(once.stderr, /Interrupted: what was (backed up|imported) so far/);
    assert.deepEqual(locks(place), []);
    assert.equal(archives(place), "a.checkpoint\n");
    assert.deepEqual(contents(place, "a.checkpoint"), pipe.kept);
    place.borg(["check", "--verify-data", "repo"]);

    // The second one may come when the checkpoint is already saved.
    const twice = await stop(place, pipe, { signal: "SIGINT", twice: true });
    assert.equal(twice.code, 130, twice.stderr);
    assert.deepEqual(locks(place), []);
    assert.match(archives(place), /^a\.checkpoint\n(a\.checkpoint\.1\n)?$/);
    place.borg(["check", "--verify-data", "repo"]);
  });
}

/** Ids of the chunks of each file. */
function chunkIds(place: Workplace, archive: string): Record<string, string[]> {
  const dump = JSON.parse(place.borg(["debug", "dump-archive", `repo::${archive}`, "-"]).stdout);
  const items: { path: string; chunks?: [string, number, number][] }[] = dump._items;
  return Object.fromEntries(items.map(({ path, chunks = [] }) => [path, chunks.map(([id]) => id)]));
}

borgTest("what comes through a pipe in fits and starts is cut as borg cuts it", async () => {
  using place = workplace();
  prepare(place);
  const data = pseudoRandom("in fits and starts", 12_000_000);
  fs.writeFileSync(join(place.path, "data"), data);
  fs.writeFileSync(join(place.path, "src/1"), data);
  assert.equal(run("tar", ["cf", "src.tar", "src/1", "src/2"], { cwd: place.path }).code, 0);
  const slowly = (name: string): string =>
    `head -c 3000000 ${name}; sleep 0.3; tail -c +3000001 ${name} | head -c 70000; sleep 0.3; tail -c +3070001 ${name}`;
  for (
    const [kind, params] of [["buzhash", []], ["fixed", ["--chunker-params", "fixed,1048576,1000"]]] as const
  ) {
    const create = ["create", "-C", "none", ...params];
    place.borg([...create, `repo::${kind}-borg`, "-"], { input: data });
    const expected = chunkIds(place, `${kind}-borg`)["stdin"]!;
    assert.ok(expected.length > 3);
    const ways: [string, string, string[]][] = [
      ["stdin", `(${slowly("data")}) | "$@"`, [...create, `repo::${kind}-stdin`, "-"]],
      ["command", 'exec "$@"', [
        ...create,
        "--content-from-command",
        `repo::${kind}-command`,
        "--",
        ...["sh", "-c", slowly("data")],
      ]],
      ["special", `(${slowly("data")}) > pipe & "$@"`, [
        ...create,
        "--read-special",
        `repo::${kind}-special`,
        "pipe",
      ]],
    ];
    for (const [way, script, args] of ways) {
      const child = shell(place, script, alcove(args));
      const { code, stderr } = await child.output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      assert.deepEqual(Object.values(chunkIds(place, `${kind}-${way}`)), [expected], `${kind}, ${way}`);
    }
    const importing = ["import-tar", ...params, "-C", "none"];
    const child = shell(
      place,
      `(${slowly("src.tar")}) | "$@"`,
      alcove([...importing, `repo::${kind}-tar`, "-"]),
    );
    const { code, stderr } = await child.output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.deepEqual(chunkIds(place, `${kind}-tar`)["src/1"], expected, `${kind}, tar`);
  }
});
