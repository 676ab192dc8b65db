/** borg's environment variables: the table of what we do with each is complete and true, and some of them at work. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ENVIRONMENT_VARIABLES } from "../../cli/environment_variables.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

/** All that the manual of borg 1.4 lists (usage/general/environment.rst.inc), but for those of its build. */
const MANUAL = `BORG_REPO BORG_PASSPHRASE BORG_PASSCOMMAND BORG_PASSPHRASE_FD BORG_NEW_PASSPHRASE
  BORG_DISPLAY_PASSPHRASE BORG_EXIT_CODES BORG_HOST_ID BORG_HOSTNAME BORG_USERNAME BORG_LOGGING_CONF BORG_RSH
  BORG_REMOTE_PATH BORG_FILES_CACHE_SUFFIX BORG_FILES_CACHE_TTL BORG_USE_CHUNKS_ARCHIVE BORG_SHOW_SYSINFO
  BORG_MSGPACK_VERSION_CHECK BORG_FUSE_IMPL BORG_SELFTEST BORG_WORKAROUNDS
  BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK BORG_RELOCATED_REPO_ACCESS_IS_OK BORG_CHECK_I_KNOW_WHAT_I_AM_DOING
  BORG_DELETE_I_KNOW_WHAT_I_AM_DOING BORG_BASE_DIR BORG_CACHE_DIR BORG_CONFIG_DIR BORG_SECURITY_DIR BORG_KEYS_DIR
  BORG_KEY_FILE XDG_CACHE_HOME XDG_CONFIG_HOME TMPDIR`.split(/\s+/);

/** Read by the runtime (os.tmpdir()). */
const ELSEWHERE = new Set(["TMPDIR"]);

/** Text of the program's sources, without the table. */
function sources(folder: URL): string {
  let text = "";
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) text += sources(new URL(`${entry.name}/`, folder));
    else if (entry.name.endsWith(".ts") && entry.name !== "environment_variables.ts") {
      text += fs.readFileSync(new URL(entry.name, folder), "utf8").replace(/\/\*[^]*?\*\//g, "");
    }
  }
  return text;
}

Deno.test("the table of environment variables has all of borg's manual, each once, and is true of the sources", () => {
  const names = ENVIRONMENT_VARIABLES.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(MANUAL.filter((name) => !names.includes(name)), []);
  const text = ["cli/", "core/"].map((folder) => sources(new URL(`../../${folder}`, import.meta.url))).join(
    "\n",
  );
  for (const { name, group } of ENVIRONMENT_VARIABLES) {
    if (ELSEWHERE.has(name)) continue;
    const read = new RegExp(`["'](${name})["']`).test(text);
    assert.equal(read, group !== "without effect", `${name} is ${read ? "" : "not "}read`);
  }
  const quoted = new Set(text.match(/(?<=["'])(BORG|ALCOVE)_[A-Z_]+(?=["'])/g));
  // How segments, index files and key files begin.
  const magic = ["BORG_SEG", "BORG_IDX", "BORG_KEY"];
  const missing = [...quoted].filter((name) => !names.includes(name) && !magic.includes(name));
  assert.deepEqual(missing, []);
});

function repository(place: Workplace, mode: string): void {
  place.alcove(["init", "-e", mode, "repo"]);
  fs.mkdirSync(join(place.path, "src"));
  fs.writeFileSync(join(place.path, "src/small"), "words");
  // Large enough for the threads that open chunks.
  fs.writeFileSync(join(place.path, "src/large"), pseudoRandom("large", 9_000_000));
  place.alcove(["create", "repo::first", "src"]);
}

/** Lets the repository's key be as good as lost. */
function ruinKey(place: Workplace): void {
  const config = join(place.path, "repo/config");
  fs.writeFileSync(config, fs.readFileSync(config, "utf8").replace(/^key = [^]*/m, "key = anything\n"));
}

for (const mode of ["authenticated", "authenticated-blake2"]) {
  Deno.test(
    `BORG_WORKAROUNDS=authenticated_no_key restores without the key, and does no more (${mode})`,
    () => {
      using place = workplace({ BORG_EXIT_CODES: "modern" });
      repository(place, mode);
      const { stdout: names } = place.alcove(["list", "--short", "repo::first"]);
      ruinKey(place);
      place.alcove(["list", "repo"], { code: 40 });
      const env = { BORG_WORKAROUNDS: "basesyncfile,authenticated_no_key", BORG_PASSPHRASE: "whatever" };
      const listed = place.alcove(["list", "--short", "repo::first"], { env });
      assert.equal(listed.stdout, names);
      assert.match(listed.stderr, /nothing that is read is verified/);
      fs.mkdirSync(join(place.path, "out"));
      place.alcove(["extract", "../repo::first"], { env, cwd: join(place.path, "out") });
      for (const name of ["small", "large"]) {
        const [one, other] = ["src", "out/src"].map((folder) =>
          fs.readFileSync(join(place.path, folder, name))
        );
        assert.ok(one!.equals(other!));
      }
      const before = fs.readdirSync(join(place.path, "repo/data/0")).sort();
      assert.match(place.alcove(["create", "repo::second", "src"], { env, code: 2 }).stderr, /only be read/);
      assert.match(place.alcove(["delete", "repo::first"], { env, code: 2 }).stderr, /only be read/);
      place.alcove(["key", "change-passphrase", "repo"], { env, code: 40 });
      place.alcove(["key", "export-related-secrets", "repo"], { env, code: 40 });
      assert.deepEqual(fs.readdirSync(join(place.path, "repo/data/0")).sort(), before);
      place.alcove(["delete", "repo"], { env: { ...env, BORG_DELETE_I_KNOW_WHAT_I_AM_DOING: "YES" } });
      assert.equal(fs.existsSync(join(place.path, "repo")), false);
    },
  );
}

Deno.test("BORG_LOGGING_CONF is not followed, and one warning says so", () => {
  using place = workplace({ BORG_LOGGING_CONF: "/nonexistent.conf" });
  const { stderr } = place.alcove(["init", "-e", "none", "repo"]);
  assert.equal(
    stderr.split("\n").filter((line) => line.startsWith("BORG_LOGGING_CONF has no effect")).length,
    1,
  );
});

Deno.test("BORG_WORKAROUNDS=authenticated_no_key opens nothing that is encrypted", () => {
  using place = workplace({ BORG_EXIT_CODES: "modern", BORG_WORKAROUNDS: "authenticated_no_key" });
  repository(place, "repokey");
  ruinKey(place);
  place.alcove(["list", "repo"], { code: 40 });
});

Deno.test("BORG_HOSTNAME, BORG_USERNAME and BORG_HOST_ID speak for this machine", () => {
  using place = workplace({ BORG_HOSTNAME: "elsewhere", BORG_USERNAME: "somebody" });
  place.alcove(["init", "-e", "none", "repo"]);
  fs.writeFileSync(join(place.path, "file"), "x");
  place.alcove(["create", "repo::{hostname}-{user}", "file"]);
  assert.equal(
    place.alcove(["list", "--format", "{archive} {hostname} {username}", "repo"]).stdout,
    "elsewhere-somebody elsewhere somebody",
  );
  // A lock of that host, and of a process that is gone, is removed as our own; one of another host stays.
  const lock = join(place.path, "repo/lock.exclusive");
  const held = (hostId: string) => {
    fs.mkdirSync(lock);
    fs.writeFileSync(join(lock, `${hostId}.4999999-0`), "");
  };
  held("me@1");
  place.alcove(["create", "repo::second", "file"], { env: { BORG_HOST_ID: "me@1" } });
  held("me@2");
  place.alcove(["create", "repo::third", "file"], { env: { BORG_HOST_ID: "me@1" }, code: 2 });
});

Deno.test("BORG_REPO, and the directories, are where the variables say", () => {
  using place = workplace({ BORG_BASE_DIR: undefined! });
  const at = (name: string) => join(place.path, name);
  const env = {
    HOME: at("nobody"),
    BORG_REPO: at("repo"),
    XDG_CONFIG_HOME: at("config"),
    XDG_CACHE_HOME: at("cache"),
    TMPDIR: at("tmp"),
    // The runtime's own cache stays where it is.
    DENO_DIR: process.env["DENO_DIR"] ?? join(homedir(), ".cache/deno"),
  };
  fs.mkdirSync(at("tmp"));
  fs.writeFileSync(at("file"), "x");
  place.alcove(["init", "-e", "keyfile"], { env });
  place.alcove(["create", "::first", "file"], { env });
  place.alcove(["list"], { env });
  place.alcove(["list", "::"], { env });
  assert.deepEqual(fs.readdirSync(at("config/borg")).sort(), ["keys", "security"]);
  assert.deepEqual(fs.readdirSync(at("cache")), ["alcove"]);
  assert.equal(fs.existsSync(at("nobody")), false);
  const moved = { ...env, BORG_KEYS_DIR: at("config/borg/keys"), BORG_SECURITY_DIR: at("security") };
  place.alcove(["list"], { env: { ...moved, XDG_CONFIG_HOME: at("other") } });
  assert.equal(fs.readdirSync(at("security")).length, 1);
  assert.equal(fs.existsSync(at("other")), false);
  place.alcove(["list"], { env: { ...env, XDG_CONFIG_HOME: at("other") }, code: 2 });
});
