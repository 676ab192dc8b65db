/** Every way to say what to restore, and where: the same files as borg's, and never one outside. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest, run } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { assertSameTree, makeTree, snapshot } from "../fixtures/tree.ts";

function repository(place: Workplace): void {
  makeTree(join(place.path, "tree"));
  place.alcove(["init", "-e", "none", "repo"]);
  place.alcove(["create", "repo::a", "tree"]);
}

function folder(place: Workplace, name: string): string {
  fs.mkdirSync(join(place.path, name));
  return join(place.path, name);
}

borgTest("extract restores what patterns and paths choose, as borg does", () => {
  using place = workplace();
  repository(place);
  const cases: string[][] = [
    ["@", "tree/sub"],
    ["@", "tree/sub/deeper/script", "tree/one"],
    ["@", "re:\\.bin$"],
    ["@", "sh:**/*.txt"],
    ["-e", "*.bin", "@"],
    ["--strip-components", "1", "@"],
    ["--strip-components", "2", "@", "tree/sub"],
    ["--pattern", "+ tree/sub/deeper", "--pattern", "- tree/sub", "@"],
    // One name of a file with two: whichever is stored as the first.
    ["@", "tree/text.txt"],
    ["@", "tree/sub/hard link"],
    ["-e", "tree/text.txt", "@"],
    ["-e", "tree/sub/hard link", "@"],
    ["--numeric-ids", "@", "tree/one"],
  ];
  for (const [i, args] of cases.entries()) {
    const command = ["extract", ...args.map((word) => word === "@" ? "../repo::a" : word)];
    const [ours, theirs] = [folder(place, `ours-${i}`), folder(place, `theirs-${i}`)];
    place.alcove(command, { cwd: ours });
    place.borg(command, { cwd: theirs });
    const entries = (path: string) =>
      snapshot(path).slice(1).map(({ mtime, ...rest }) => ({ ...rest, mtime }));
    // Folders that were made on the way have the time of making.
    const made = (list: Record<string, unknown>[]) =>
      list.map((entry) =>
        ((entry["mode"] as number) & 0o170000) === 0o040000 ? { ...entry, mtime: 0, mode: 0 } : entry
      );
    assert.deepEqual(made(entries(ours)), made(entries(theirs)), args.join(" "));
    assert.ok(entries(ours).length > 0, args.join(" "));
  }
});

borgTest("extract --stdout writes contents one after the other, as borg does", () => {
  using place = workplace();
  repository(place);
  for (const path of ["tree/one", "tree/sub", "tree"]) {
    const command = ["extract", "--stdout", "repo::a", path];
    assert.ok(place.alcove(command).stdout === place.borg(command).stdout, path);
  }
  // borg has nothing to say of a further name alone; we give what the file holds.
  for (const path of ["tree/text.txt", "tree/sub/hard link"]) {
    const text = fs.readFileSync(join(place.path, path), "utf8");
    assert.ok(place.alcove(["extract", "--stdout", "repo::a", path]).stdout === text, path);
  }
});

Deno.test("extract warns of a path that nothing matches, and replaces what is there", () => {
  using place = workplace();
  repository(place);
  const out = folder(place, "out");
  const warned = place.alcove(["extract", "../repo::a", "tree/one", "tree/nosuch"], { cwd: out, code: 1 });
  assert.match(warned.stderr, /tree\/nosuch/);
  fs.rmSync(join(out, "tree/one"));
  fs.symlinkSync("/etc/passwd", join(out, "tree/one"));
  fs.writeFileSync(join(out, "tree/zeros"), "something else");
  place.alcove(["extract", "../repo::a"], { cwd: out });
  assertSameTree(join(out, "tree"), join(place.path, "tree"));
  place.alcove(["extract", "../repo::a"], { cwd: out });
  assertSameTree(join(out, "tree"), join(place.path, "tree"));
});

Deno.test("extract never follows a link out of the destination", () => {
  using place = workplace();
  repository(place);
  const out = folder(place, "out");
  folder(place, "outside");
  fs.mkdirSync(join(out, "tree"));
  fs.symlinkSync("../../outside", join(out, "tree/sub"));
  place.alcove(["extract", "../repo::a", "tree/sub/deeper"], { cwd: out, code: 1 });
  assert.deepEqual(fs.readdirSync(join(place.path, "outside")), []);
});

Deno.test("extract --dry-run and --list write nothing", () => {
  using place = workplace();
  repository(place);
  const out = folder(place, "out");
  const { stderr } = place.alcove(["extract", "--dry-run", "--list", "../repo::a", "tree/sub"], { cwd: out });
  assert.match(stderr, /^tree\/sub\/deeper\/script$/m);
  assert.deepEqual(fs.readdirSync(out), []);
});

Deno.test("extract --continue leaves complete files alone and completes the others", () => {
  using place = workplace();
  repository(place);
  const out = folder(place, "out");
  place.alcove(["extract", "../repo::a"], { cwd: out });
  const complete = join(out, "tree/copy.bin");
  const { atime, mtime } = fs.statSync(complete);
  // What tells a complete file is its size and time; so other contents show that it was not written again.
  run("python3", [
    "-c",
    `import os, sys
path = sys.argv[1]
st = os.stat(path)
open(path, 'r+b').write(b'left alone')
os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))`,
    complete,
  ]);
  assert.deepEqual([atime, mtime], [fs.statSync(complete).atime, fs.statSync(complete).mtime]);
  fs.truncateSync(join(out, "tree/random.bin"), 1000);
  fs.rmSync(join(out, "tree/sub"), { recursive: true });
  place.alcove(["extract", "--continue", "../repo::a"], { cwd: out });
  assert.equal(fs.readFileSync(complete).subarray(0, 10).toString(), "left alone");
  place.alcove(["extract", "../repo::a"], { cwd: out });
  assertSameTree(join(out, "tree"), join(place.path, "tree"));
});
