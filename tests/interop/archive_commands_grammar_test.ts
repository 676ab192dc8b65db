/** diff, export-tar, import-tar and recreate take the command lines that borg takes, and end with the same exit code. */
import * as assert from "node:assert/strict";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borg14Test, hasBorg14 } from "../fixtures/borg14.ts";
import { borgTest, run } from "../fixtures/borg.ts";

/** R stands for the repository, N for a name that is not taken. */
const CASES: readonly string[] = [
  "diff R::a b",
  "diff R::a",
  "diff R b",
  "diff R::a missing",
  "diff R::missing b",
  "diff R::a R::b",
  "diff R::a b s/one s/two",
  "diff R::a b s/nothing",
  "diff --sort --json-lines R::a b",
  "diff --json R::a b",
  "diff --jso R::a b",
  "diff --content-only --numeric-owner --same-chunker-params R::a b",
  "diff -e s/one --pattern +s --exclude-from /dev/null R::a b",
  "diff --strip-components 1 R::a b",
  "diff R::a b --sort --info --lock-wait 2",
  "diff --upload-ratelimit 5 --upload-buffer=1 --remote-buffer 1 R::a b",
  "diff --remote-r 5 --upload-b 3 --debug-profile /dev/null R::a b",
  "diff --upload-ratelimit fast R::a b",
  "diff --remote-buffer",
  "diff --remote x R::a b",
  "diff --upload 1 R::a b",
  "export-tar R::a /dev/null",
  "export-tar R::a",
  "export-tar R /dev/null",
  "export-tar R::missing /dev/null",
  "export-tar --list --tar-filter cat R::a /dev/null s/one",
  "export-tar --tar-filter=false R::a /dev/null",
  "export-tar --strip-components one R::a /dev/null",
  "export-tar --strip-components 9 R::a /dev/null",
  "export-tar --strip=1 R::a /dev/null",
  "export-tar --tar-format PAX R::a /dev/null",
  "export-tar R::a /no/such/folder/x.tar",
  "import-tar R::N t.tar",
  "import-tar R::a t.tar",
  "import-tar R t.tar",
  "import-tar R::N",
  "import-tar R::N t.tar extra",
  "import-tar --list --filter A --stats -C zlib,1 -c 60 R::N t.tar",
  "import-tar --json --ignore-zeros --comment text --timestamp 2020-01-02T03:04:05 R::N t.tar",
  "import-tar --chunker-params 10,16,12,4095 R::N t.tar",
  "import-tar --chunker-params 1,2 R::N t.tar",
  "import-tar -C nothing R::N t.tar",
  "import-tar --timestamp nonsense R::N t.tar",
  "import-tar -e s/one R::N t.tar",
  "import-tar --tar-filter gzip R::N missing.tar",
  "recreate --dry-run --comment x R",
  "recreate -n -s --list --filter x -e s/one R::a s",
  "recreate --dry-run --comment x R::missing",
  "recreate --dry-run --recompress --comment x R",
  "recreate --dry-run --recompress always -C zstd,3 R::a",
  "recreate --dry-run --recompress=never --comment x R::a",
  "recreate --dry-run --recompress now R::a",
  "recreate --dry-run --exclude-caches --exclude-if-present x --keep-exclude-tags --chunker-params default R::a s",
  "recreate --dry-run --target x R",
  "recreate --dry-run --target a/b R::a",
  "recreate --dry-run --checkpoint-interval soon R::a",
  "recreate --sparse R::a",
];

/** Behaviour that changed from borg 1.2 to 1.4, which counts. */
const ONLY_14: readonly [string, number][] = [
  ["import-tar --quick-stats R::N t.tar", 0],
  ["diff --pattern nonsense R::a b", 2],
  ["diff --sort-by=>size,path R::a b", 0],
  ["diff --sort-by nothing R::a b", 2],
  ["diff --sort-by path --sort-by size R::a b", 2],
  ["recreate --dry-run R::a", 2],
  ["recreate --dry-run R", 0],
  ["recreate --dry-run --filter x --filter y --comment x R::a", 2],
  ["recreate --dry-run --chunker-params default --chunker-params 10,16,12,4095 R::a", 2],
  ["import-tar --tar-filter cat --tar-filter cat R::N t.tar", 2],
];

function prepare(place: Workplace): string {
  const repository = join(place.path, "repo");
  const script = "mkdir s; echo one > s/one; echo two > s/two; tar -cf t.tar s";
  assert.equal(run("sh", ["-ec", script], { cwd: place.path }).code, 0);
  place.borg(["init", "-e", "none", repository]);
  for (const name of ["a", "b"]) place.borg(["create", `${repository}::${name}`, "s"]);
  return repository;
}

let names = 0;
function words(line: string, repository: string): string[] {
  return line.split(" ").map((word) => {
    if (word === "R") return repository;
    if (!word.startsWith("R::")) return word;
    return `${repository}::${word === "R::N" ? `new${++names}` : word.slice(3)}`;
  });
}

// With borg 1.4 there is no need for the other judge.
if (!hasBorg14) {
  borgTest("archive commands take what borg 1.2 takes", () => {
    using place = workplace();
    const repository = prepare(place);
    const different: string[] = [];
    for (const line of CASES) {
      const ours = place.alcove(words(line, repository), { code: null });
      const theirs = place.borg(words(line, repository), { code: null });
      if (ours.code !== theirs.code) different.push(`${line}: ${ours.code}, borg ${theirs.code}`);
    }
    assert.deepEqual(different, []);
    for (const [line, code] of ONLY_14) place.alcove(words(line, repository), { code });
  });
}

borg14Test("archive commands take what borg 1.4 takes", (borg) => {
  using place = workplace();
  const repository = prepare(place);
  for (const line of [...CASES, ...ONLY_14.map(([line]) => line)]) {
    const ours = place.alcove(words(line, repository), { code: null });
    const theirs = borg(place, words(line, repository));
    assert.equal(ours.code, theirs.code, `${line}\n${ours.stderr}\n${theirs.stderr}`);
  }
});
