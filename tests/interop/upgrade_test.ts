/** `upgrade`: authentication switched on and off by either program, and repositories of attic, against the real borg. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest, run } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

/** A repository with a key file that attic itself made; comes with borg's test suite. */
const ATTIC = "/usr/lib/python3/dist-packages/borg/testsuite/attic.tar.gz";

function repository(place: Workplace, mode: string): void {
  fs.mkdirSync(join(place.path, "src"));
  fs.writeFileSync(join(place.path, "src/file"), pseudoRandom("file", 50_000));
  place.borg(["init", "-e", mode, "repo"]);
  place.borg(["create", "repo::first", "src"]);
  place.borg(["create", "repo::second", "src"]);
}

borgTest("upgrade --tam and --disable-tam: each program sees and undoes what the other did", () => {
  for (const mode of ["repokey", "keyfile-blake2"]) {
    using place = workplace();
    repository(place, mode);
    place.alcove(["upgrade", "--check-tam", "repo"]);
    const required = () =>
      fs.readdirSync(join(place.path, "home/.config/borg/security"))
        .map((id) => fs.existsSync(join(place.path, "home/.config/borg/security", id, "tam_required")));
    assert.deepEqual(required(), [true]);
    place.alcove(["upgrade", "--disable-tam", "repo"]);
    assert.deepEqual(required(), [false]);
    place.alcove(["upgrade", "--check-tam", "repo"], { code: 1 });
    place.borg(["list", "repo"]);
    place.borg(["upgrade", "--tam", "repo"]);
    assert.match(place.alcove(["upgrade", "--check-tam", "repo"]).stdout, /authenticated/);
    place.borg(["upgrade", "--disable-tam", "repo"]);
    const check = place.alcove(["upgrade", "--check-tam", "repo"], { code: 1 });
    assert.equal(check.stderr.trim().split("\n").length, 3, check.stderr);
    const enabled = place.alcove(["upgrade", "--tam", "repo"]);
    assert.match(enabled.stdout, /^first .*\nsecond .*\n.*Key updated\nKey location: /ms);
    assert.deepEqual(required(), [true]);
    assert.doesNotMatch(place.borg(["upgrade", "--tam", "repo"]).stdout, /Key updated|Manifest contents/);
    place.borg(["check", "repo"]);
    // Whoever has another home does not know, and learns it.
    const other = { env: { BORG_SECURITY_DIR: join(place.path, "security") } };
    place.alcove(["list", "repo"], other);
    place.alcove(["upgrade", "--check-tam", "repo"], other);
  }
});

borgTest("upgrade --tam: works in a repository without keys, and lasts", () => {
  using place = workplace();
  repository(place, "none");
  place.alcove(["upgrade", "--check-tam", "repo"], { code: 1 });
  assert.doesNotMatch(place.alcove(["upgrade", "--tam", "repo"]).stdout, /Key updated/);
  place.alcove(["upgrade", "--check-tam", "repo"]);
  place.alcove(["create", "repo::third", "src"]);
  place.borg(["create", "repo::fourth", "src"]);
  place.alcove(["upgrade", "--check-tam", "repo"]);
  place.alcove(["upgrade", "--disable-tam", "repo"]);
  place.alcove(["upgrade", "--check-tam", "repo"], { code: 1 });
});

borgTest("upgrade --archives-tam: mends the archives that borg 1.2 renames wrongly", () => {
  for (const mode of ["none", "repokey"]) {
    using place = workplace();
    repository(place, mode);
    assert.match(
      place.alcove(["upgrade", "--check-archives-tam", "repo"]).stdout,
      /present: first .*present: s/s,
    );
    place.borg(["rename", "repo::first", "renamed"]);
    place.alcove(["info", "repo::renamed"], { code: 2 });
    const before = fs.readdirSync(join(place.path, "repo/data/0"));
    const found = place.alcove(["upgrade", "--check-archives-tam", "repo"], { code: 1 });
    assert.match(found.stdout, /missing: renamed .*\nArchive TAM present: second/);
    assert.deepEqual(fs.readdirSync(join(place.path, "repo/data/0")), before);
    assert.match(
      place.alcove(["upgrade", "--archives-tam", "repo"]).stdout,
      /^Added archive TAM: {3}renamed .* -> \[[0-9a-f]{64}\]\n/,
    );
    place.alcove(["upgrade", "--check-archives-tam", "repo"]);
    place.alcove(["info", "repo::renamed"]);
    place.borg(["check", "repo"]);
    place.borg(["extract", "--dry-run", "repo::renamed"]);
    place.alcove(["check", "repo"]);
  }
});

/** All files below `folder`, by path. */
function contents(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[path.slice(folder.length)] = fs.readFileSync(path, "latin1");
  }
  return files;
}

borgTest("upgrade: a repository of attic becomes what borg makes of it, byte for byte", () => {
  using place = workplace();
  if (!fs.existsSync(ATTIC)) {
    console.log("skipped: borg's package has no repository of attic in its test suite");
    return;
  }
  fs.mkdirSync(join(place.path, "attic"));
  assert.equal(run("tar", ["xzf", ATTIC, "-C", join(place.path, "attic")]).code, 0);
  const original = contents(join(place.path, "attic/repo"));
  for (const name of ["borg", "alcove", "inplace"]) {
    fs.cpSync(join(place.path, "attic/repo"), join(place.path, name), { recursive: true });
  }
  const env = (name: string) => ({
    env: { BORG_BASE_DIR: join(place.path, `home-${name}`), ATTIC_KEYS_DIR: join(place.path, "attic/keys") },
  });
  place.alcove(["list", "alcove"], { code: 2 });
  place.borg(["upgrade", "borg"], env("borg"));
  place.alcove(["upgrade", "--dry-run", "alcove"], env("alcove"));
  assert.deepEqual(contents(join(place.path, "alcove")), original);
  assert.ok(!fs.existsSync(join(place.path, "home-alcove/.config/borg/keys/repo")));
  place.alcove(["upgrade", "alcove"], env("alcove"));
  place.alcove(["upgrade", "--inplace", "inplace"], env("inplace"));
  const expected = contents(join(place.path, "borg"));
  assert.deepEqual(contents(join(place.path, "alcove")), expected);
  assert.deepEqual(contents(join(place.path, "inplace")), expected);
  const keys = (name: string) => contents(join(place.path, `home-${name}/.config/borg/keys`));
  assert.deepEqual(keys("alcove"), keys("borg"));
  const copies = fs.readdirSync(place.path).filter((name) => name.includes(".before-upgrade-"));
  assert.deepEqual(copies.map((name) => name.split(".")[0]).sort(), ["alcove", "borg"]);
  assert.deepEqual(
    contents(join(place.path, copies.find((name) => name.startsWith("alcove"))!)),
    original,
  );
  // Once more: there is nothing to do, and no second copy.
  place.alcove(["upgrade", "alcove"], env("alcove"));
  assert.deepEqual(contents(join(place.path, "alcove")), expected);
  assert.equal(fs.readdirSync(place.path).filter((name) => name.startsWith("alcove.before")).length, 1);
  place.alcove(["upgrade", "nowhere"], { code: 13, env: { BORG_EXIT_CODES: "modern" } });
});

borgTest(
  "upgrade: what was disguised as attic's is read again, with its key, also that of borg before 1.0",
  () => {
    using place = workplace();
    repository(place, "keyfile");
    const swap = (path: string, from: string, to: string): void =>
      fs.writeFileSync(path, fs.readFileSync(path, "latin1").replace(from, to), "latin1");
    const repo = join(place.path, "repo");
    for (const name of fs.readdirSync(join(repo, "data/0"))) {
      swap(
        join(repo, "data/0", name),
        "BORG_SEG",
        "ATTICSEG",
      );
    }
    for (const name of fs.readdirSync(repo)) {
      if (name.startsWith("index.")) swap(join(repo, name), "BORG_IDX", "ATTICIDX");
      if (name.startsWith("integrity.")) fs.rmSync(join(repo, name));
    }
    const home = join(place.path, "home");
    const keys = join(home, ".config/borg/keys");
    const [name] = fs.readdirSync(keys);
    fs.mkdirSync(join(home, ".attic/keys"), { recursive: true });
    fs.renameSync(join(keys, name!), join(home, ".attic/keys", name!));
    swap(join(home, ".attic/keys", name!), "BORG_KEY", "ATTIC KEY");
    place.alcove(["list", "repo"], { code: 2 });
    place.alcove(["upgrade", "--progress", "repo"]);
    assert.equal(place.alcove(["list", "--short", "repo"]).stdout, "first\nsecond\n");
    assert.equal(place.borg(["list", "--short", "repo"]).stdout, "first\nsecond\n");
    place.borg(["check", "repo"]);
    fs.mkdirSync(join(home, ".borg/keys"), { recursive: true });
    fs.renameSync(join(keys, name!), join(home, ".borg/keys", name!));
    place.alcove(["list", "repo"], { code: 2 });
    place.alcove(["upgrade", "repo"]);
    assert.equal(place.alcove(["list", "--short", "repo"]).stdout, "first\nsecond\n");
    assert.deepEqual(fs.readdirSync(join(home, ".borg/keys")), []);
  },
);
