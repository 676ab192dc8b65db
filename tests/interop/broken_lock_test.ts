/** Locks that are broken while a backup runs: what is committed meanwhile stays, as with borg, and the backup ends with one sentence. */
import assert from "node:assert/strict";
import { workplace } from "../fixtures/alcove.ts";
import { borgTest } from "../fixtures/borg.ts";

borgTest("a backup whose lock is broken fails and leaves the backup that was made meanwhile", () => {
  for (const program of ["alcove", "borg"] as const) {
    using place = workplace();
    place.borg(["init", "-e", "none", "repo"]);
    // The command gives enough for chunks to be stored before and after the lock is broken.
    const meanwhile = "head -c 9000000 /dev/urandom; borg break-lock repo; borg create repo::other home; " +
      "head -c 9000000 /dev/urandom";
    const { code, stderr } = place[program](
      ["create", "--content-from-command", "repo::first", "--", "sh", "-c", meanwhile],
      { code: null },
    );
    assert.equal(code, 2);
    if (program === "alcove") {
      assert.equal(
        stderr.trim().split("\n").at(-1)!.replace(/ \/[^:]*/, ""),
        "Cannot rely on the lock: it is not there any more, somebody has broken it",
      );
      assert.doesNotMatch(stderr, /bug/);
    }
    assert.equal(place.borg(["list", "--short", "repo"]).stdout, "other\n");
    place.borg(["check", "repo"]);
    place.alcove(["create", "repo::later", "home"]);
    place.borg(["check", "repo"]);
  }
});
