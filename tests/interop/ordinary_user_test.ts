/** As an ordinary user: what cannot be read or set is a warning or left out, and everything else is done. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { bundle } from "../../scripts/_bundle.ts";
import { borgTest, run } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";
import { makeTree, snapshot } from "../fixtures/tree.ts";

const NOBODY = 65534;
const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;

borgTest("an ordinary user backs up what it may read and restores what it may set", () => {
  if (process.getuid?.() !== 0) return console.log("skipped: only root can become another user");
  using place = workplace();
  const env = {
    ...place.env,
    BORG_EXIT_CODES: "modern",
    HOME: place.path,
    DENO_DIR: join(place.path, "deno-dir"),
  };
  // This user cannot enter root's folders: the runtime and the program come along.
  const deno = join(place.path, "deno");
  fs.copyFileSync(Deno.execPath(), deno);
  const bundled = bundle(MAIN);
  fs.renameSync(bundled.folder, join(place.path, "program"));
  makeTree(join(place.path, "tree"));
  fs.writeFileSync(join(place.path, "tree/secret"), "root's own", { mode: 0o600 });
  fs.mkdirSync(join(place.path, "tree/locked"), { mode: 0o700 });
  fs.chmodSync(place.path, 0o777);
  run("chmod", ["-R", "go+rX", join(place.path, "program")]);
  fs.mkdirSync(join(place.path, "out"));
  fs.chownSync(join(place.path, "out"), NOBODY, NOBODY);
  const asNobody = (command: string[], code: number, cwd = place.path): string => {
    const words = ["--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups", ...command];
    const ran = run("setpriv", words, { cwd, env });
    assert.equal(ran.code, code, `${command.at(-1)}: ${ran.stdout}${ran.stderr}`);
    return ran.stderr;
  };
  const alcove = (args: string[], code = 0, cwd?: string) =>
    asNobody([deno, "run", "-A", "--quiet", join(place.path, "program", bundled.main), ...args], code, cwd);
  alcove(["init", "-e", "repokey", "repo"]);
  const warnings = alcove(["create", "repo::a", "tree"], 105);
  assert.match(warnings, /tree\/secret: .*Permission denied/);
  assert.match(warnings, /tree\/locked: .*Permission denied/);
  alcove(["extract", "../repo::a"], 0, join(place.path, "out"));
  const mine = (list: Record<string, unknown>[]) =>
    list.filter(({ path }) => !["736563726574", "6c6f636b6564"].includes(path as string))
      // Owners are the user's own, and so the set-user-id bit of root's script may be gone or not.
      .map((entry) => ({ ...entry, uid: 0, gid: 0, mode: (entry["mode"] as number) & ~0o7000 }));
  assert.deepEqual(mine(snapshot(join(place.path, "out/tree"))), mine(snapshot(join(place.path, "tree"))));
  asNobody(["borg", "check", "--verify-data", "repo"], 0);
});
