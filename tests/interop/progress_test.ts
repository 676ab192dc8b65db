/** Progress: one live line on a terminal, gone at the end; whole lines elsewhere. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { run } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";
import { makeTree } from "../fixtures/tree.ts";

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
  assert.match(stderr, /^\S+ \S+ O \S+ \S+ C \S+ \S+ D \d+ N \S*\n/);
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
