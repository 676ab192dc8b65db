/** Every way to say what to back up: the archive lists the same as borg's of the same command. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest, run } from "../fixtures/borg.ts";
import { type RunOptions, type Workplace, workplace } from "../fixtures/alcove.ts";
import { makeTree, pseudoRandom } from "../fixtures/tree.ts";

const FORMAT = "{mode} {user} {group} {size} {isomtime} {path}{extra}{NL}";

/** Makes an archive of the same name with each program, and compares what is in them. */
function same(
  place: Workplace,
  name: string,
  args: string[],
  options: RunOptions = {},
  format = FORMAT,
): string {
  // "@" is where the archive's name stands: borg takes options only before it.
  const command = (repository: string) => [
    "create",
    ...args.map((word) => word === "@" ? `${repository}::${name}` : word),
  ];
  place.alcove(command("ours"), options);
  place.borg(command("theirs"), options);
  const ours = place.borg(["list", "--format", format, `ours::${name}`]).stdout;
  const theirs = place.borg(["list", "--format", format, `theirs::${name}`]).stdout;
  assert.equal(ours, theirs, args.join(" "));
  assert.notEqual(ours, "", args.join(" "));
  return ours;
}

function repositories(place: Workplace): void {
  makeTree(join(place.path, "tree"));
  fs.mkdirSync(join(place.path, "tree/cache"));
  fs.writeFileSync(
    join(place.path, "tree/cache/CACHEDIR.TAG"),
    "Signature: 8a477f597d28d172789f06886806bc55\n",
  );
  fs.writeFileSync(join(place.path, "tree/cache/data"), "x");
  fs.mkdirSync(join(place.path, "tree/tagged"));
  fs.writeFileSync(join(place.path, "tree/tagged/.nobackup"), "");
  fs.writeFileSync(join(place.path, "tree/tagged/data"), "x");
  place.alcove(["init", "-e", "none", "ours"]);
  place.borg(["init", "-e", "none", "theirs"]);
}

borgTest("create leaves out what patterns and marks say, as borg does", () => {
  using place = workplace();
  repositories(place);
  fs.writeFileSync(join(place.path, "excludes"), "# a comment\n*.txt\n\nsh:**/deeper\n");
  fs.writeFileSync(join(place.path, "patterns"), "R tree\n+ tree/sub/deeper\n- tree/sub\nP re\n- \\.bin$\n");
  const cases: string[][] = [
    ["-e", "*.txt", "@", "tree"],
    ["--exclude", "tree/sub/", "@", "tree"],
    ["--exclude", "re:ne$", "--exclude", "pp:tree/sub/deeper", "@", "tree"],
    ["--exclude-from", "excludes", "@", "tree"],
    ["--patterns-from", "patterns", "@"],
    ["--pattern", "+ tree/sub/deeper", "--pattern", "! tree/sub", "@", "tree"],
    ["--pattern=+tree/sub/deeper", "--pattern=-tree/sub", "@", "tree"],
    ["--exclude-caches", "@", "tree"],
    ["--exclude-caches", "--keep-exclude-tags", "@", "tree"],
    ["--exclude-if-present", ".nobackup", "@", "tree"],
    ["--exclude-if-present", ".nobackup", "--keep-exclude-tags", "@", "tree"],
    ["--numeric-ids", "@", "tree"],
    ["--one-file-system", "@", "tree"],
    ["@", "tree/sub", "tree/one", "tree", "tree/sub"],
    ["-e", "home", "-e", "ours", "-e", "theirs", "@", "."],
    ["@", "./tree/../tree/sub//deeper/"],
  ];
  for (const [i, args] of cases.entries()) same(place, `case-${i}`, args);
});

borgTest("create stores what standard input and commands give, as borg does", () => {
  using place = workplace();
  repositories(place);
  const noTime = "{mode} {user} {group} {size} {path}{NL}";
  const input = pseudoRandom("input", 3_000_000);
  same(place, "stdin", ["@", "-"], { input }, noTime);
  const named = [
    "--stdin-name",
    "dir/dump",
    "--stdin-user",
    "root",
    "--stdin-group",
    "daemon",
    "--stdin-mode",
    "0640",
  ];
  same(place, "named", [...named, "@", "tree/one", "-"], { input }, noTime);
  const data = new Uint8Array(fs.readFileSync(join(place.path, "tree/random.bin")));
  same(place, "command", ["--content-from-command", "@", "--", "cat", "tree/random.bin"], {}, noTime);
  fs.mkdirSync(join(place.path, "out"));
  place.alcove(["extract", "../ours::command"], { cwd: join(place.path, "out") });
  assert.deepEqual(new Uint8Array(fs.readFileSync(join(place.path, "out/stdin"))), data);
  const failed = place.alcove([
    "create",
    "--content-from-command",
    "ours::failed",
    "--",
    "sh",
    "-c",
    "echo x; exit 3",
  ], {
    code: 4,
    env: { BORG_EXIT_CODES: "modern" },
  });
  assert.match(failed.stderr, /exit code 3/);
  assert.ok(!place.alcove(["list", "--short", "ours"]).stdout.includes("failed"));
  place.alcove(["check", "--verify-data", "ours"]);
});

borgTest("create takes lists of paths, as borg does", () => {
  using place = workplace();
  repositories(place);
  const list = ["tree", "tree/one", "tree/sub/link", "tree/new\nline"];
  same(place, "stdin", ["--paths-from-stdin", "@"], { input: list.slice(0, 3).join("\n") + "\n" });
  same(place, "zero", ["--paths-from-stdin", "--paths-delimiter", "\\0", "@"], { input: list.join("\0") });
  same(place, "command", ["--paths-from-command", "@", "--", "find", "tree/sub", "-type", "f"]);
  const missing = place.alcove(["create", "--paths-from-stdin", "ours::m"], {
    input: "nowhere\ntree/one\n",
    code: 1,
  });
  assert.match(missing.stderr, /nowhere/);
});

Deno.test("create cuts the path before /./ off", () => {
  using place = workplace();
  repositories(place);
  const names = (args: string[], name: string) => {
    place.alcove(["create", `ours::${name}`, ...args]);
    return place.alcove(["list", "--short", `ours::${name}`]).stdout.trim().split("\n").sort();
  };
  assert.deepEqual(names([`${place.path}/tree/./sub/deeper`], "a"), ["sub/deeper", "sub/deeper/script"]);
  const below = names([`${place.path}/tree/sub/./`], "b");
  assert.ok(below.includes(".") && below.includes("deeper/script"), below.join());
  assert.ok(names(["tree/./one", "tree/sub"], "c").includes("one"));
});

borgTest("create --read-special reads FIFOs and links to devices as files", () => {
  using place = workplace();
  repositories(place);
  fs.mkdirSync(join(place.path, "special"));
  run("mkfifo", [join(place.path, "special/pipe")]);
  fs.symlinkSync("/dev/null", join(place.path, "special/null"));
  const feed = () =>
    new Deno.Command("sh", { args: ["-c", "echo from the pipe > special/pipe"], cwd: place.path }).spawn();
  feed();
  place.alcove(["create", "--read-special", "ours::a", "special"]);
  feed();
  place.borg(["create", "--read-special", "theirs::a", "special"]);
  const format = "{type} {size} {path}{NL}";
  assert.equal(
    place.borg(["list", "--format", format, "ours::a"]).stdout,
    place.borg(["list", "--format", format, "theirs::a"]).stdout,
  );
  assert.equal(place.alcove(["extract", "--stdout", "ours::a", "special/pipe"]).stdout, "from the pipe\n");
});

Deno.test("create refuses options that contradict each other with one sentence", () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "ours"]);
  for (
    const args of [
      [],
      ["--paths-from-stdin", "x"],
      ["--paths-from-stdin", "--paths-from-command", "x"],
      ["--files-cache", "ctime,mtime,size", "x"],
      ["--files-cache", "nonsense", "x"],
      ["--exclude-from", "nowhere", "x"],
      ["--pattern", "x", "y"],
      ["--stdin-user", "nosuchuser", "-"],
      ["--chunker-params", "buzhash,9,8,7", "x"],
    ]
  ) {
    const { stderr } = place.alcove(["create", "ours::a", ...args], { code: 2 });
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }
});

borgTest(
  "create leaves out its repository, and no folder here that is called as one at a server is there",
  () => {
    using place = workplace();
    const server = join(place.path, "server");
    fs.mkdirSync(server);
    fs.mkdirSync(join(place.path, "docs"));
    fs.writeFileSync(join(place.path, "docs/file"), "x");
    const env = { BORG_RSH: `sh -c 'cd ${server} && shift && exec "$@"' rsh` };
    place.alcove(["init", "-e", "none", "host:docs"], { env });
    assert.ok(fs.existsSync(join(server, "docs/config")));
    place.alcove(["create", "host:docs::a", "docs"], { env });
    place.borg(["create", "host:docs::b", "docs"], { env });
    for (const archive of ["a", "b"]) {
      const { stdout } = place.alcove(["list", "--short", `host:docs::${archive}`], { env });
      assert.equal(stdout, "docs\ndocs/file\n", archive);
    }
    place.alcove(["init", "-e", "none", "docs/repo"]);
    place.alcove(["create", "docs/repo::a", "docs"]);
    assert.equal(place.alcove(["list", "--short", "docs/repo::a"]).stdout, "docs\ndocs/file\n");
  },
);

Deno.test("create stores each name of a file that is named on the command line, and none twice", () => {
  using place = workplace();
  fs.writeFileSync(join(place.path, "x"), "contents");
  fs.linkSync(join(place.path, "x"), join(place.path, "y"));
  fs.mkdirSync(join(place.path, "d"));
  fs.linkSync(join(place.path, "x"), join(place.path, "d/z"));
  place.alcove(["init", "-e", "none", "repo"]);
  place.alcove(["create", "repo::a", "x", "y", "x", "./x", "d", "d"]);
  assert.equal(place.alcove(["list", "--short", "repo::a"]).stdout, "x\ny\nd\nd/z\n");
  fs.mkdirSync(join(place.path, "out"));
  place.alcove(["extract", "../repo::a"], { cwd: join(place.path, "out") });
  assert.equal(fs.statSync(join(place.path, "out/y")).nlink, 3);
});
