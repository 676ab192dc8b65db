/** What this machine trusts of a repository: moved, set back, swapped and unknown ones are noticed, by both programs. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";

const MODERN = { BORG_EXIT_CODES: "modern" };

function repository(place: Workplace, mode: string, name = "repo"): void {
  place.alcove(["init", "-e", mode, name]);
  fs.mkdirSync(join(place.path, "src"), { recursive: true });
  fs.writeFileSync(join(place.path, "src/a"), "a");
  place.alcove(["create", `${name}::a`, "src"]);
}

const copy = (place: Workplace, from: string, to: string): void =>
  fs.cpSync(join(place.path, from), join(place.path, to), { recursive: true });

borgTest("a repository that was moved is asked about, by both programs", () => {
  using place = workplace();
  repository(place, "repokey");
  fs.renameSync(join(place.path, "repo"), join(place.path, "moved"));
  place.alcove(["list", "moved"], { code: 62, env: MODERN });
  place.alcove(["list", "moved"], {
    code: 2,
    env: { BORG_RELOCATED_REPO_ACCESS_IS_OK: undefined! },
    input: "n\n",
  });
  place.alcove(["list", "moved"], { env: { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" } });
  // Now it is known there, to borg as well.
  place.alcove(["list", "moved"]);
  place.borg(["list", "moved"]);
});

borgTest("a repository whose key has lost its passphrase elsewhere is asked about", () => {
  using place = workplace();
  repository(place, "repokey");
  // As a server could exchange the key for one of its own: nobody would be asked for a passphrase.
  const stranger = { BORG_BASE_DIR: join(place.path, "stranger") };
  place.borg(["key", "change-passphrase", "repo"], { env: { ...stranger, BORG_NEW_PASSPHRASE: "" } });
  const untold = { ...MODERN, BORG_PASSPHRASE: undefined!, BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "no" };
  place.alcove(["create", "repo::b", "src"], { code: 60, env: untold });
  const agreed = { BORG_PASSPHRASE: "", BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes" };
  place.alcove(["create", "repo::b", "src"], { env: agreed });
  place.alcove(["list", "repo"], { env: untold });
  // Who takes it away here is not asked.
  place.alcove(["key", "change-passphrase", "repo"], { env: { ...untold, BORG_NEW_PASSPHRASE: "one" } });
  const one = { ...untold, BORG_PASSPHRASE: "one" };
  place.alcove(["list", "repo"], { env: one });
  place.alcove(["key", "change-passphrase", "repo"], { env: { ...one, BORG_NEW_PASSPHRASE: "" } });
  place.alcove(["list", "repo"], { env: untold });
});

borgTest("a repository that was set back to an older state is refused, by both programs", () => {
  using place = workplace();
  repository(place, "repokey");
  copy(place, "repo", "old");
  place.alcove(["create", "repo::b", "src"]);
  fs.rmSync(join(place.path, "repo"), { recursive: true });
  copy(place, "old", "repo");
  const { stderr } = place.alcove(["list", "repo"], { code: 64, env: MODERN });
  assert.equal(stderr.trim().split("\n").length, 1);
  place.borg(["list", "repo"], { code: 2 });
  // borg's newer state counts for us too.
  using other = workplace();
  repository(other, "repokey");
  copy(other, "repo", "old");
  other.borg(["create", "repo::b", "src"]);
  fs.rmSync(join(other.path, "repo"), { recursive: true });
  copy(other, "old", "repo");
  other.alcove(["create", "repo::c", "src"], { code: 64, env: MODERN });
});

Deno.test("a repository whose encryption was taken away, or is unknown and has none, is refused", () => {
  using place = workplace();
  repository(place, "none");
  const stranger = { BORG_BASE_DIR: join(place.path, "stranger") };
  place.alcove(["list", "repo"], {
    code: 60,
    env: { ...MODERN, ...stranger, BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "no" },
  });
  place.alcove(["list", "repo"], { env: { ...stranger, BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes" } });
  place.alcove(["list", "repo"], { env: { ...stranger, BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "no" } });
  // The server swaps the encrypted repository for one without encryption, under the same id.
  repository(place, "repokey", "secret");
  const idOf = (name: string) =>
    /^id = (.*)$/m.exec(fs.readFileSync(join(place.path, name, "config"), "utf8"))![1]!;
  const secret = idOf("secret");
  const config = join(place.path, "repo/config");
  fs.writeFileSync(config, fs.readFileSync(config, "utf8").replace(idOf("repo"), secret));
  fs.rmSync(join(place.path, "secret"), { recursive: true });
  fs.renameSync(join(place.path, "repo"), join(place.path, "secret"));
  place.alcove(["list", "secret"], { code: 61, env: MODERN });
});
