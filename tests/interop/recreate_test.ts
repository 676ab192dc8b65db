/** `recreate` makes the archives that borg's makes, and leaves nothing behind that `check` would find. */
import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { encodeHex } from "../../core/bytes/mod.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest, run } from "../fixtures/borg.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

// The large file is one chunk by the default parameters: where more are cut depends on the key.
const TREE = `
mkdir -p s/cache s/keep s/tagged/sub
for i in 1 2 3 4 5 6 7 8; do seq $i 20000 > s/keep/numbers$i; done
head -c 500000 /dev/urandom > s/big; echo "Signature: 8a477f597d28d172789f06886806bc55" > s/cache/CACHEDIR.TAG
echo c > s/cache/c; echo t > s/tagged/.nobackup; echo u > s/tagged/u; ln s/keep/numbers1 s/keep/hard; ln s/keep/numbers1 s/zhard
ln -s keep/hard s/link; mkfifo s/fifo; : > s/empty`;

interface Pair extends Disposable {
  place: Workplace;
  /** One for each program, with archives "a" and "b" of the same files. */
  ours: string;
  theirs: string;
}

function pair(mode = "repokey-blake2"): Pair {
  const place = workplace();
  const { code, stderr } = run("sh", ["-ec", TREE], { cwd: place.path });
  assert.equal(code, 0, stderr);
  const [ours, theirs] = [join(place.path, "ours"), join(place.path, "theirs")];
  for (const repository of [ours, theirs]) {
    place.borg(["init", "-e", mode, repository]);
    place.borg(["create", "--comment", "first", `${repository}::a`, "s"]);
    place.alcove(["create", `${repository}::b`, "s"]);
  }
  return { place, ours, theirs, [Symbol.dispose]: () => place[Symbol.dispose]() };
}

const FORMAT = "{type} {mode} {size} {num_chunks} {source} {mtime} {path} {sha1}{NL}";
const list = (place: Workplace, archive: string): string =>
  place.borg(["list", "--format", FORMAT, archive]).stdout;
/** Statistics of borg's, which cannot be but right after a check. */
function verify(place: Workplace, repository: string): void {
  place.borg(["check", "--verify-data", repository]);
  place.alcove(["check", repository]);
}

borgTest("recreate leaves out what borg leaves out", () => {
  using both = pair();
  const { place, ours, theirs } = both;
  const variants: [string[], string[]][] = [
    [["-e", "s/keep/numbers1"], []],
    [["--exclude-caches", "--exclude-if-present", ".nobackup"], []],
    [["--exclude-caches", "--exclude-if-present", ".nobackup", "--keep-exclude-tags"], []],
    [["--comment", "other"], ["s/zhard", "s/keep/hard"]],
    [["--pattern=+s/keep", "--pattern=-re:^s/.*"], []],
  ];
  for (const [i, [options, paths]] of variants.entries()) {
    for (const source of ["a", "b"]) {
      const target = `${source}${i}`;
      const args = (
        repository: string,
      ) => ["recreate", "--list", "--target", target, ...options, `${repository}::${source}`, ...paths];
      const mine = place.alcove(args(ours));
      const real = place.borg(args(theirs));
      assert.equal(mine.stderr, real.stderr, options.join(" "));
      assert.equal(list(place, `${ours}::${target}`), list(place, `${theirs}::${target}`), options.join(" "));
    }
  }
  verify(place, ours);
  const info = JSON.parse(place.borg(["info", "--json", `${ours}::a3`]).stdout).archives[0];
  const old = JSON.parse(place.borg(["info", "--json", `${ours}::a`]).stdout).archives[0];
  assert.equal(info.comment, "other");
  assert.deepEqual([info.start, info.command_line], [old.start, old.command_line]);
});

// Without a key: that decides, too, where files are cut.
borgTest("recreate cuts files as borg cuts them, in all archives", () => {
  using both = pair("none");
  const { place, ours, theirs } = both;
  for (const params of ["10,16,12,4095", "fixed,4096,100"]) {
    const mine = place.alcove(["recreate", "--chunker-params", params, ours]);
    const real = place.borg(["recreate", "--chunker-params", params, theirs]);
    assert.equal(mine.stdout, real.stdout);
    for (const name of ["a", "b"]) {
      assert.equal(list(place, `${ours}::${name}`), list(place, `${theirs}::${name}`), `${params} ${name}`);
    }
    // The same cuts as of a new backup: nothing of its contents is new.
    place.alcove(["create", "--chunker-params", params, `${ours}::new`, "s"]);
    const all = place.borg(["info", "--json", `${ours}::new`]).stdout;
    assert.ok(JSON.parse(all).archives[0].stats.deduplicated_size < 20_000, all);
    place.alcove(["delete", `${ours}::new`]);
    verify(place, ours);
  }
  // What was cut otherwise is gone with the archives that had it.
  place.alcove(["compact", ours]);
  place.alcove(["delete", `${ours}::a`, "b"]);
  assert.equal(JSON.parse(place.borg(["info", "--json", ours]).stdout).cache.stats.total_chunks, 0);
});

borgTest("recreate compresses anew what is compressed by another algorithm, or everything", () => {
  using both = pair();
  const { place, ours } = both;
  const sizes = (name: string): string =>
    place.borg(["list", "--format", "{csize} {path}{NL}", `${ours}::${name}`]).stdout;
  const before = sizes("a");
  place.alcove(["recreate", "--recompress", "-C", "lz4", `${ours}::a`]);
  assert.equal(sizes("a"), before);
  place.alcove(["recreate", "--recompress=if-different", "-C", "zlib,1", `${ours}::a`]);
  const first = sizes("a");
  assert.notEqual(first, before);
  place.alcove(["recreate", "--recompress", "if-different", "-C", "zlib,9", `${ours}::a`]);
  assert.equal(sizes("a"), first);
  place.alcove(["recreate", "--recompress", "always", "-C", "zlib,9", `${ours}::a`]);
  assert.notEqual(sizes("a"), first);
  for (const compression of ["none", "auto,lzma,1", "zstd,3", "obfuscate,1,lz4"]) {
    place.alcove(["recreate", "--recompress", "-C", compression, ours]);
    verify(place, ours);
  }
});

borgTest("recreate refuses what borg refuses, and shows what it would do", () => {
  using both = pair();
  const { place, ours, theirs } = both;
  const cases: [string[], string, number][] = [
    [[], "::a", 2],
    [["--timestamp", "2020-01-01T00:00:00"], "::a", 2],
    [["--target", "c"], "", 2],
    [["--target", "b", "--comment", "x"], "::a", 2],
    [["--comment", "x"], "::missing", 2],
    [["--recompress", "sometimes"], "::a", 2],
    [["--target", "no/name"], "::a", 2],
    [["--chunker-params", "1,2,3"], "::a", 2],
    [["--dry-run", "--list", "-e", "s/keep"], "::a", 0],
    [["--dry-run", "--list", "--filter", "x", "-e", "s/keep/hard"], "::a", 0],
  ];
  const before = place.borg(["list", ours]).stdout;
  for (const [options, archive, code] of cases) {
    const mine = place.alcove(["recreate", ...options, ours + archive], { code: null });
    const real = place.borg(["recreate", ...options, theirs + archive], { code: null });
    assert.equal(mine.code, code, options.join(" "));
    // borg 1.2 says that there is nothing to do, and ends with 0; 1.4 ends with 2.
    if (real.code !== 0 || code === 0) assert.equal(mine.code, real.code, options.join(" "));
    if (options.includes("--dry-run")) assert.equal(mine.stderr, real.stderr);
  }
  assert.equal(place.borg(["list", ours]).stdout, before);
});

borgTest("recreate makes checkpoints within long files, whose parts stay as borg's do", () => {
  using place = workplace();
  fs.mkdirSync(join(place.path, "s"));
  for (const name of ["1", "2"]) {
    fs.writeFileSync(join(place.path, "s", name), encodeHex(pseudoRandom(name, 10_000_000)));
  }
  fs.writeFileSync(join(place.path, "s/small"), "small");
  place.alcove(["init", "-e", "none", "repo"]);
  place.alcove(["create", "repo::a", "s"]);
  const before = place.borg(["list", "--format", FORMAT, "repo::a"]).stdout;
  for (const change of [["--recompress"], ["--chunker-params", "fixed,2097152"]]) {
    place.alcove(["recreate", "--checkpoint-interval", "1", ...change, "-C", "lzma,6", "repo::a"]);
    assert.equal(place.alcove(["list", "--short", "--consider-checkpoints", "repo"]).stdout, "a\n");
    const parts =
      place.borg(["list", "--consider-part-files", "--format", "{path} {size}{NL}", "repo::a"]).stdout;
    // Where they are cut is a matter of time; those of one file together are the file.
    const sizes = new Map<string, number[]>();
    for (const [, file, size] of parts.matchAll(/^(s\/\d)\.borg_part_\d+ (\d+)$/gm)) {
      sizes.set(file!, [...sizes.get(file!) ?? [], Number(size)]);
    }
    assert.ok(sizes.size > 0, parts);
    for (const of of sizes.values()) {
      assert.ok(of.length > 1, parts);
      assert.equal(of.reduce((a, b) => a + b), 20_000_000, parts);
    }
    assert.doesNotMatch(parts, /small\.borg_part/);
    place.borg(["check", "--verify-data", "repo"]);
    place.alcove(["check", "repo"]);
    // What is listed, with the sums of the contents, is what it was.
    const columns = (text: string) => text.replaceAll(/^(\S+ \S+ \S+) \S+/gm, "$1");
    assert.equal(columns(place.borg(["list", "--format", FORMAT, "repo::a"]).stdout), columns(before));
    const stats = JSON.parse(place.borg(["info", "--json", "repo::a"]).stdout).archives[0].stats;
    assert.deepEqual([stats.nfiles, stats.original_size], [3, 40_000_005]);
  }
  // The parts go with the archive, and nothing is left.
  place.alcove(["delete", "repo::a"]);
  place.borg(["check", "repo"]);
  assert.equal(JSON.parse(place.borg(["info", "--json", "repo"]).stdout).cache.stats.total_chunks, 0);
});

borgTest("what a recreate of borg's left behind does not stand in the way", () => {
  using both = pair();
  const { place, ours } = both;
  // As borg leaves it when it dies between its two commits.
  place.borg(["recreate", "--target", "a.recreate", "-e", "s/big", `${ours}::a`]);
  const left = list(place, `${ours}::a.recreate`);
  // borg itself goes no further then.
  assert.notEqual(place.borg(["recreate", "-e", "s/keep/hard", `${ours}::a`], { code: null }).code, 0);
  for (const location of [`${ours}::a`, ours]) {
    const { stderr } = place.alcove(["recreate", "-e", "s/keep/hard", "--comment", location, location]);
    assert.match(stderr, /a\.recreate, which an interrupted recreate may have left/);
  }
  assert.equal(place.alcove(["list", "--short", ours]).stdout, "a\na.recreate\nb\n");
  assert.doesNotMatch(list(place, `${ours}::a`), /s\/keep\/hard/);
  assert.equal(list(place, `${ours}::a.recreate`), left);
  verify(place, ours);
});
