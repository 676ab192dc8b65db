/** Status letters of `create --list`: the same ones, at the same moments, as borg prints them. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { borgTest, run } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";

/** One of each kind; the newest file is of no interest, so that the files caches know all others. */
function makeKinds(place: Workplace): void {
  const at = (path: string): string => join(place.path, "src", path);
  fs.mkdirSync(at("folder/inner"), { recursive: true });
  fs.mkdirSync(at("left out/below"), { recursive: true });
  fs.mkdirSync(at("tagged"));
  fs.writeFileSync(at("tagged/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n");
  fs.writeFileSync(at("tagged/thumbnail"), "small");
  fs.writeFileSync(at("left out/below/wanted"), "wanted");
  fs.writeFileSync(at("folder/one"), "1");
  fs.writeFileSync(at("folder/inner/two"), "2");
  fs.linkSync(at("folder/one"), at("folder/other name"));
  fs.symlinkSync("one", at("folder/link"));
  const script = `
import os, socket, sys
os.chdir(sys.argv[1])
os.mkfifo('fifo')
os.link('fifo', 'fifo again')
socket.socket(socket.AF_UNIX).bind('socket')
if os.getuid() == 0:
    os.mknod('null', 0o20600, os.makedev(1, 3))
    os.mknod('block', 0o60600, os.makedev(7, 99))
`;
  const { code, stderr } = run("python3", ["-c", script, at("folder")]);
  assert.equal(code, 0, stderr);
  // A change in the same tick as the newest file would be overlooked: both programs read that file again next time.
  fs.writeFileSync(at("zz newest"), "");
}

type Program = "alcove" | "borg";

/** What a backup tells of files, in order; `archive` is made in the program's own repository. */
function statuses(place: Workplace, program: Program, archive: string, words: string[], code = 0): string {
  return place[program](
    ["create", "--list", ...words.slice(0, -1), `${program}::${archive}`, words.at(-1)!],
    {
      code,
    },
  ).stderr;
}

function twoRepositories(place: Workplace): void {
  place.alcove(["init", "-e", "none", "alcove"]);
  place.borg(["init", "-e", "none", "borg"]);
}

borgTest("create tells of each file with borg's letters, and of a folder after what is in it", () => {
  using place = workplace();
  makeKinds(place);
  twoRepositories(place);
  let n = 0;
  const same = (...words: string[]): string => {
    const ours = statuses(place, "alcove", `a${++n}`, words);
    assert.equal(ours, statuses(place, "borg", `a${n}`, words), words.join(" "));
    return ours;
  };
  const first = same("src");
  const letters = new Set(first.trim().split("\n").map((line) => line[0]));
  const devices = process.getuid?.() === 0 ? ["b", "c"] : [];
  assert.deepEqual([...letters].sort(), ["A", "d", "f", "h", "s", ...devices].sort());
  assert.match(first, /d src\n$/);
  assert.match(same("src"), /^U src\/folder\/inner\/two$/m);
  fs.writeFileSync(join(place.path, "src/folder/inner/two"), "two");
  fs.writeFileSync(join(place.path, "src/zz newest"), "again");
  assert.match(same("src"), /^M src\/folder\/inner\/two$/m);
  assert.match(same("-n", "src"), /^- src\/folder\/socket$/m);
  assert.match(same("--exclude-caches", "src"), /^x src\/tagged$/m);
  // The marks first, then the folder, which is told of as excluded although it is kept.
  const kept = same("--exclude-caches", "--keep-exclude-tags", "src");
  assert.match(kept, /^U src\/tagged\/CACHEDIR\.TAG\nx src\/tagged$/m);
  assert.doesNotMatch(kept, /^d src\/tagged$/m);
  assert.match(
    same("-n", "--exclude-caches", "--keep-exclude-tags", "src"),
    /CACHEDIR\.TAG\nx src\/tagged$/m,
  );
  assert.match(same("--exclude", "src/left out", "src"), /^x src\/left out$/m);
  const below = same("--pattern", "+ src/left out/below/wanted", "--pattern", "- src/left out", "src");
  assert.match(below, /^x src\/left out\/below\n[^]*^U src\/left out\/below\/wanted$/m);
  same("-n", "--pattern", "+ src/left out/below/wanted", "--pattern", "- src/left out", "src");
  same("--filter", "AME", "src");
  assert.equal(same("--filter", "", "src"), "");
});

borgTest("--log-json tells the same as the list, and of a missing root in a warning alone", () => {
  using place = workplace();
  makeKinds(place);
  twoRepositories(place);
  const events = (program: Program): unknown[] =>
    place[program](["create", "--list", "--log-json", `${program}::a`, "src", "missing"], { code: 1 }).stderr
      .trim().split("\n").map((line) => JSON.parse(line)).filter(({ type }) => type === "file_status");
  const ours = events("alcove");
  assert.deepEqual(ours, events("borg"));
  assert.ok(!JSON.stringify(ours).includes("missing"));
  const listed = (program: Program): string[] =>
    place[program](["create", "--list", "--paths-from-stdin", `${program}::b`], {
      input: "src/folder\nmissing\nsrc/folder/inner/two\n",
      code: 1,
    }).stderr.split("\n").filter((line) => /^. (src|missing)/.test(line));
  for (const program of ["alcove", "borg"] as const) {
    assert.deepEqual(listed(program), ["d src/folder", "E missing", "U src/folder/inner/two"]);
  }
});

borgTest("pipes: i before they are read, - in a dry run, which starts no command", () => {
  using place = workplace();
  twoRepositories(place);
  const both = (words: string[], input = ""): string => {
    const [ours, theirs] = (["alcove", "borg"] as const).map((program) =>
      place[program](["create", "--list", ...words.map((word) => word.replace("REPO", program))], { input })
        .stderr
    );
    assert.equal(ours, theirs);
    return ours!;
  };
  assert.equal(both(["REPO::a", "-"], "hello"), "i stdin\n");
  assert.equal(both(["-n", "REPO::b", "-"], "hello"), "- stdin\n");
  assert.equal(both(["--content-from-command", "--stdin-name", "x", "REPO::c", "--", "echo", "hi"]), "i x\n");
  const ran = join(place.path, "ran");
  assert.equal(both(["-n", "--content-from-command", "REPO::d", "--", "touch", ran]), "- stdin\n");
  assert.ok(!fs.existsSync(ran));
});

borgTest("--read-special reads a device as a file, and its other name is a further name of it", () => {
  if (process.getuid?.() !== 0) return console.log("skipped: only root can make a device");
  using place = workplace();
  twoRepositories(place);
  fs.mkdirSync(join(place.path, "src"));
  const made = run("sh", ["-c", "mknod src/one c 1 3 && ln src/one src/two"], { cwd: place.path });
  assert.equal(made.code, 0, made.stderr);
  const items = (program: Program): string =>
    statuses(place, program, "a", ["--read-special", "src"]) +
    place.borg(["list", "--format", "{type} {mode} {size} {path}{extra}{NL}", `${program}::a`]).stdout;
  const ours = items("alcove");
  assert.match(ours, /^A src\/(one|two)\nh src\/(one|two)\nd src\n/);
  assert.equal(ours, items("borg"));
});
