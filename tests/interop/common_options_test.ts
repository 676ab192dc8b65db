/** The options of every command, before and after its name, and the words that answer borg's questions. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { workplace } from "../fixtures/alcove.ts";
import { type Borg14, borg14Test } from "../fixtures/borg14.ts";
import { borgTest } from "../fixtures/borg.ts";

const ACCEPTED = [
  "--upload-ratelimit 100 list r",
  "list --upload-ratelimit=100 r",
  "--remote-ratelimit 100 list r",
  "list r --upload-buffer 5",
  "list --remote-buffer=5 r",
  "list --upload-r 5 r",
  "list --debug-topic repository --debug-topic borg.debug.files_cache r",
  "--debug-profile profile.pyprof list r",
  "--critical --iec --progress --show-rc --show-version --umask 0022 --lock-wait 3 list r",
];

const REFUSED = [
  "list --upload-ratelimit fast r",
  "list --upload-ratelimit 1.5 r",
  "list --upload-buffer big r",
  "list --upload 5 r",
  "list --debug-profile",
  "list --remote 5 r",
];

borgTest("common options are taken and refused as borg does", () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "r"]);
  for (const [lines, code] of [[ACCEPTED, 0], [REFUSED, 2]] as const) {
    for (const line of lines) {
      place.borg(line.split(" "), { code });
      place.alcove(line.split(" "), { code });
    }
  }
});

Deno.test("deprecated options work, with a warning that leaves the exit code alone", () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "r"]);
  fs.mkdirSync(join(place.path, "s"));
  place.alcove(["create", "r::a", "s"]);
  for (
    const [line, flag] of [
      ["list --prefix a r", "--prefix"],
      ["list --prefix=a r", "--prefix"],
      ["create -n --numeric-owner r::b s", "--numeric-owner"],
      ["create -n --noatime r::b s", "--noatime"],
      ["extract -n --nobsdflags r::a", "--nobsdflags"],
      ["diff --sort r::a a", "--sort"],
      ["--remote-ratelimit 5 list r", "--remote-ratelimit"],
      ["list --remote-buffer 5 r", "--remote-buffer"],
    ] as const
  ) {
    assert.match(place.alcove(line.split(" ")).stderr, new RegExp(`^${flag} is deprecated, .*\n$`), line);
  }
  for (const line of ["list -P a r", "list --glob-archives a r", "diff --sort-by path r::a a"]) {
    assert.equal(place.alcove(line.split(" ")).stderr, "", line);
  }
  const { stderr } = place.alcove(["list", "--log-json", "--prefix", "a", "r"]);
  assert.equal(JSON.parse(stderr).levelname, "WARNING");
});

Deno.test("--debug-profile writes a profile that names functions of the program", () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "r"]);
  place.alcove(["list", "r", "--debug-profile", "list.cpuprofile"]);
  const profile = JSON.parse(fs.readFileSync(join(place.path, "list.cpuprofile"), "utf8"));
  assert.ok(profile.endTime > profile.startTime);
  assert.equal(profile.samples.length, profile.timeDeltas.length);
  const names = profile.nodes.map((node: { callFrame: { functionName: string } }) =>
    node.callFrame.functionName
  );
  assert.ok(names.includes("(root)"));
  // Of a command that fails too, and where it cannot be written the command does not begin.
  place.alcove(["list", "r::nothing", "--debug-profile", "failed.cpuprofile"], { code: 2 });
  assert.ok(JSON.parse(fs.readFileSync(join(place.path, "failed.cpuprofile"), "utf8")).nodes);
  place.alcove(["init", "-e", "none", "other", "--debug-profile", "no/such/folder"], { code: 2 });
  assert.ok(!fs.existsSync(join(place.path, "other")));
});

/** Answers to "access it nevertheless?", and whether they mean yes. */
const ANSWERS: readonly [string, boolean][] = [
  ...["Yes", "YES", "yes", "Y", "y", "1"].map((word) => [word, true] as [string, boolean]),
  ...["yEs", "true", "on", " yes", "ja", "no", "N", "0", "", "d"].map((word) =>
    [word, false] as [string, boolean]
  ),
];

function answers(program: (env: Record<string, string>, input: string) => number): void {
  for (const [word, means] of ANSWERS) {
    const code = means ? 0 : 2;
    assert.equal(program({ BORG_RELOCATED_REPO_ACCESS_IS_OK: word }, ""), code, `by environment: "${word}"`);
    assert.equal(
      program({ BORG_RELOCATED_REPO_ACCESS_IS_OK: undefined! }, `${word}\nyes\n`),
      code,
      `typed: "${word}"`,
    );
  }
}

function moved(borg: Borg14 | null): void {
  using place = workplace();
  place.alcove(["init", "-e", "repokey", "r"]);
  fs.cpSync(join(place.path, "home"), join(place.path, "home.kept"), { recursive: true });
  fs.renameSync(join(place.path, "r"), join(place.path, "elsewhere"));
  answers((env, input) => {
    fs.rmSync(join(place.path, "home"), { recursive: true });
    fs.cpSync(join(place.path, "home.kept"), join(place.path, "home"), { recursive: true });
    const options = { env, input, code: null };
    const args = ["list", "elsewhere"];
    return (borg ? borg(place, args, options) : place.alcove(args, options)).code;
  });
}

Deno.test("questions are answered by borg's words, letter by letter", () => moved(null));
borg14Test("borg 1.4 takes the same words for answers", (borg) => moved(borg));
