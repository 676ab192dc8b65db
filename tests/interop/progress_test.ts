/** Progress: one live line on a terminal, gone at the end; whole lines elsewhere. */
import assert from "node:assert/strict";
import { join } from "node:path";
import * as fs from "node:fs";
import { borgTest, run } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";
import { makeTree, pseudoRandom } from "../fixtures/tree.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;

function hasScript(): boolean {
  try {
    return run("script", ["--version"]).code === 0;
  } catch {
    return false;
  }
}

Deno.test("--progress shows one live line on a terminal and leaves nothing of it behind", () => {
  using place = workplace();
  if (!hasScript()) return console.log("skipped: no `script` to make a terminal with");
  makeTree(join(place.path, "tree"));
  place.alcove(["init", "-e", "none", "repo"]);
  const onTerminal = (command: string): string => {
    const { code, stdout } = run("script", [
      "-qec",
      `"$DENO" run -A --quiet "${MAIN}" ${command}`,
      "/dev/null",
    ], {
      cwd: place.path,
      env: { ...place.env, DENO: Deno.execPath(), COLUMNS: "80" },
    });
    assert.equal(code, 0, stdout);
    return stdout;
  };
  for (
    const command of [
      "create --progress repo::a tree",
      "check --progress --verify-data repo",
      "create --progress --list repo::b tree",
    ]
  ) {
    const output = onTerminal(command);
    assert.match(output, /\r/, command);
    assert.match(output, / O |%/, command);
    // What is visible at the end: the text after the last carriage return of each line.
    const visible = output.split("\n").map((line) => line.replace(/\r$/, "").split("\r").at(-1)!.trim())
      .filter(Boolean);
    assert.ok(visible.every((line) => !/ O .* C .* D |%/.test(line)), visible.join("|"));
    if (command.includes("--list")) assert.ok(visible.includes("d tree"), visible.join("|"));
  }
});

Deno.test("--progress writes whole lines where there is no terminal, and nothing without it", () => {
  using place = workplace();
  makeTree(join(place.path, "tree"));
  place.alcove(["init", "-e", "none", "repo"]);
  assert.equal(place.alcove(["create", "repo::a", "tree"]).stderr, "");
  const { stderr } = place.alcove(["create", "--progress", "repo::b", "tree"]);
  assert.match(stderr, /^ +\d+% \S+ \S+ O \S+ \S+ C \S+ \S+ D \d+ N \S*\n/);
  assert.doesNotMatch(stderr, /\r/);
});

Deno.test("extract --progress --log-json counts up to the archive's bytes and says that it is finished", () => {
  using place = workplace();
  makeTree(join(place.path, "tree"));
  place.alcove(["init", "-e", "none", "repo"]);
  place.alcove(["create", "repo::a", "tree"]);
  const { stderr } = place.alcove(["extract", "--dry-run", "--progress", "--log-json", "repo::a"]);
  const events = stderr.trim().split("\n").map((line) => JSON.parse(line))
    .filter(({ type }) => type === "progress_percent");
  const last = events.pop();
  assert.deepEqual([last.finished, last.message, last.msgid], [true, "", "extract"]);
  assert.ok(events.length > 0 && last.total > 0);
  assert.ok(events.every(({ finished, total }) => !finished && total === last.total));
  assert.equal(Math.max(...events.map(({ current }) => current)), last.total);
});

Deno.test("create --progress shows a share of what the same command saved before, and JSON stays as it is", () => {
  using place = workplace();
  makeTree(join(place.path, "tree"));
  fs.mkdirSync(join(place.path, "other"));
  fs.writeFileSync(join(place.path, "other/file"), "contents");
  place.alcove(["init", "-e", "repokey", "repo"]);
  const first = (args: string[]) => place.alcove(["create", "--progress", ...args]).stderr.split("\n")[0]!;
  const known = /^ +\d+% \S+ \S+ O \S+ \S+ C /;
  assert.doesNotMatch(first(["repo::a", "tree"]), known);
  assert.match(first(["repo::b", "tree"]), known);
  // With other options too, but not of something else.
  assert.match(first(["repo::c", "--stats", "tree"]), known);
  assert.doesNotMatch(first(["repo::d", "other"]), known);
  assert.doesNotMatch(first(["-C", "zstd", "repo::e", "other", "tree"]), known);
  // It has grown beyond what it was.
  fs.writeFileSync(join(place.path, "other/file"), pseudoRandom("more", 3_000_000));
  const grown = place.alcove(["create", "--progress", "repo::f", "other"]).stderr;
  assert.match(grown, known);
  assert.doesNotMatch(grown, /\d{3,}%/);
  const json = place.alcove(["create", "--progress", "--log-json", "repo::g", "tree"]).stderr.trim().split(
    "\n",
  );
  const keys = "compressed_size deduplicated_size finished nfiles original_size path time type";
  for (const line of json) assert.equal(Object.keys(JSON.parse(line)).sort().join(" "), keys);
});

borgTest("prune, delete and compact tell of their progress in events of borg's ids, keys and types", () => {
  using place = workplace();
  fs.mkdirSync(join(place.path, "s"));
  place.borg(["init", "-e", "none", "repo"]);
  for (let i = 0; i < 4; i++) {
    fs.writeFileSync(join(place.path, "s/file"), pseudoRandom(`${i}`, 600_000));
    place.borg(["create", `repo::a${i}`, "s"]);
  }
  place.borg(["config", "repo", "max_segment_size", "1000000"]);
  const keep = (from: string, to: string) => {
    for (const name of ["repo", "home"]) {
      fs.rmSync(join(place.path, name + to), { recursive: true, force: true });
      fs.cpSync(join(place.path, name + from), join(place.path, name + to), { recursive: true });
    }
  };
  keep("", ".kept");
  const typeOf = (value: unknown) => value === null ? "null" : typeof value;
  for (
    const [msgid, args] of [
      ["prune", ["prune", "--keep-last", "2", "repo"]],
      ["archive.delete", ["delete", "repo::a1"]],
      ["compact_segments", ["compact", "--threshold", "1", "repo"]],
    ] as const
  ) {
    const [ours, theirs] = [place.alcove, place.borg].map((program) => {
      keep(".kept", "");
      if (msgid === "compact_segments") program(["delete", "repo::a0"]);
      return program(["--log-json", "--progress", ...args]).stderr.trim().split("\n")
        .map((line) => JSON.parse(line)).filter((event) => String(event.msgid).endsWith(msgid));
    });
    const going = ours!.filter(({ finished }) => !finished);
    const model = theirs!.find(({ finished }) => !finished);
    assert.ok(going.length > 0 && model, msgid);
    for (const event of going) {
      assert.equal(event.msgid, model.msgid);
      for (const [key, value] of Object.entries(model)) {
        assert.equal(typeOf(event[key]), typeOf(value), `${msgid}: ${key}`);
      }
      assert.ok(event.current <= event.total, msgid);
    }
    assert.deepEqual(ours!.filter(({ finished }) => finished).length, 1, msgid);
    assert.equal(ours!.at(-1).finished, true);
  }
});
