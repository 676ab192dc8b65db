/** How often a far server has to be waited for: never once for each archive. Counted between our client and both servers. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { workplace } from "../fixtures/alcove.ts";
import type { PipeCounts } from "../fixtures/count_pipe.ts";

const COUNT_PIPE = new URL("../fixtures/count_pipe.ts", import.meta.url).pathname;
const ARCHIVES = 24;

Deno.test("no command waits for the server once for each archive", () => {
  using place = workplace({ BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" });
  const local = join(place.path, "repo");
  place.borg(["init", "-e", "repokey", local]);
  fs.mkdirSync(join(place.path, "src"));
  for (let n = 0; n < ARCHIVES; n++) {
    fs.writeFileSync(join(place.path, `src/${n}`), `number ${n}`);
    place.borg(["create", `${local}::a${n}`, "src"]);
  }
  const counts = join(place.path, "counts.json");
  const rsh = `${Deno.execPath()} run -A --no-prompt ${COUNT_PIPE} ${counts}`;
  let homes = 0;
  /** With nothing in the cache. */
  const cold = (...args: string[]): PipeCounts => {
    const env = {
      BORG_RSH: rsh,
      BORG_REMOTE_PATH: "borg",
      BORG_BASE_DIR: join(place.path, `home-${homes++}`),
    };
    place.alcove(args, { env });
    return JSON.parse(fs.readFileSync(counts, "utf8"));
  };
  const remote = `ssh://host${local}`;

  const manifest = cold("list", remote);
  assert.deepEqual(manifest.calls, { negotiate: 1, open: 1, get: 1, load_key: 1 });
  const rows: [args: string[], gets: number, rounds: number][] = [
    [["list", "--format", "{archive} {comment}{NL}", remote], ARCHIVES, 3],
    // Each archive, and its items.
    [["info", remote], 2 * ARCHIVES, 4],
    [["info", "--last", String(ARCHIVES), remote], 3 * ARCHIVES, 5],
    [["check", "--archives-only", remote], 2 * ARCHIVES, 9],
    [["diff", `${remote}::a1`, "a2"], 4, 4],
    [["delete", `${remote}::a3`], 2 * ARCHIVES, 9],
  ];
  for (const [args, gets, most] of rows) {
    const { calls, rounds } = cold(...args);
    const what = `${args.slice(0, 2).join(" ")}: ${JSON.stringify(calls)}, ${rounds} round trips`;
    assert.ok(calls["get"]! >= gets, what);
    // A slow machine may be silent where it has more to say.
    assert.ok(rounds <= most + 4, what);
    assert.ok(calls["get"]! <= gets + 2, what);
    assert.equal(calls["open"], 1, what);
  }

  const backup = cold("create", `${remote}::new`, "src");
  const once = [
    "negotiate",
    "open",
    "get",
    "load_key",
    "get_free_nonce",
    "commit_nonce_reservation",
    "commit",
  ];
  for (const method of [...once, "__len__"]) assert.equal(backup.calls[method], 1, method);
  assert.ok(backup.rounds <= 5 + 4, `${backup.rounds} round trips`);
});
