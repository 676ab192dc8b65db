/** Extraction over a store in memory: whoever opens the chunks, what is made is made in the order of the archive. */
import assert from "node:assert/strict";
import {
  type Archive,
  type ChunkEntry,
  Extraction,
  type ExtractOptions,
  type Item,
  type Target,
} from "../../../core/archive/mod.ts";
import { type ChunkId, hexOfId } from "../../../core/bytes/mod.ts";
import type { WarningCode } from "../../../core/errors.ts";
import { type ObjectCodec, type ObjectWorker, parseCompression } from "../../../core/object/mod.ts";
import type { Reporter } from "../../../core/report.ts";
import { MemStore } from "../../../core/store/mod.ts";
import { testCodec, testKey } from "../../fixtures/codecs.ts";
import { seededBytes } from "../../fixtures/deterministic.ts";

const WORKER = new URL("../../../cli/object_worker.ts", import.meta.url);
const spawn = (): ObjectWorker => new Worker(WORKER, { type: "module" }) as unknown as ObjectWorker;

const FILE = 0o100644;
const FOLDER = 0o040755;
const LINK = 0o120777;
const FIFO = 0o010600;

class FileTrouble extends Error {}

/** Writes down what it is told to do. Paths with "bad" in them fail where the word behind it says. */
class Record implements Target {
  readonly calls: string[] = [];
  readonly complete = new Set<string>();
  linkable = true;

  #step(what: string, path: string): void {
    this.calls.push(`${what} ${path}`);
    if (path.includes(`bad ${what}`)) throw new FileTrouble(`no ${what}`);
  }
  directory(item: Item): void {
    this.#step("directory", item.path);
  }
  symlink(item: Item): void {
    this.#step("symlink", item.path);
  }
  special(item: Item): void {
    this.#step("special", item.path);
  }
  hardLink(item: Item, source: string): boolean {
    this.#step("link", `${item.path} to ${source}`);
    return this.linkable;
  }
  openFile(item: Item) {
    this.#step("open", item.path);
    let hash = 0;
    let length = 0;
    return {
      write: (data: Uint8Array) => {
        this.#step("write", item.path);
        for (const byte of data) hash = (Math.imul(hash, 31) + byte) | 0;
        length += data.length;
      },
      close: () => this.#step("close", `${item.path} ${length} ${hash}`),
    };
  }
  isComplete(item: Item): boolean {
    return this.complete.has(item.path);
  }
  restoreMeta(item: Item): void {
    this.#step("meta", item.path);
  }
  finish(): void {
    this.#step("finish", "");
  }
  warningOf(error: unknown): { code: WarningCode; message: string } | null {
    return error instanceof FileTrouble ? { code: "BackupError", message: error.message } : null;
  }
}

class Bench {
  readonly store = new MemStore();
  readonly target = new Record();
  readonly warnings: string[] = [];
  readonly fetched: string[] = [];
  readonly #random = seededBytes(17);

  private constructor(readonly codec: ObjectCodec) {}

  static async make(): Promise<Bench> {
    return new Bench(await testCodec(testKey("repokey")));
  }

  async chunk(size: number): Promise<ChunkEntry> {
    const plain = this.#random(size);
    const id = this.codec.idOf(plain);
    const stored = await this.codec.seal(plain, parseCompression("lz4"));
    this.store.put(id, stored);
    return { id, size, csize: stored.length };
  }

  async file(path: string, sizes: number[], extra: Partial<Item> = {}): Promise<Item> {
    const chunks: ChunkEntry[] = [];
    for (const size of sizes) chunks.push(await this.chunk(size));
    return item(path, FILE, { chunks, hardlink_master: false, ...extra });
  }

  /** Extracts `batches`, which stand for the chunks of an item stream. */
  async extract(batches: Item[][], options: ExtractOptions & { workers?: number } = {}): Promise<void> {
    const { store, codec, fetched } = this;
    const watched = {
      get: (id: ChunkId) => (fetched.push(hexOfId(id)), store.get(id)),
      async *getMany(ids: Iterable<ChunkId>) {
        for (const id of ids) yield await Promise.resolve((fetched.push(hexOfId(id)), store.get(id)));
      },
    };
    const archive = {
      store: watched,
      codec,
      async *items() {
        for (const batch of batches) yield await Promise.resolve(batch);
      },
    } as unknown as Archive;
    const reporter: Reporter = {
      progress: false,
      fileStatus: false,
      emit() {},
      warn: (code, path, message) => void this.warnings.push(`${code} ${path}: ${message}`),
    };
    const { workers = 0, ...rest } = options;
    const spawner = workers > 0 ? { count: workers, spawn } : undefined;
    await new Extraction(archive, this.target, reporter, { ...rest, spawner }).run();
  }

  /** What was done, without the numbers that closing tells. */
  get steps(): string[] {
    return this.target.calls.map((call) => call.replace(/^(close .*) \d+ -?\d+$/, "$1"));
  }
}

function item(path: string, mode: number, extra: Partial<Item> = {}): Item {
  return { path, mode, uid: 0, gid: 0, user: null, group: null, mtime: 0n, ...extra };
}

Deno.test("Extraction makes the same, in the same order, with any number of workers", async () => {
  const seen: string[][] = [];
  for (const workers of [0, 1, 3]) {
    const bench = await Bench.make();
    const batches: Item[][] = [];
    for (let b = 0; b < 6; b++) {
      const batch = [item(`d${b}`, FOLDER)];
      for (let i = 0; i < 80; i++) {
        const sizes = i % 20 === 0 ? [400_000, 1, 900_000] : i % 7 === 0 ? [] : [1 + i * 97];
        batch.push(await bench.file(`d${b}/f${i}`, sizes));
        if (i % 9 === 0) batch.push(item(`d${b}/l${i}`, LINK, { source: "x" }));
        if (i % 11 === 0) batch.push(item(`d${b}/p${i}`, FIFO));
      }
      batches.push(batch);
    }
    await bench.extract(batches, { workers });
    seen.push(bench.target.calls);
    assert.deepEqual(bench.warnings, []);
    const wanted = batches.flat().map(({ path }) => path);
    const begun = bench.steps.filter((step) => /^(directory|symlink|special|open) /.test(step));
    assert.deepEqual(begun.map((step) => step.replace(/^\w+ /, "")), wanted);
  }
  assert.deepEqual(seen[1], seen[0]);
  assert.deepEqual(seen[2], seen[0]);
});

Deno.test("Extraction warns of what is about one file, ignores the rest of its chunks, and goes on", async () => {
  const bench = await Bench.make();
  await bench.extract([[
    await bench.file("bad open", [10, 20]),
    await bench.file("bad write", [10, 20, 30]),
    await bench.file("bad close", [10]),
    await bench.file("bad meta", [10]),
    item("bad symlink", LINK, { source: "x" }),
    await bench.file("good", [10, 20]),
  ]]);
  assert.deepEqual(bench.steps, [
    "open bad open",
    "open bad write",
    "write bad write",
    "close bad write",
    "open bad close",
    "write bad close",
    "close bad close",
    "open bad meta",
    "write bad meta",
    "close bad meta",
    "meta bad meta",
    "symlink bad symlink",
    "open good",
    "write good",
    "write good",
    "close good",
    "meta good",
    "finish ",
  ]);
  const of = (word: string) => `BackupError bad ${word}: no ${word}`;
  assert.deepEqual(bench.warnings, ["open", "write", "close", "meta", "symlink"].map(of));
});

Deno.test("Extraction ends at a missing or damaged chunk, when all before it is made", async () => {
  for (const damage of ["missing", "damaged", "wrong size"]) {
    for (const workers of [0, 1]) {
      const bench = await Bench.make();
      const before = await bench.file("before", [1_500_000]);
      const broken = await bench.file("broken", [100, 200, 300]);
      const { id } = broken.chunks![1]!;
      if (damage === "missing") bench.store.delete(id);
      else if (damage === "damaged") bench.store.put(id, bench.store.get(id).fill(0, 50, 60));
      else broken.chunks = broken.chunks!.map((chunk, i) => i === 1 ? { ...chunk, size: 201 } : chunk);
      const batch = [item("d", FOLDER), before, broken, await bench.file("after", [10])];
      const text = damage === "missing" ? /find object/ : damage === "damaged" ? /chunk/ : /200 bytes where/;
      await assert.rejects(() => bench.extract([batch], { workers }), text);
      assert.deepEqual(bench.steps, [
        "directory d",
        "open before",
        "write before",
        "close before",
        "meta before",
        "open broken",
        "write broken",
        "close broken",
      ], `${damage}, ${workers} workers`);
    }
  }
});

Deno.test("Extraction does without a chunk of a file that went wrong before", async () => {
  for (const damage of ["missing", "damaged"]) {
    const bench = await Bench.make();
    const broken = await bench.file("bad open", [100, 200, 300]);
    const { id } = broken.chunks![1]!;
    if (damage === "missing") bench.store.delete(id);
    else bench.store.put(id, bench.store.get(id).fill(0, 50, 60));
    await bench.extract([[broken, await bench.file("after", [10, 20])]]);
    assert.deepEqual(bench.warnings, ["BackupError bad open: no open"]);
    assert.deepEqual(bench.steps.slice(1), [
      "open after",
      "write after",
      "write after",
      "close after",
      "meta after",
      "finish ",
    ]);
  }
});

Deno.test("Extraction links further names, and fetches contents where the first name is not there", async () => {
  const further = (path: string, source: string) => item(path, FILE, { source });
  const bench = await Bench.make();
  const first = await bench.file("first", [10, 20], { hardlink_master: true });
  const broken = await bench.file("bad open", [30], { hardlink_master: true });
  await bench.extract([
    [first, further("second", "first")],
    [broken, further("third", "bad open"), further("fourth", "bad open")],
  ]);
  assert.deepEqual(bench.steps, [
    "open first",
    "write first",
    "write first",
    "close first",
    "meta first",
    "link second to first",
    "open bad open",
    "open third",
    "write third",
    "close third",
    "meta third",
    "link fourth to third",
    "finish ",
  ]);

  // A part of the archive: the first of the names that are wanted takes the place of the first of all.
  const part = await Bench.make();
  const master = await part.file("first", [10], { hardlink_master: true });
  const batches = [[master, further("a/second", "first"), further("a/third", "first")]];
  await part.extract(batches, { select: ({ path }) => path !== "first", stripComponents: 1 });
  assert.deepEqual(part.steps, [
    "open second",
    "write second",
    "close second",
    "meta second",
    "link third to second",
    "finish ",
  ]);
  assert.equal(part.fetched.length, 1);

  // Where there are no links, copies.
  const copy = await Bench.make();
  copy.target.linkable = false;
  const original = await copy.file("first", [10], { hardlink_master: true });
  await copy.extract([[original, further("second", "first")]], { workers: 1 });
  assert.deepEqual(copy.steps.slice(4, 9), [
    "link second to first",
    "open second",
    "write second",
    "close second",
    "meta second",
  ]);
});

Deno.test("Extraction does not fetch what is complete already", async () => {
  const bench = await Bench.make();
  bench.target.complete.add("one").add("three");
  const files = [];
  for (const name of ["one", "two", "three"]) files.push(await bench.file(name, [10]));
  await bench.extract([files]);
  assert.deepEqual(bench.steps, ["open two", "write two", "close two", "meta two", "finish "]);
  assert.deepEqual(bench.fetched, [hexOfId(files[1]!.chunks![0]!.id)]);
});

Deno.test("Extraction to standard output waits for each write, and a dry run verifies alone", async () => {
  for (const workers of [0, 1]) {
    const bench = await Bench.make();
    const files = [];
    for (let i = 0; i < 40; i++) files.push(await bench.file(`f${i}`, [i * 3000, 5]));
    let writing = false;
    let total = 0;
    const stdout = async (data: Uint8Array) => {
      assert.ok(!writing);
      writing = true;
      await new Promise((resolve) => setTimeout(resolve, 0));
      total += data.length;
      writing = false;
    };
    await bench.extract([files.slice(0, 20), files.slice(20)], { stdout, workers });
    assert.equal(total, 780 * 3000 + 40 * 5);
    const count = bench.fetched.length;
    await bench.extract([files], { dryRun: true, workers });
    assert.equal(bench.fetched.length, 2 * count);
    assert.deepEqual(bench.steps, []);
  }
});

Deno.test("Extraction tells of sizes that do not fit and of files that check has filled with zeros", async () => {
  const bench = await Bench.make();
  const wrong = await bench.file("wrong", [10, 20], { size: 31 });
  const healed = await bench.file("healed", [10], { chunks_healthy: [] });
  const listed: string[] = [];
  await bench.extract([[wrong, healed]], { list: (path) => listed.push(path) });
  assert.deepEqual(listed, ["wrong", "healed"]);
  assert.deepEqual(bench.warnings, [
    "BackupError wrong: size in the archive is 31, its chunks have 30 bytes",
    "BackupError healed: file has damaged (all-zero) chunks, it was repaired",
  ]);
});
