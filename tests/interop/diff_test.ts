/** `diff` tells the same as borg does, of archives of both programs. */
import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { printable } from "../../core/bytes/mod.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borg14Test } from "../fixtures/borg14.ts";
import { borgTest, run } from "../fixtures/borg.ts";

const BEFORE = `
mkdir src; cd src; mkdir dir gonedir; mkfifo fifo gonefifo
for f in same changed mode gone typechange l1 touched "quote\\"back\\\\slash" ümläut; do echo "$f" > "$f"; done
head -c 300000 /dev/zero | tr '\\0' x > big; head -c 1125 /dev/zero > tie; : > empty
echo h > h1; ln h1 h2; ln h1 h3; echo k > k1; ln k1 k2; ln l1 z1; ln -s t1 link; ln -s t1 link2
mkdir dirtofile; echo 'astral' > "$(printf 'a\\360\\237\\230\\200')"; printf x > "$(printf 'bad\\377')"`;

const AFTER = `
cd src; echo b >> changed; printf YY | dd of=big bs=1 seek=100000 conv=notrunc 2>/dev/null; head -c 5000 /dev/zero >> big
chmod 600 mode; ln -sf t22 link; rm -r gonedir gonefifo gone; mkdir newdir; mkfifo newfifo; echo y > new
rm typechange; ln -s q typechange; rmdir dirtofile; echo f > dirtofile; echo hh >> h1; rm k1 z1; echo z > z1
echo 1 > empty; touch touched; ln -s n newlink; rm link2 tie; head -c 1125 /dev/zero > tienew; ln same samelink
printf yy > "$(printf 'bad\\377')"; echo more >> "$(printf 'a\\360\\237\\230\\200')"; echo >> "quote\\"back\\\\slash"`;

/** Archives "a" and "b" by borg, "c" by Alcove, "d" cut in another way; a and e are of before the changes. */
function archives(place: Workplace): string {
  const repository = join(place.path, "repo");
  const shell = (script: string): void => {
    const { code, stderr } = run("sh", ["-ec", script], { cwd: place.path });
    if (code !== 0) throw new Error(stderr);
  };
  shell(BEFORE);
  place.borg(["init", "-e", "none", repository]);
  place.borg(["create", `${repository}::a`, "src"]);
  place.alcove(["create", `${repository}::e`, "src"]);
  shell(AFTER);
  if (fs.statSync(join(place.path, "src")).uid === 0) shell("chown 1:1 src/same");
  place.borg(["create", `${repository}::b`, "src"]);
  place.alcove(["create", `${repository}::c`, "src"]);
  place.borg(["create", "--chunker-params", "10,16,12,4095", `${repository}::d`, "src"]);
  return repository;
}

interface Line {
  path: string;
  changes: { type: string; added?: number; removed?: number }[];
}

/** Without times, of which borg 1.2 does not tell, and without "nothing added, nothing removed", which 1.4 leaves out. */
function comparable(stdout: string): Line[] {
  const lines = stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Line);
  for (const line of lines) {
    line.path = printable(line.path); // borg 1.2 prints bytes that are no UTF-8 as lone surrogates
    line.changes = line.changes.filter((change) =>
      change.type !== "ctime" && change.type !== "mtime" && !(change.added === 0 && change.removed === 0)
    );
  }
  return lines.filter((line) => line.changes.length > 0).sort((a, b) => a.path < b.path ? -1 : 1);
}

const PAIRS = [["a", "b"], ["b", "a"], ["a", "c"], ["e", "b"], ["a", "e"], ["a", "d"], ["d", "b"]] as const;

borgTest("diff finds the differences that borg finds", () => {
  using place = workplace();
  const repository = archives(place);
  for (const [from, to] of PAIRS) {
    const args = ["diff", "--json-lines", `${repository}::${from}`, to];
    // borg 1.2 ends with 1 for the warning about chunker parameters, 1.4 does not.
    const expected = comparable(place.borg(args, { code: null }).stdout);
    assert.deepEqual(comparable(place.alcove(args).stdout), expected, `${from} ${to}`);
    const content = [
      "diff",
      "--content-only",
      "--sort",
      "-e",
      "src/h*",
      "-e",
      "src/bad*",
      `${repository}::${from}`,
      to,
    ];
    if (from === "d" || to === "d") continue;
    assert.equal(place.alcove(content).stdout, place.borg(content, { code: null }).stdout, `${from} ${to}`);
  }
});

borg14Test("diff prints what borg 1.4 prints, byte by byte", (borg) => {
  using place = workplace();
  const repository = archives(place);
  const variants = [
    [],
    ["--json-lines"],
    ["--sort"],
    ["--sort-by", ">size_diff,path"],
    ["--sort-by=user,>mtime"],
    ["--content-only", "--json-lines"],
    ["--same-chunker-params"],
    ["--pattern=+src/big", "--pattern=-src/*"],
  ];
  for (const options of variants) {
    for (const [from, to] of PAIRS) {
      const args = ["diff", ...options, `${repository}::${from}`, to];
      const ours = place.alcove(args, { code: null });
      const theirs = borg(place, args);
      assert.equal(ours.stdout, theirs.stdout, args.join(" "));
      assert.equal(ours.code, theirs.code, args.join(" "));
    }
  }
});
