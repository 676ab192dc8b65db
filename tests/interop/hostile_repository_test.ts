/**
 * Servers that give out another repository than the one that is meant: an older state of it, a stranger's, one without
 * encryption, or a file of the user's own that looks like a manifest or an archive.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { encodeMsgpack, type Packable } from "../../core/bytes/mod.ts";
import { borgTest } from "../fixtures/borg.ts";
import { type HostilePlace, hostilePlace, rsh } from "../fixtures/hostile.ts";

borgTest("a repository that was set back, whole or its manifest alone, is refused", () => {
  using hostile = hostilePlace();
  const { place, location, repository } = hostile;
  const [old, manifest] = [join(place.path, "old"), join(place.path, "manifest")];
  fs.cpSync(repository, old, { recursive: true });
  hostile.meet(`old-manifest=${manifest}`, ["list", location], { code: 0 });
  hostile.honest(["create", `${location}::b`, "src"]);
  const [before, stored] = [hostile.kept(), fs.readFileSync(join(repository, "config"), "utf8")];
  for (const trick of [`redirect=${old}`, `old-manifest=${manifest}`]) {
    for (
      const args of [["list", location], ["create", `${location}::c`, "src"], ["delete", `${location}::a`]]
    ) {
      hostile.meet(trick, args, { code: 64, cwd: place.path });
      assert.deepEqual(hostile.kept(), before, `${trick} ${args}`);
    }
  }
  assert.equal(fs.readFileSync(join(repository, "config"), "utf8"), stored);
  assert.equal(hostile.honest(["list", "--short", location]).stdout, "a\nb\n");
});

borgTest("another repository in the place of the known one is asked about, or refused", () => {
  using hostile = hostilePlace();
  const { place, location, repository } = hostile;
  const path = (name: string) => join(place.path, name);
  const stranger = { BORG_BASE_DIR: path("stranger"), BORG_PASSPHRASE: "another horse" };
  place.alcove(["init", "-e", "repokey", path("own")]);
  place.alcove(["init", "-e", "repokey", path("foreign")], { env: stranger });
  place.alcove(["init", "-e", "none", path("open")], { env: stranger });
  const before = hostile.kept();
  const sensible = { BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "no" };
  for (const [name, code] of [["own", 62], ["foreign", 52], ["open", 60]] as const) {
    for (const args of [["list", location], ["create", `${location}::x`, "src"]]) {
      hostile.meet(`redirect=${path(name)}`, args, { code, cwd: place.path, env: sensible });
      assert.deepEqual(hostile.kept(), before, `${name} ${args}`);
    }
  }
  // Under the same id, but without encryption.
  const idOf = (name: string) => /^id = (.*)$/m.exec(fs.readFileSync(join(name, "config"), "utf8"))![1]!;
  const config = join(path("open"), "config");
  fs.writeFileSync(config, fs.readFileSync(config, "utf8").replace(idOf(path("open")), idOf(repository)));
  hostile.meet(`redirect=${path("open")}`, ["list", location], { code: 61 });
  hostile.meet(`redirect=${path("open")}`, ["create", `${location}::x`, "src"], {
    code: 61,
    cwd: place.path,
  });
  assert.deepEqual(hostile.kept(), before);
  hostile.honest(["list", location]);
});

/** Id of the one chunk of a file in an archive. */
function chunkOf({ place, repository }: HostilePlace, archive: string): string {
  const dump = place.alcove(["debug", "dump-archive", `${repository}::${archive}`, "-"]).stdout;
  return /"chunks":\s*\[\s*\[\s*"(?:\\u007f)?([0-9a-f]{64})"/.exec(dump)![1]!;
}

borgTest("a file that looks like a manifest is not taken for one (CVE-2016-10099)", () => {
  using hostile = hostilePlace("repokey");
  const { place, location, repository } = hostile;
  const manifest: Packable = new Map<string, Packable>([
    ["version", 1],
    ["archives", new Map()],
    ["timestamp", "2099-01-01T00:00:00.000000"],
    ["config", new Map()],
    ["item_keys", ["path"]],
  ]);
  const withTam = new Map<string, Packable>([
    ...(manifest as Map<string, Packable>),
    [
      "tam",
      new Map<string, Packable>([
        ["type", "HKDF_HMAC_SHA512"],
        ["hmac", new Uint8Array(64)],
        ["salt", new Uint8Array(64)],
      ]),
    ],
  ]);
  const stranger = { BORG_BASE_DIR: join(place.path, "stranger") };
  for (const [name, value, code] of [["plain", manifest, 98], ["forged", withTam, 97]] as const) {
    fs.mkdirSync(join(place.path, name));
    fs.writeFileSync(join(place.path, name, "file"), encodeMsgpack(value));
    place.alcove(["create", `${repository}::${name}`, name], {
      env: { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" },
    });
    const trick = `as-manifest=${chunkOf(hostile, name)}`;
    place.alcove(["list", location], {
      env: { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes", BORG_RSH: rsh("honest") },
    });
    const before = hostile.kept();
    hostile.meet(trick, ["list", location], { code });
    hostile.meet(trick, ["create", `${location}::x`, "src"], { code, cwd: place.path });
    // A machine that has never seen the repository believes it as little.
    hostile.meet(trick, ["list", location], { code, env: stranger });
    assert.deepEqual(hostile.kept(), before);
  }
});

borgTest(
  "a file that looks like an archive does not become one when the manifest is lost (CVE-2023-36811)",
  () => {
    using hostile = hostilePlace("repokey");
    const { place, location, repository } = hostile;
    const archive = new Map<string, Packable>([
      ["version", 1],
      ["name", "fake"],
      ["items", []],
      ["cmdline", ["borg"]],
      ["hostname", "host"],
      ["username", "user"],
      ["time", "2099-01-01T00:00:00.000000"],
      ["time_end", "2099-01-01T00:00:00.000000"],
      ["comment", ""],
      ["chunker_params", ["buzhash", 19, 23, 21, 4095]],
    ]);
    fs.mkdirSync(join(place.path, "trap"));
    fs.writeFileSync(join(place.path, "trap", "file"), encodeMsgpack(archive));
    hostile.honest(["create", `${location}::trap`, "trap"]);
    const relocated = { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" };
    place.alcove(["debug", "delete-obj", repository, "0".repeat(64)], { env: relocated });
    const env = { ...relocated, BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "YES" };
    hostile.meet("honest", ["check", "--repair", location], { code: 0, env });
    assert.equal(hostile.honest(["list", "--short", location]).stdout, "a\ntrap\n");
    place.borg(["check", repository], { env: { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" } });
  },
);
