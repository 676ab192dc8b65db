import assert from "node:assert/strict";
import { baseDirs, type Environment } from "../../../core/local/base_dirs.ts";
import { borgPython, borgTest } from "../../fixtures/borg.ts";
import process from "node:process";
import { userInfo } from "node:os";

const homes: Record<string, string> = {
  "0": "/root",
  "1000": "/home/ann",
  ann: "/home/ann",
  bob: "/home/bob",
};

const dirsOf = (env: Environment, uid: number | null = 1000) =>
  baseDirs({ env, uid, currentDirectory: "/there", homeOf: (user) => homes[String(user)] ?? null });

Deno.test("baseDirs() puts everything under the home folder by default", () => {
  assert.deepEqual(dirsOf({ HOME: "/home/x" }), {
    keys: "/home/x/.config/borg/keys",
    security: "/home/x/.config/borg/security",
    borgCache: "/home/x/.cache/borg",
    cache: "/home/x/.cache/alcove",
    keyFile: null,
  });
});

Deno.test("baseDirs() follows the XDG variables unless BORG_BASE_DIR says where", () => {
  const xdg = { HOME: "/home/x", XDG_CONFIG_HOME: "/cfg", XDG_CACHE_HOME: "/cch" };
  assert.equal(dirsOf(xdg).keys, "/cfg/borg/keys");
  assert.equal(dirsOf(xdg).cache, "/cch/alcove");
  assert.equal(dirsOf({ ...xdg, BORG_BASE_DIR: "/base" }).keys, "/base/.config/borg/keys");
  assert.equal(dirsOf({ ...xdg, BORG_BASE_DIR: "/base" }).cache, "/base/.cache/alcove");
});

Deno.test("baseDirs() lets the special variables win over the general ones", () => {
  const dirs = dirsOf({
    HOME: "/home/x",
    BORG_BASE_DIR: "/base",
    BORG_CONFIG_DIR: "/config",
    BORG_CACHE_DIR: "/cache",
    BORG_KEYS_DIR: "/keys",
    BORG_KEY_FILE: "sub/key",
  });
  assert.deepEqual(dirs, {
    keys: "/keys",
    security: "/config/security",
    borgCache: "/cache",
    cache: "/cache/alcove",
    keyFile: "/there/sub/key",
  });
  assert.equal(dirsOf({ HOME: "/h", BORG_SECURITY_DIR: "/sec" }).security, "/sec");
});

Deno.test("baseDirs() takes a variable that is set to nothing for one that is not set", () => {
  const empty = {
    BORG_BASE_DIR: "",
    BORG_CONFIG_DIR: "",
    BORG_CACHE_DIR: "",
    BORG_KEYS_DIR: "",
    BORG_SECURITY_DIR: "",
    BORG_KEY_FILE: "",
    XDG_CONFIG_HOME: "",
    XDG_CACHE_HOME: "",
  };
  assert.deepEqual(dirsOf({ HOME: "/h", ...empty }), dirsOf({ HOME: "/h" }));
});

Deno.test("baseDirs() does not believe root's HOME in an ordinary user's name", () => {
  assert.equal(dirsOf({ HOME: "/root" }).keys, "/home/ann/.config/borg/keys");
  assert.equal(dirsOf({ HOME: "/root/" }, 0).keys, "/root/.config/borg/keys");
  assert.equal(dirsOf({ HOME: "/root", USER: "bob" }, 2000).keys, "/home/bob/.config/borg/keys");
});

Deno.test("baseDirs() finds a home without HOME: by USER, by user id, by Windows' variable", () => {
  assert.equal(dirsOf({ USER: "bob" }).keys, "/home/bob/.config/borg/keys");
  assert.equal(dirsOf({ USER: "nobody-here" }).keys, "/home/ann/.config/borg/keys");
  assert.equal(dirsOf({ USERPROFILE: "/c/users/z" }, null).keys, "/c/users/z/.config/borg/keys");
});

borgTest("baseDirs() and borg look in the same places", () => {
  const base = Deno.makeTempDirSync();
  try {
    const settings: Record<string, string>[] = [
      { HOME: `${base}/h` },
      { HOME: `${base}/h`, XDG_CONFIG_HOME: `${base}/xc`, XDG_CACHE_HOME: `${base}/xh` },
      { HOME: `${base}/h`, XDG_CONFIG_HOME: `${base}/xc`, BORG_BASE_DIR: `${base}/b` },
      { HOME: `${base}/h`, BORG_CONFIG_DIR: `${base}/c`, BORG_CACHE_DIR: `${base}/cc` },
      { HOME: `${base}/h`, BORG_KEYS_DIR: `${base}/k`, BORG_SECURITY_DIR: `${base}/s` },
    ];
    const script = `
import json, os, sys
from borg.helpers import get_keys_dir, get_security_dir, get_cache_dir
answers = []
clean = {k: v for k, v in os.environ.items() if not k.startswith(('BORG_', 'XDG_'))}
for env in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(clean)
    os.environ.update(env)
    answers.append([get_keys_dir(), get_security_dir(), get_cache_dir()])
print(json.dumps(answers))`;
    const wanted = borgPython<string[][]>(script, settings);
    const uid = process.getuid?.() ?? null;
    const homeOf = (user: number | string) => user === uid ? userInfo().homedir : null;
    const ours = settings.map((env) => {
      const { keys, security, borgCache } = baseDirs({ env, uid, currentDirectory: "/", homeOf });
      return [keys, security, borgCache];
    });
    assert.deepEqual(ours, wanted);
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
});
