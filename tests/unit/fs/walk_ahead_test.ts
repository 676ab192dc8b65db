/** The walk in a thread of its own: it must tell the same in the same order as the walk in this thread. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  AheadWalker,
  planRules,
  SourceError,
  walkAhead,
  type WalkEntry,
  Walker,
  walkOptions,
  type WalkPlan,
} from "../../../core/fs/mod.ts";
import { parsePattern, type Rule } from "../../../core/fs/patterns.ts";
import type { WalkListeners, WalkWorker } from "../../../core/fs/walk_ahead.ts";
import {
  makeRing,
  type RingBuffers,
  RingReader,
  RingStopped,
  RingWriter,
} from "../../../core/fs/_walk_ring.ts";
import {
  type Files,
  type FilesAt,
  openAttributes,
  openFiles,
  SF_DATALESS,
  type Stat,
  UF_NODUMP,
} from "../../../core/platform/mod.ts";
import { OsError } from "../../../core/errors.ts";
import { openBelow } from "../../fixtures/open_files.ts";

const files = openFiles();
const attributes = openAttributes();
const WORKER = new URL("../../../cli/walk_worker.ts", import.meta.url);

class Folder implements Disposable {
  readonly path = fs.mkdtempSync(join(tmpdir(), "alcove-ahead-"));

  at(name: string): string {
    return join(this.path, name);
  }

  make(...names: string[]): void {
    for (const name of names) {
      if (name.endsWith("/")) fs.mkdirSync(this.at(name), { recursive: true });
      else {
        fs.mkdirSync(join(this.at(name), ".."), { recursive: true });
        fs.writeFileSync(this.at(name), name);
      }
    }
  }

  [Symbol.dispose](): void {
    spawnSync("rm", ["-rf", "--", this.path]);
  }
}

async function withWorker(run: (worker: WalkWorker) => void): Promise<void> {
  const worker = new Worker(WORKER, { type: "module" });
  try {
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = reject;
    });
    run(worker as unknown as WalkWorker);
  } finally {
    worker.terminate();
  }
}

/** Walks at once, in this thread: for trees that fit into the ring. */
function atOnce(walked: Files): WalkWorker {
  return { postMessage: (message) => walkAhead(message, walked, attributes), terminate() {} };
}

/** The file system, but for some calls. */
function withCalls(calls: Partial<FilesAt>): Files {
  const but = <T extends object>(real: T, changed: Partial<T>): T =>
    new Proxy(real, {
      get: (_, name) => {
        const value = Reflect.get(changed, name) ?? Reflect.get(real, name, real);
        return typeof value === "function" ? value.bind(real) : value;
      },
    });
  return but(files, { at: but(files.at!, calls) } as Partial<Files>);
}

function planOf(root: string, options: Partial<WalkPlan> = {}): WalkPlan {
  return {
    root,
    oneFileSystem: false,
    skip: [],
    rules: [],
    tags: null,
    keepTags: false,
    excludeFlags: 0,
    ...options,
  };
}

function listeners(events: unknown[]): Required<WalkListeners> {
  const failed =
    (kind: string) => (path: string, error: { code: string; syscall: string; message: string }) =>
      void events.push([kind, path, error.code, error.syscall, error.message]);
  return {
    onError: failed("error"),
    onRootError: failed("root"),
    onExcluded: (path) => void events.push(["x", path]),
    onLeave: (path) => void events.push(["left", path]),
  };
}

/** The file that `at` leads to, which need not be the one that the entry's stat is of. */
function reached({ at, path }: WalkEntry): string {
  const { dev, ino } = at === undefined
    ? files.lstat(path)
    : at.folder === undefined
    ? files.at!.lstatAt(at.dir, at.name)
    : files.fstat(at.folder);
  return `${dev}:${ino}`;
}

function told(entry: WalkEntry): unknown {
  const { path, archivePath, inside, stat } = entry;
  return [path, archivePath, inside, { ...stat, atimeNs: 0n }, reached(entry)];
}

function collect(walker: { next(): WalkEntry | null }, events: unknown[]): unknown[] {
  for (let entry = walker.next(); entry !== null; entry = walker.next()) events.push(told(entry));
  return events;
}

function plainly(plan: WalkPlan, walked = files): unknown[] {
  const events: unknown[] = [];
  return collect(new Walker({ ...walkOptions(plan, walked, attributes), ...listeners(events) }), events);
}

function ahead(worker: WalkWorker, plan: WalkPlan): unknown[] {
  const events: unknown[] = [];
  const walker = new AheadWalker(worker, { files, plan, attributes: true });
  walker.listeners = listeners(events);
  return collect(walker, events);
}

const rule = (text: string, verdict: Rule["verdict"]): Rule => ({
  pattern: parsePattern(text, "fm"),
  verdict,
});

/** Entries of every kind, odd names, marks. */
function makeAll(folder: Folder): void {
  folder.make("a/b/c/file", "a/b/other", "a/empty/", "cache/CACHEDIR.TAG", "cache/big", "marked/.nobackup");
  folder.make("marked/sub/x", "excluded/in/side", "excluded/kept/file", "z", "\u{1f600}/☃", "n".repeat(255));
  fs.writeFileSync(folder.at("cache/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55");
  fs.symlinkSync("nowhere", folder.at("a/link"));
  fs.linkSync(folder.at("z"), folder.at("a/z2"));
  files.mkfifo(folder.at("a/fifo"), 0o600);
  const odd = new Uint8Array([...new TextEncoder().encode(`${folder.path}/odd-`), 0xff, 0xfe, 0x0a]);
  spawnSync("python3", ["-c", "import os,sys;open(bytes.fromhex(sys.argv[1]),'w')", hex(odd)]);
  for (let i = 0; i < 300; i++) folder.make(`many/${i % 7}/${i}`);
}

const hex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");

Deno.test("a walk ahead tells the same as a walk, whatever is excluded, marked or missing", async () => {
  using folder = new Folder();
  makeAll(folder);
  assert.ok(files.readDir(folder.path).some((name) => name.startsWith("odd-\udcff")));
  const tags = { excludeCaches: true, ifPresent: [".nobackup"] };
  const rules = planRules([
    rule(`${folder.path}/excluded/kept`, "include"),
    rule(`${folder.path}/excluded`, "exclude"),
    rule("sh:**/many/3", "exclude-no-recurse"),
    rule("re:many/2/1.*", "exclude"),
  ]);
  const { dev, ino } = files.lstat(folder.at("a/b"));
  const plans = [
    planOf(folder.path),
    planOf(`${folder.path}//a/./`, { oneFileSystem: true }),
    planOf(folder.path, { rules, tags }),
    planOf(folder.path, { rules, tags, keepTags: true, excludeFlags: UF_NODUMP, skip: [{ dev, ino }] }),
    planOf(folder.at("z")),
    planOf(folder.at("a/link")),
    planOf(folder.at("missing")),
    planOf(folder.at("z/missing")),
  ];
  await withWorker((worker) => {
    for (const plan of plans) {
      const events = ahead(worker, plan);
      assert.deepEqual(events, plainly(plan));
      assert.ok(events.length > 0);
    }
  });
  assert.equal(openBelow(folder.path), 0);
});

Deno.test("what has an excluded flag is left out with all that is in it, and said to be", () => {
  using folder = new Folder();
  folder.make("cloud/inside", "cloud file", "here");
  // No program can set the flag: its system does.
  const cloudy = Object.create(attributes, {
    flags: { value: (path: string) => path.includes("cloud") ? SF_DATALESS : UF_NODUMP },
  });
  const listed = (excludeFlags: number) => {
    const events: unknown[] = [];
    const options = walkOptions(planOf(folder.path, { excludeFlags }), files, cloudy);
    const walker = new Walker({
      ...options,
      roots: [folder.at("cloud"), folder.at("cloud file"), folder.at("here")],
      ...listeners(events),
    });
    return collect(walker, events).map((event) =>
      (event as string[])[0] === "x" ? event : (event as string[])[0]
    );
  };
  assert.deepEqual(listed(SF_DATALESS), [
    ["x", folder.at("cloud")],
    ["x", folder.at("cloud file")],
    folder.at("here"),
  ]);
});

Deno.test("a walk ahead tells of unreadable folders as a walk does", () => {
  using folder = new Folder();
  folder.make("a/b/c", "closed/file", "d/e");
  // As root nothing is unreadable: the calls fail instead.
  const refuse = withCalls({
    openFolder: (dir, name) => files.at!.openFolder(dir, name === "closed" ? "not there \ud83d" : name),
  });
  const plan = planOf(folder.path);
  const events = ahead(atOnce(refuse), plan);
  assert.deepEqual(events, plainly(plan, refuse));
  assert.ok(events.some((event) => (event as string[])[0] === "error"));
});

Deno.test("with one file system, a walk ahead asks the mount point itself and not the folder around it", () => {
  using folder = new Folder();
  folder.make("a/mounted/file", "a/z");
  const mounted = withCalls({
    lstatAt: (dir, name) => {
      const stat = files.at!.lstatAt(dir, name);
      return name === "mounted" ? { ...stat, dev: stat.dev + 1 } : stat;
    },
  });
  const plan = planOf(folder.path, { oneFileSystem: true });
  const events = ahead(atOnce(mounted), plan);
  assert.ok(!events.some((event) => String((event as string[])[0]).endsWith("/file")));
  assert.deepEqual(events, plainly(plan, mounted));
});

Deno.test("a walk ahead reaches files by their folder, and says so where that was moved away", async () => {
  using folder = new Folder();
  folder.make("in/a", "in/b", "out/file", "zz/file");
  await withWorker((worker) => {
    const walker = new AheadWalker(worker, { files, plan: planOf(folder.path), attributes: false });
    const seen = new Map<string, string>();
    for (let entry = walker.next(); entry !== null; entry = walker.next()) {
      const name = entry.path.slice(folder.path.length + 1);
      if (name === "") {
        fs.renameSync(folder.at("out"), folder.at("gone"));
        fs.symlinkSync("zz", folder.at("out"));
        fs.unlinkSync(folder.at("in/b"));
        fs.writeFileSync(folder.at("in/b"), "another");
      }
      try {
        seen.set(name, String(entry.refresh!().stat.ino === entry.stat.ino && reached(entry) !== ""));
      } catch (error) {
        assert.ok(error instanceof SourceError);
        seen.set(name, error.warningCode);
      }
    }
    assert.equal(seen.get("in/a"), "true");
    assert.ok(seen.has("in/b"));
    assert.equal(seen.get("out"), "BackupOSError");
    assert.equal(seen.get("out/file"), "BackupOSError");
    assert.equal(seen.get("zz/file"), "true");
  });
  assert.equal(openBelow(folder.path), 0);
});

Deno.test("a walk ahead that is ended early leaves the thread to the next one", async () => {
  using folder = new Folder();
  for (let i = 0; i < 60; i++) fs.mkdirSync(folder.at(`${"d".repeat(200)}${i}`));
  // More than the ring holds: the thread waits for room when it is told to stop.
  for (let i = 0; i < 2500; i++) {
    fs.writeFileSync(folder.at(`${"d".repeat(200)}${i % 60}/${"f".repeat(200)}${i}`), "");
  }
  await withWorker((worker) => {
    const first = new AheadWalker(worker, { files, plan: planOf(folder.path), attributes: true });
    for (let i = 0; i < 10; i++) assert.ok(first.next() !== null);
    first.close();
    assert.equal(first.next(), null);
    const plan = planOf(folder.path);
    assert.deepEqual(ahead(worker, plan), plainly(plan));
  });
  assert.equal(openBelow(folder.path), 0);
});

Deno.test("a walk ahead goes as deep as a walk, where paths are longer than a record", async () => {
  if (process.platform !== "linux") return console.log("skipped: makes its tree by Linux's limits");
  using folder = new Folder();
  const name = "e".repeat(250);
  const script = "import os,sys\nos.chdir(sys.argv[1])\n" +
    `for i in range(560):\n os.mkdir("${name}"); os.chdir("${name}")\nopen("deepest", "w")`;
  assert.equal(spawnSync("python3", ["-c", script, folder.path]).status, 0);
  await withWorker((worker) => {
    const walked: string[] = [];
    const walker = new AheadWalker(worker, { files, plan: planOf(folder.path), attributes: false });
    for (let entry = walker.next(); entry !== null; entry = walker.next()) walked.push(entry.path);
    assert.equal(walked.length, 562);
    assert.equal(walked.at(-1), `${folder.path}/${`${name}/`.repeat(560)}deepest`);
  });
});

Deno.test("a walk ahead and its user together keep no more folders open than a walk alone", async () => {
  using folder = new Folder();
  folder.make(`${"d/".repeat(80)}file`);
  for (let depth = 1; depth < 80; depth++) folder.make(`${"d/".repeat(depth)}file`);
  await withWorker((worker) => {
    const walker = new AheadWalker(worker, { files, plan: planOf(folder.path), attributes: false });
    let most = 0;
    for (let entry = walker.next(); entry !== null; entry = walker.next()) {
      reached(entry);
      most = Math.max(most, openBelow(folder.path));
    }
    assert.ok(most > 2 && most <= 33, `${most} open`);
  });
});

Deno.test("a walk ahead says that too many files are open, and closes folders before it gives up", () => {
  using folder = new Folder();
  folder.make("a/b/c/d/e/file", "a/b/c/d/file", "a/b/c/file", "a/b/file", "a/file");
  for (const allowed of [2, 0]) {
    let refusing = false;
    const tight = withCalls({
      openFolder: (dir, name) => {
        if (refusing && openBelow(folder.path) > allowed) {
          throw new OsError("EMFILE", "open", name, "too many");
        }
        return files.at!.openFolder(dir, name);
      },
    });
    const walker = new AheadWalker(atOnce(tight), {
      files: tight,
      plan: planOf(folder.path),
      attributes: false,
    });
    refusing = true;
    const failures = new Set<string>();
    const found: string[] = [];
    for (let entry = walker.next(); entry !== null; entry = walker.next()) {
      try {
        reached(entry);
        found.push(entry.path);
      } catch (error) {
        failures.add((error as Error).message);
      }
    }
    if (allowed > 0) assert.deepEqual([...failures], []);
    else assert.deepEqual([...failures], ["open: too many"]);
    assert.ok(found.length > 0);
  }
});

const STAT: Stat = {
  mode: 0o100644,
  dev: 2 ** 40 + 1,
  ino: 2n ** 64n - 1n,
  nlink: 1,
  uid: 2 ** 32 - 2,
  gid: 0,
  rdev: 0,
  size: 2 ** 53 - 1,
  blocks: 8,
  mtimeNs: -1n,
  atimeNs: 2n ** 62n,
  ctimeNs: 0n,
  birthtimeNs: null,
  flags: null,
};

/** Text of `length` UTF-16 units, among them surrogates of which the other half is missing. */
const textOf = (length: number, seed: number): string =>
  Array.from({ length }, (_, i) => String.fromCharCode((seed + i * 7919) % 65536)).join("");

Deno.test("the ring gives back what was put in, over many rounds and at its very end", () => {
  const ring = makeRing();
  const [writer, reader] = [new RingWriter(ring), new RingReader(ring)];
  let seed = 1;
  // Long texts bring each border of a record to the end of the ring sooner or later, and PADs of every size.
  for (let round = 0; round < 3000; round++) {
    const batch = Array.from({ length: 1 + round % 5 }, (_, i) => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return {
        text: textOf(seed % (i === 0 ? 9001 : 9), seed),
        stat: seed % 3 === 0 ? null : { ...STAT, size: seed },
      };
    });
    for (const [i, { text, stat }] of batch.entries()) writer.write(i + 1, seed, text, stat);
    writer.post();
    for (const [i, { text, stat }] of batch.entries()) {
      assert.ok(reader.next(0));
      assert.equal(reader.kind, i + 1);
      assert.equal(reader.flags, seed);
      if (stat !== null) assert.deepEqual(reader.readStat(), stat);
      assert.ok(reader.readText() === text, `round ${round}`);
    }
    assert.ok(!reader.next(0));
    assert.ok(writer.backlog <= 9001);
  }
});

Deno.test("the ring carries a text that is longer than itself", async () => {
  const text = textOf(1_000_003, 5);
  const ring = makeRing();
  // The writer needs a thread of its own: it waits for room.
  const module = new URL("../../../core/fs/_walk_ring.ts", import.meta.url).href;
  const code = `import { RingWriter } from ${JSON.stringify(module)};
    globalThis.onmessage = ({ data: { ring, text } }) => {
      const writer = new RingWriter(ring);
      for (let i = 0; i < 3; i++) writer.write(7, i, text, null);
      writer.post();
    };`;
  const worker = new Worker(`data:application/javascript,${encodeURIComponent(code)}`, { type: "module" });
  try {
    worker.postMessage({ ring, text } satisfies { ring: RingBuffers; text: string });
    const reader = new RingReader(ring);
    for (let i = 0; i < 3; i++) {
      for (let tries = 0; !reader.next(); tries++) {
        assert.ok(tries < 400, "the writer waits for ever");
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      assert.deepEqual([reader.kind, reader.flags], [7, i]);
      assert.ok(reader.readText() === text);
    }
  } finally {
    worker.terminate();
  }
});

Deno.test("who writes into a ring that is full learns that the reader is gone", () => {
  const ring = makeRing();
  const [writer, reader] = [new RingWriter(ring), new RingReader(ring)];
  reader.stop();
  assert.throws(() => {
    for (let i = 0; i < 10_000; i++) writer.write(1, 0, "some text", STAT);
  }, RingStopped);
});
