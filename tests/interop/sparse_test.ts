/** Files with holes: create --sparse cuts them where borg does and does not read the holes, extract --sparse makes holes. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest, run } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

const KIB = 1024;

/** Makes a file of `size` bytes that has data, [offset, length], and holes in between. */
function makeSparse(path: string, size: number, data: readonly (readonly [number, number])[]): void {
  const fd = fs.openSync(path, "w");
  fs.ftruncateSync(fd, size);
  for (const [offset, length] of data) {
    fs.writeSync(fd, pseudoRandom(`${path} ${offset}`, length), 0, length, offset);
  }
  // File systems that place blocks late tell of holes as they will be.
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

const LAYOUTS: Readonly<
  Record<string, readonly [size: number, data: readonly (readonly [number, number])[]]>
> = {
  "at-start": [1024 * KIB, [[512 * KIB, 512 * KIB]]],
  "in-middle": [1024 * KIB, [[0, 200 * KIB], [812 * KIB, 212 * KIB]]],
  "at-end": [1024 * KIB + 17, [[0, 100 * KIB]]],
  "all-hole": [1000 * KIB + 1, []],
  "small-hole": [10, []],
  "unaligned": [900_001, [[1, 3], [70_001, 100_000], [500_001, 1], [899_999, 2]]],
  "many": [
    8192 * KIB,
    Array.from({ length: 64 }, (_, i) => [i * 128 * KIB + 12 * KIB, 5 * KIB + i] as const),
  ],
  "no-hole": [300 * KIB, [[0, 300 * KIB]]],
  "empty": [0, []],
  "large": [48 << 20, [[9 << 20, 1 << 20], [33 << 20, 70_000]]],
};

function makeFiles(place: Workplace): void {
  const folder = join(place.path, "src");
  fs.mkdirSync(folder);
  for (const [name, [size, data]] of Object.entries(LAYOUTS)) makeSparse(join(folder, name), size, data);
  // Zeros that take space are data to both.
  fs.writeFileSync(join(folder, "written-zeros"), new Uint8Array(400 * KIB));
}

function hasHoles(place: Workplace): boolean {
  const { size, blocks } = fs.statSync(join(place.path, "src/large"));
  if (blocks * 512 < size / 2) return true;
  console.log("skipped: this file system has no holes");
  return false;
}

const chunksOf = (place: Workplace, archive: string): string =>
  place.borg(["list", "--format", "{num_chunks} {size} {path}{NL}", archive]).stdout;

for (const params of ["fixed,65536", "fixed,65536,10000", "fixed,4096,200000", "buzhash,10,16,12,4095"]) {
  borgTest(`create --sparse with chunks by ${params} cuts where borg does`, () => {
    using place = workplace();
    makeFiles(place);
    if (!hasHoles(place)) return;
    place.borg(["init", "-e", "none", "repo"]);
    const create = (archive: string, ...args: string[]): string[] => [
      "create",
      "--files-cache=disabled",
      "--chunker-params",
      params,
      ...args,
      archive,
      "src",
    ];
    place.borg(create("repo::theirs", "--sparse"));
    place.alcove(create("repo::ours", "--sparse"));
    place.borg(create("repo::theirs-flat"));
    place.alcove(create("repo::ours-flat"));
    assert.equal(chunksOf(place, "repo::ours"), chunksOf(place, "repo::theirs"));
    assert.equal(chunksOf(place, "repo::ours-flat"), chunksOf(place, "repo::theirs-flat"));
    // Cutting along holes is another thing than not to, or the comparison above would say nothing.
    const cutsAlong = chunksOf(place, "repo::ours") !== chunksOf(place, "repo::ours-flat");
    assert.equal(cutsAlong, params.startsWith("fixed"));
    assert.equal(chunkLists(place, "ours"), chunkLists(place, "theirs"));
    assert.equal(chunkLists(place, "ours-flat"), chunkLists(place, "theirs-flat"));
    place.borg(["check", "--verify-data", "repo"]);
    place.alcove(["check", "--verify-data", "repo"]);
  });
}

/** Ids and sizes of the chunks of each file, without what borg 1.2 adds for itself. */
function chunkLists(place: Workplace, archive: string): string {
  const out = `dump-${archive}`;
  place.borg(["debug", "dump-archive", `repo::${archive}`, out]);
  const { _items: items } = JSON.parse(fs.readFileSync(join(place.path, out), "utf8")) as {
    _items: { path: string; chunks?: unknown }[];
  };
  assert.equal(items.length, Object.keys(LAYOUTS).length + 2);
  // borg 1.2 writes [id, size, csize], csize of what it did not store itself may differ by the program.
  return JSON.stringify(items.map(({ path, chunks }) => [path, chunks]));
}

borgTest("create --sparse, then extract --sparse: contents and allocated blocks are borg's", () => {
  using place = workplace();
  makeFiles(place);
  if (!hasHoles(place)) return;
  place.alcove(["init", "-e", "repokey", "repo"]);
  place.alcove(["create", "--sparse", "--chunker-params", "fixed,65536", "repo::a", "src"]);
  for (const name of ["ours", "theirs"]) fs.mkdirSync(join(place.path, name));
  place.alcove(["extract", "--sparse", "../repo::a"], { cwd: join(place.path, "ours") });
  place.borg(["extract", "--sparse", "../repo::a"], { cwd: join(place.path, "theirs") });
  const blocks = (from: string, name: string): number => {
    const path = join(place.path, from, name);
    const fd = fs.openSync(path, "r+");
    fs.fsyncSync(fd);
    fs.closeSync(fd);
    return fs.statSync(path).blocks;
  };
  for (const name of fs.readdirSync(join(place.path, "src"))) {
    const original = fs.readFileSync(join(place.path, "src", name));
    for (const from of ["ours/src", "theirs/src"]) {
      assert.ok(original.equals(fs.readFileSync(join(place.path, from, name))), `${from}/${name}`);
    }
    assert.equal(blocks("ours/src", name), blocks("theirs/src", name), name);
    // Holes are cut by themselves, so they come back whole; written zeros become holes too.
    const slack = 8;
    assert.ok(blocks("ours/src", name) <= blocks("src", name) + slack, name);
  }
  assert.equal(blocks("ours/src", "all-hole"), 0);
});

function hasStrace(): boolean {
  try {
    return run("strace", ["-V"]).code === 0;
  } catch {
    return false;
  }
}

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;

Deno.test("the hole of a file that could not be read is stored anew for the next file", () => {
  using place = workplace();
  if (!hasStrace()) return console.log("skipped: strace is not installed");
  makeFiles(place);
  if (!hasHoles(place)) return;
  place.alcove(["init", "-e", "none", "repo"]);
  // Below and above the size from which worker threads take part.
  for (const [name, size] of [["small", 1 << 20], ["big", 16 << 20]] as const) {
    const folder = join(place.path, name);
    fs.mkdirSync(folder);
    const blockSize = name === "small" ? 65536 : 131072;
    for (const file of ["bad", "good"]) makeSparse(join(folder, file), size, [[size - 65536, 65536]]);
    const strace = ["-f", "-qq", "-o", "/dev/null", "-P", join(folder, "bad"), "-e", "trace=pread64"];
    const ran = run("strace", [
      ...[...strace, "-e", "inject=pread64:error=EIO"],
      ...[Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", MAIN],
      ...["create", "--sparse", "--chunker-params", `fixed,${blockSize}`, `repo::${name}`],
      ...[`${name}/bad`, `${name}/good`],
    ], { cwd: place.path, env: place.env });
    assert.ok(ran.code === 1 || ran.code >= 100, ran.stderr);
    assert.equal(place.alcove(["list", "--short", `repo::${name}`]).stdout, `${name}/good\n`);
    place.alcove(["check", "--verify-data", "repo"]);
    fs.mkdirSync(join(place.path, `out-${name}`));
    place.alcove(["extract", `../repo::${name}`], { cwd: join(place.path, `out-${name}`) });
    const good = `${name}/good`;
    const original = fs.readFileSync(join(place.path, good));
    assert.ok(original.equals(fs.readFileSync(join(place.path, `out-${name}`, good))));
  }
});

Deno.test("create --sparse does not read holes", () => {
  using place = workplace();
  if (!hasStrace()) return console.log("skipped: strace is not installed");
  makeFiles(place);
  if (!hasHoles(place)) return;
  place.alcove(["init", "-e", "none", "repo"]);
  /** Bytes that were read of a file, by the calls that the kernel saw. */
  const bytesRead = (archive: string, name: string, ...options: string[]): number => {
    const log = join(place.path, "trace");
    const path = join(place.path, "src", name);
    const alcove = [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", MAIN];
    const args = ["create", "--files-cache=disabled", "--chunker-params", "fixed,65536", ...options];
    const ran = run("strace", [
      ...["-f", "-qq", "-o", log, "-P", path, "-e", "trace=read,pread64,readv,preadv", "-e", "signal=none"],
      ...[...alcove, ...args, `repo::${archive}`, `src/${name}`],
    ], { cwd: place.path, env: place.env });
    assert.equal(ran.code, 0, ran.stderr);
    let sum = 0;
    for (const [, got] of fs.readFileSync(log, "utf8").matchAll(/\) += (\d+)$/gm)) sum += Number(got);
    return sum;
  };
  const data = (1 << 20) + 70_000;
  const flat = bytesRead("flat", "large");
  assert.equal(flat, 48 << 20);
  const sparse = bytesRead("sparse", "large", "--sparse");
  // Data goes by whole blocks of the file system.
  assert.ok(sparse >= data && sparse < data + 64 * KIB, `${sparse} bytes read of ${data}`);
  assert.equal(bytesRead("hole", "all-hole", "--sparse"), 0);
  place.alcove(["check", "--verify-data", "repo"]);
});
