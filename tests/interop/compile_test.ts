import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = join(root, "scripts", "compile.ts");

interface Run {
  code: number;
  out: string;
  err: string;
}

/** Runs a program; `env` adds to this process's environment. */
function run(program: string, args: readonly string[], options: Deno.CommandOptions = {}): Run {
  const { code, stdout, stderr } = new Deno.Command(program, {
    ...options,
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).outputSync();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

function succeed(program: string, args: readonly string[], options: Deno.CommandOptions = {}): string {
  const { code, out, err } = run(program, args, options);
  assert.equal(code, 0, `${program} ${args.join(" ")} gave ${code}: ${out}${err}`);
  return out;
}

/** A folder of its own with room for caches, repositories and files; removed at the end. */
async function withFolder(
  use: (folder: string, env: Record<string, string>) => void | Promise<void>,
): Promise<void> {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "alcove-compile-" }));
  const cache = join(folder, "cache");
  Deno.mkdirSync(cache, { mode: 0o700 });
  try {
    await use(folder, {
      XDG_CACHE_HOME: cache,
      BORG_BASE_DIR: join(folder, "base"),
      BORG_PASSPHRASE: "secret",
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Version, then init, create and extract with the codecs that are loaded when they are called for. */
function backUpAndRestore(program: string, folder: string, env: Record<string, string>): void {
  const alcove = (...args: string[]) => succeed(program, args, { env, cwd: folder });
  assert.match(alcove("--version"), /^\S+ 1\.4\.\d+ \(Alcove /);
  const source = join(folder, "source");
  Deno.mkdirSync(join(source, "sub"), { recursive: true });
  Deno.writeTextFileSync(join(source, "sub", "text"), "some words, again and again\n".repeat(5000));
  Deno.writeFileSync(join(source, "noise"), crypto.getRandomValues(new Uint8Array(50_000)));
  // Large enough for the workers that seal chunks.
  Deno.writeFileSync(join(source, "large"), new Uint8Array(randomBytes(24_000_000)));
  const repository = join(folder, "repository");
  alcove("init", "--encryption", "repokey-blake2", repository);
  for (const compression of ["lz4", "zstd,3", "lzma,1", "zlib,6"]) {
    // A new line makes new chunks, so that each codec has something to do.
    Deno.writeTextFileSync(join(source, "sub", "text"), `${compression}\n`, { append: true });
    const archive = compression.replace(",", "-");
    alcove("create", "--compression", compression, `${repository}::${archive}`, "source");
    const target = join(folder, `target-${archive}`);
    Deno.mkdirSync(target);
    succeed(program, ["extract", `${repository}::${archive}`], { env, cwd: target });
    for (const name of ["sub/text", "noise", "large"]) {
      const restored = Deno.readFileSync(join(target, "source", name));
      const same = Buffer.compare(restored, Deno.readFileSync(join(source, name))) === 0;
      assert.ok(same, `${name} after ${compression}`);
    }
  }
  const missing = run(program, ["list", join(folder, "nothing")], { env, cwd: folder });
  assert.equal(missing.code, 2);
  assert.doesNotMatch(missing.err, /\n\s+at /);
}

/** So much of a list is read while the threads are counted; a list must be longer by far than this and a pipe's 64 KiB. */
const COUNTED_BYTES = 500_000;

/** Runs `create --list`. Answers the list's lines and the most threads of workers that were seen while it was written. */
async function createAndCount(
  program: string,
  args: readonly string[],
  options: Deno.CommandOptions,
): Promise<{ workers: number; lines: string[] }> {
  const child = new Deno.Command(program, {
    ...options,
    args: ["create", "--list", ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const tasks = `/proc/${child.pid}/task`;
  const isWorker = ({ name }: Deno.DirEntry) =>
    run("cat", [`${tasks}/${name}/comm`]).out.startsWith("worker-");
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let workers = 0;
  // The program waits for the reader of its list: it cannot end while threads are counted.
  for await (const part of child.stderr) {
    parts.push(part);
    bytes += part.length;
    if (bytes < COUNTED_BYTES) {
      workers = Math.max(workers, [...Deno.readDirSync(tasks)].filter(isWorker).length);
    }
  }
  const text = Buffer.concat(parts).toString();
  assert.equal((await child.status).code, 0, text);
  assert.ok(bytes > 2 * COUNTED_BYTES);
  return { workers, lines: text.trimEnd().split("\n") };
}

/** The threads that seal objects and that walk ahead are in the executable, and what they make is what one thread makes. */
async function useThreads(program: string, folder: string, env: Record<string, string>): Promise<void> {
  if (Deno.build.os !== "linux" || run("sh", ["-c", "command -v borg"]).code !== 0) {
    return console.log("notice: this is not Linux or there is no borg, the threads are not counted");
  }
  const source = join(folder, "many");
  const files = join(source, "files");
  Deno.mkdirSync(files, { recursive: true });
  // Their entries in the files cache are more than 256 KiB, from which on a thread walks ahead.
  const count = 6000;
  const name = "a long name makes a long list ".repeat(7);
  for (let i = 0; i < count; i++) Deno.writeTextFileSync(join(files, name + i), `${i % 100}`);
  const noise = () => new Uint8Array(randomBytes(20_000_000));
  Deno.writeFileSync(join(source, "large"), noise());
  const repository = join(folder, "threads");
  succeed(program, ["init", "--encryption", "repokey", repository], { env });
  const create = (archive: string, workers: string, ...args: string[]) =>
    createAndCount(program, [...args, `${repository}::${archive}`, "large", "files"], {
      env: { ...env, ALCOVE_WORKERS: workers },
      cwd: source,
    });
  const unchanged = (lines: string[]) => lines.filter((line) => line.startsWith("U ")).length;
  const one = await create("one", "1");
  assert.equal(one.workers, 1, "the worker for objects");
  assert.equal(one.lines.length, count + 2);
  Deno.writeFileSync(join(source, "large"), noise());
  const two = await create("two", "1");
  const walking = navigator.hardwareConcurrency > 1 ? 1 : 0;
  assert.equal(two.workers, 1 + walking, "the worker for objects and the one that walks");
  assert.equal(two.lines.length, count + 2);
  assert.equal(unchanged(two.lines), count);
  const alone = await create("alone", "0", "--files-cache=disabled");
  assert.equal(alone.workers, 0, "no worker where none is wanted");
  assert.equal(alone.lines.length, count + 2);
  const again = await create("again", "0");
  assert.equal(again.workers, 0, "no worker where none is wanted");
  succeed("borg", ["check", "--verify-data", repository], { env });
  for (const archive of ["alone", "again"]) {
    assert.equal(succeed("borg", ["diff", `${repository}::two`, archive], { env }), "");
  }
  assert.equal(succeed("borg", ["extract", "--dry-run", `${repository}::two`], { env }), "");
}

/** Deno 2.4.2 with its compile runtime, made once per machine; null where the tool or the packages cannot be had. */
function compileRuntime(): { deno: string; denort: string } | null {
  const folder = join(tmpdir(), "alcove-compile-runtime");
  const found = { deno: join(folder, "deno"), denort: join(folder, "denort") };
  const present = () => [found.deno, found.denort].every((path) => run("test", ["-x", path]).code === 0);
  if (present()) return found;
  const tool = join(root, "..", "shared", "tools", "compile_runtime.sh");
  if (Deno.build.os !== "linux" || run("test", ["-f", tool]).code !== 0) return null;
  // Made under another name first, so that a second run never meets half of it.
  const made = Deno.makeTempDirSync({ prefix: "alcove-compile-runtime-" });
  if (run("sh", [tool, made]).code !== 0) return null;
  if (!present()) Deno.renameSync(made, folder);
  return found;
}

Deno.test("compile.ts makes a compiled executable that works alone and in threads", async () => {
  const runtime = compileRuntime();
  if (!runtime) {
    console.log("notice: there is no compile runtime for tests here, the compiled form is not tested");
    return;
  }
  await withFolder(async (folder, env) => {
    const output = join(folder, "alcove");
    const options = ["--form", "compiled", "--output", output];
    succeed(runtime.deno, ["run", "-A", "--no-lock", script, ...options], {
      env: { ...env, DENORT_BIN: runtime.denort, DENO_TLS_CA_STORE: "system" },
    });
    backUpAndRestore(output, folder, env);
    await useThreads(output, folder, env);
  });
});

Deno.test("compile.ts says in one sentence that the compile runtime is missing, and names DENORT_BIN", () => {
  return withFolder((folder, env) => {
    const output = join(folder, "alcove");
    const { code, err } = run(Deno.execPath(), [
      "run",
      "-A",
      script,
      "--form",
      "compiled",
      "--output",
      output,
    ], {
      env: { ...env, DENORT_BIN: join(folder, "missing-denort") },
    });
    assert.equal(code, 1);
    assert.match(err, /^[^\n]*DENORT_BIN[^\n]*\n$/);
    const form = run(Deno.execPath(), ["run", "-A", script, "--form", "other"], { env });
    assert.equal(form.code, 1);
    assert.match(form.err, /^--form must be compiled or self-extracting\n$/);
  });
});

/** The folder into which a self-extracting file has unpacked itself. */
function unpackedFolder(env: Record<string, string>): string {
  const folder = join(env["XDG_CACHE_HOME"]!, "alcove");
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  assert.equal(names.length, 1);
  return join(folder, names[0]!);
}

Deno.test("compile.ts makes a self-extracting file that works alone, in threads, and trusts no damaged or open folder", () => {
  return withFolder(async (folder, env) => {
    // A name with a blank and a link to it: the file finds itself by both.
    const output = join(folder, "al cove");
    const noRuntime = { ...env, DENORT_BIN: join(folder, "missing-denort") };
    const built = run(Deno.execPath(), ["run", "-A", script, "--output", output], { env: noRuntime });
    assert.equal(built.code, 0, built.err);
    assert.match(built.err, /DENORT_BIN.*self-extracting/);
    assert.match(built.out, /self-extracting, [\d.]+ MB/);
    backUpAndRestore(output, folder, env);
    await useThreads(output, folder, env);
    Deno.symlinkSync(output, join(folder, "link"));
    succeed(join(folder, "link"), ["--version"], { env });

    const home = unpackedFolder(env);
    assert.equal(Deno.statSync(home).mode! & 0o777, 0o700);
    assert.deepEqual([...Deno.readDirSync(home)].filter(({ name }) => name.startsWith(".")), []);

    // Damage is found, and mended from the file itself.
    const main = join(home, "main.js");
    const good = Deno.readFileSync(main);
    Deno.writeTextFileSync(main, 'console.log("evil")');
    assert.match(succeed(output, ["--version"], { env }), /Alcove/);
    assert.deepEqual(Deno.readFileSync(main), good);
    Deno.removeSync(main);
    assert.match(succeed(output, ["--version"], { env }), /Alcove/);

    const refuses = (path: string, mode: number) => {
      const before = Deno.statSync(path).mode! & 0o7777;
      Deno.chmodSync(path, mode);
      const { code, out, err } = run(output, ["--version"], { env });
      Deno.chmodSync(path, before);
      assert.equal(code, 2, `${path} with mode ${mode.toString(8)}: ${out}`);
      assert.match(err, /^alcove: Cannot use [^\n]*others may write there[^\n]*\n$/);
    };
    refuses(home, 0o720);
    refuses(home, 0o702);
    refuses(join(home, ".."), 0o777);
    refuses(env["XDG_CACHE_HOME"]!, 0o770);
    if (Deno.uid() === 0) {
      Deno.chownSync(home, 12345, 12345);
      assert.equal(run(output, ["--version"], { env }).code, 2);
      Deno.chownSync(home, 0, 0);
    }
    Deno.renameSync(home, `${home}.moved`);
    Deno.symlinkSync(`${home}.moved`, home);
    assert.equal(run(output, ["--version"], { env }).code, 2);
    Deno.removeSync(home);
    Deno.renameSync(`${home}.moved`, home);

    // Cut off in the middle: one sentence, nothing is run.
    const cut = join(folder, "cut");
    Deno.writeFileSync(cut, Deno.readFileSync(output).subarray(0, 5_000_000), { mode: 0o755 });
    Deno.removeSync(home, { recursive: true });
    const failed = run(cut, ["--version"], { env });
    assert.equal(failed.code, 2);
    assert.match(failed.err, /alcove: Cannot unpack the program/);
    assert.match(succeed(output, ["--version"], { env }), /Alcove/);
  });
});

Deno.test("scripts/alcove runs the program from any folder, through links, with its standard input and exit code", () => {
  return withFolder((folder, env) => {
    Deno.mkdirSync(join(folder, "with blank"));
    Deno.symlinkSync(join(root, "scripts", "alcove"), join(folder, "with blank", "first"));
    Deno.symlinkSync("with blank/first", join(folder, "alcove"));
    const alcove = join(folder, "alcove");
    Deno.writeTextFileSync(join(folder, "passphrase"), "given by descriptor\n");
    const shell = (command: string) =>
      succeed(
        "sh",
        ["-c", `unset BORG_PASSPHRASE; BORG_PASSPHRASE_FD=7 "${alcove}" ${command} 7<passphrase`],
        {
          env,
          cwd: folder,
        },
      );
    shell("init -e repokey repository");
    shell("create repository::one passphrase");
    assert.match(shell("list repository::one"), / passphrase\n$/);
    assert.equal(run(alcove, ["list", "nothing"], { env, cwd: folder }).code, 2);
  });
});
