/** What becomes of a repository whose `init` was killed before its first commit: the same as with borg, and in clear words. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest } from "../fixtures/borg.ts";

const YES = {
  BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "YES",
  BORG_DELETE_I_KNOW_WHAT_I_AM_DOING: "YES",
  BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
};

/** How far init came, by what it had not done yet. */
const STAGES: Record<string, (repository: string) => void> = {
  "no configuration": (repository) => {
    for (const name of fs.readdirSync(repository)) {
      if (name !== "README" && name !== "data") fs.rmSync(join(repository, name), { recursive: true });
    }
    fs.rmSync(join(repository, "data/0"), { recursive: true, force: true });
    fs.writeFileSync(join(repository, "config-0badcafe.tmp"), "[repository]\n");
  },
  "nothing stored": (repository) => {
    removeIndex(repository);
    fs.rmSync(join(repository, "data/0"), { recursive: true });
  },
  "half a manifest": (repository) => {
    removeIndex(repository);
    const folder = join(repository, "data/0");
    const [first, ...others] = fs.readdirSync(folder).sort((a, b) => Number(a) - Number(b));
    for (const name of others) fs.rmSync(join(folder, name));
    fs.truncateSync(join(folder, first!), 60);
  },
};

function removeIndex(repository: string): void {
  for (const name of fs.readdirSync(repository)) {
    if (/^(index|hints|integrity)\./.test(name)) fs.rmSync(join(repository, name));
  }
}

const COMMANDS: readonly (readonly string[])[] = [
  ["list", "repo"],
  ["create", "repo::a", "repo/README"],
  ["init", "-e", "repokey", "repo"],
  ["check", "repo"],
  ["check", "--archives-only", "repo"],
  ["check", "--repair", "repo"],
  ["delete", "repo"],
];

/** A repository that came as far as `stage`. */
function cutOff(place: Workplace, stage: string): void {
  const repository = join(place.path, "repo");
  fs.rmSync(repository, { recursive: true, force: true });
  fs.cpSync(join(place.path, "whole"), repository, { recursive: true });
  STAGES[stage]!(repository);
}

borgTest("an init that was cut off leaves what every command treats as borg does", () => {
  using place = workplace(YES);
  place.borg(["init", "-e", "repokey", "whole"]);
  for (const stage of Object.keys(STAGES)) {
    for (const command of COMMANDS) {
      cutOff(place, stage);
      const { code, stderr } = place.borg(command, { code: null });
      cutOff(place, stage);
      const ours = place.alcove(command, { code: null });
      const what = `${stage}: ${command.join(" ")}\n${stderr}\n${ours.stderr}`;
      assert.equal(ours.code, code, what);
      assert.equal(fs.existsSync(join(place.path, "repo")), command[0] !== "delete" || code !== 0, what);
    }
  }
});

Deno.test("an init that was cut off is told how to go on", () => {
  using place = workplace(YES);
  place.alcove(["init", "-e", "repokey", "whole"]);
  const told = (stage: string, args: string[], code: number): string => {
    cutOff(place, stage);
    return place.alcove(args, { code }).stderr;
  };
  assert.match(told("no configuration", ["list", "repo"], 2), /init was cut off here.*remove the folder/);
  for (const stage of ["nothing stored", "half a manifest"]) {
    assert.match(told(stage, ["list", "repo"], 2), /init was cut off, delete it and init anew/);
    assert.match(told(stage, ["check", "--archives-only", "repo"], 1), /no data at all/);
    place.alcove(["delete", "repo"]);
    place.alcove(["init", "-e", "repokey", "repo"]);
  }
  // Of what may be something else, nobody is told to remove it.
  cutOff(place, "no configuration");
  fs.writeFileSync(join(place.path, "repo/data/0"), "");
  assert.doesNotMatch(place.alcove(["list", "repo"], { code: 2 }).stderr, /remove/);
  fs.rmSync(join(place.path, "repo/data/0"));
  fs.writeFileSync(join(place.path, "repo/letter"), "");
  assert.doesNotMatch(place.alcove(["list", "repo"], { code: 2 }).stderr, /remove/);
});
