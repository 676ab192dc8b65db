/**
 * Three machines, two of them with our client and one with borg's, take turns on one repository, now through our server and
 * now through borg's: backups, deletes, prunes and compaction. ALCOVE_SOAK_ROUNDS sets how long.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type RunOptions, workplace } from "../fixtures/alcove.ts";
import { borgTest, type Ran } from "../fixtures/borg.ts";
import { ALCOVE } from "../fixtures/hostile.ts";
import { assertSameTree, makeTree, pseudoRandom } from "../fixtures/tree.ts";

const ROUNDS = Number(process.env["ALCOVE_SOAK_ROUNDS"] ?? 12);
/** Archives that are left standing. */
const KEPT = 5;

borgTest(`three clients and two servers alternate on one repository for ${ROUNDS} rounds`, () => {
  using place = workplace();
  const path = (name: string) => join(place.path, name);
  makeTree(path("tree"));
  // Stands in for ssh: what follows the host is run here.
  fs.writeFileSync(path("rsh"), '#!/bin/sh\nshift\nexec "$@"\n', { mode: 0o755 });
  fs.writeFileSync(path("alcove-server"), `#!/bin/sh\nexec ${ALCOVE.join(" ")} "$@"\n`, { mode: 0o755 });
  const location = `ssh://host${path("repo")}`;
  const servers = ["borg", path("alcove-server")];
  type Client = (args: readonly string[], server: string, options?: RunOptions) => Ran;
  const client = (program: "alcove" | "borg", home: string): Client => (args, server, options = {}) =>
    place[program](args, {
      ...options,
      env: { BORG_BASE_DIR: path(home), BORG_RSH: path("rsh"), BORG_REMOTE_PATH: server },
    });
  const clients: Client[] = [
    client("alcove", "home one"),
    client("borg", "home two"),
    client("alcove", "home three"),
  ];
  clients[0]!(["init", "-e", "repokey-blake2", location], servers[0]!);

  const archives: string[] = [];
  let last = "";
  for (let round = 0; round < ROUNDS; round++) {
    // Every client meets every server, and follows every other client, within six rounds.
    const server = servers[round % 2]!;
    const [now, other] = [clients[round % 3]!, clients[(round + 1 + round % 2) % 3]!];
    fs.writeFileSync(path(`tree/changing-${round % 3}`), pseudoRandom(`round ${round}`, 60_000));
    fs.appendFileSync(path("tree/random.bin"), `round ${round}`);
    if (round % 4 === 3) fs.rmSync(path("tree/changing-0"), { force: true });
    last = `round-${round}`;
    // A minute apart: of archives of one second `prune --keep-last` keeps only the last.
    const time = new Date(Date.UTC(2026, 0) + round * 60_000).toISOString().slice(0, 19);
    now(["create", "--timestamp", time, `${location}::${last}`, "tree"], server);
    archives.push(last);
    if (archives.length > KEPT) {
      const gone = archives.splice(round % KEPT, 1)[0]!;
      other(["delete", `${location}::${gone}`], servers[(round + 1) % 2]!);
    }
    if (round % 6 === 5) {
      other(["prune", "--keep-last", "3", location], server);
      archives.splice(0, archives.length - 3);
    }
    if (round % 5 === 4) now(["compact", "--threshold", "1", location], server);
    if (round % 10 === 7) other(["check", location], server);
    assert.equal(
      other(["list", "--short", location], server).stdout,
      archives.map((name) => `${name}\n`).join(""),
    );
  }

  for (const check of [clients[0]!, clients[1]!]) {
    for (const server of servers) check(["check", "--verify-data", location], server);
  }
  const lists = clients.map((list) => list(["list", location], servers[0]!).stdout);
  assert.deepEqual(lists, [lists[0], lists[0], lists[0]]);
  clients.forEach((extract, i) => {
    fs.mkdirSync(path(`out ${i}`));
    extract(["extract", `${location}::${last}`], servers[i % 2]!, { cwd: path(`out ${i}`) });
    assertSameTree(join(path(`out ${i}`), "tree"), path("tree"));
  });
  // Nothing that was deleted is left over, as far as compaction can tell.
  clients[2]!(["delete", "-a", "*", location], servers[1]!);
  clients[1]!(["compact", "--threshold", "0", "--cleanup-commits", location], servers[1]!);
  const left = fs.readdirSync(path("repo/data"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + fs.statSync(join(entry.parentPath, entry.name)).size, 0);
  assert.ok(left < 10_000, `left: ${left} bytes`);
});
