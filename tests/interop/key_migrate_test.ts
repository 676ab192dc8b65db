/** `key migrate-to-repokey` on repositories of the mode before borg 1.0, which borg's modules can still make. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest, run } from "../fixtures/borg.ts";
import { borg14Test } from "../fixtures/borg14.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";

/** borg with its old mode alive: `init -e passphrase` makes it, and its type byte leads to it. */
const OLD_BORG = `
import sys
import borg.crypto.key as key
from borg.archiver import main
key.PassphraseKey.ARG_NAME = 'passphrase'
key.RepoKey = key.PassphraseKey
key.AVAILABLE_KEY_TYPES = (key.PassphraseKey,)
sys.argv[0] = 'borg'
main()
`;

const NEW = { BORG_PASSPHRASE: "new horse" };

function makeOld(place: Workplace, repository: string): void {
  for (const args of [["init", "-e", "passphrase", repository], ["create", `${repository}::old`, "s"]]) {
    const { code, stderr } = run("/usr/bin/python3", ["-c", OLD_BORG, ...args], {
      cwd: place.path,
      env: { ...place.env, PYTHONPATH: "/usr/lib/python3/dist-packages" },
    });
    assert.equal(code, 0, stderr);
  }
  // In those days nothing was remembered of a repository's mode.
  fs.rmSync(join(place.path, "home"), { recursive: true });
  assert.doesNotMatch(fs.readFileSync(join(place.path, repository, "config"), "utf8"), /^key =/m);
}

function prepare(place: Workplace): void {
  fs.mkdirSync(join(place.path, "s"));
  fs.writeFileSync(join(place.path, "s/file"), "contents ".repeat(1000));
  makeOld(place, "repo");
}

borgTest(
  "a repository of the passphrase mode becomes a repokey one that both programs read and write",
  () => {
    using place = workplace();
    prepare(place);
    const without = place.alcove(["list", "repo"], { code: 44, env: { BORG_EXIT_CODES: "modern" } });
    assert.match(without.stderr, /key migrate-to-repokey/);
    place.alcove(["key", "migrate-to-repokey", "repo"], {
      code: 52,
      env: { BORG_EXIT_CODES: "modern", BORG_PASSPHRASE: "wrong" },
    });
    const migrate = place.alcove(["key", "migrate-to-repokey", "-v", "repo"], {
      env: { BORG_NEW_PASSPHRASE: "new horse" },
    });
    assert.match(migrate.stderr, /Key updated/);

    place.alcove(["list", "repo"], { code: 2 });
    assert.equal(place.alcove(["list", "--short", "repo"], { env: NEW }).stdout, "old\n");
    place.alcove(["create", "repo::ours", "s"], { env: NEW });
    place.borg(["create", "repo::theirs", "s"], { env: NEW });
    for (const name of ["old", "ours", "theirs"]) {
      const into = join(place.path, `out-${name}`);
      fs.mkdirSync(into);
      place.alcove(["extract", "../repo::" + name], { env: NEW, cwd: into });
      assert.equal(fs.readFileSync(join(into, "s/file"), "utf8"), "contents ".repeat(1000));
    }
    place.borg(["check", "--verify-data", "repo"], { env: NEW });
    place.alcove(["check", "--verify-data", "repo"], { env: NEW });

    // It says so where there is nothing to migrate: the manifest has been written anew.
    const twice = place.alcove(["key", "migrate-to-repokey", "repo"], { env: NEW, code: 2 });
    assert.match(twice.stderr, /not in the old passphrase mode/);
  },
);

borgTest("it stores the keys that borg's own command stores", () => {
  using place = workplace();
  prepare(place);
  fs.cpSync(join(place.path, "repo"), join(place.path, "other"), { recursive: true });
  place.alcove(["key", "migrate-to-repokey", "repo"]);
  place.borg(["key", "migrate-to-repokey", "other"]);
  const config = (name: string) => fs.readFileSync(join(place.path, name, "config"), "utf8");
  assert.notEqual(config("repo"), config("other"));
  // Each program opens the key that the other has stored, and reads the archive by it.
  fs.writeFileSync(join(place.path, "config"), config("repo"));
  fs.writeFileSync(join(place.path, "repo/config"), config("other"));
  fs.writeFileSync(join(place.path, "other/config"), fs.readFileSync(join(place.path, "config")));
  for (const [program, name] of [[place.alcove, "repo"], [place.borg, "other"]] as const) {
    const { stdout } = program(["list", "--short", `${name}::old`], {
      env: { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" },
    });
    assert.equal(stdout, "s\ns/file\n");
  }
});

borg14Test("borg 1.4 goes on with what was migrated", (borg) => {
  using place = workplace();
  prepare(place);
  place.alcove(["key", "migrate-to-repokey", "repo"]);
  borg(place, ["create", "repo::new", "s"], { code: 0 });
  borg(place, ["check", "repo"], { code: 0 });
  assert.equal(place.alcove(["list", "--short", "repo"]).stdout, "old\nnew\n");
});
