/** The ssh server that other tests use: real borg works through it, and a forced command is all that a key may run. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgVersion, run } from "../fixtures/borg.ts";
import { sshTest, startSshd } from "../fixtures/sshd.ts";
import { workplace } from "../fixtures/alcove.ts";

sshTest("borg works through the tests' own ssh server, with and without a forced command", async () => {
  using place = workplace();
  const server = { BORG_BASE_DIR: join(place.path, "server home") };
  await using sshd = await startSshd(server);
  const plain = sshd.rsh().split(" ");
  const ran = run(plain[0]!, [...plain.slice(1), "-p", `${sshd.port}`, "127.0.0.1", 'echo "$BORG_BASE_DIR"']);
  assert.deepEqual(ran, { code: 0, stdout: `${server.BORG_BASE_DIR}\n`, stderr: "" });

  fs.mkdirSync(join(place.path, "src"));
  fs.mkdirSync(join(place.path, "allowed"));
  fs.writeFileSync(join(place.path, "src/a"), "a");
  const forced = sshd.rsh(`borg serve --restrict-to-path ${join(place.path, "allowed")}`);
  const said = forced.split(" ");
  const refused = run(said[0]!, [...said.slice(1), "-p", `${sshd.port}`, "127.0.0.1", "echo no such luck"]);
  assert.doesNotMatch(refused.stdout, /luck/);
  if (borgVersion === null) return;
  for (const [folder, rsh] of [["anywhere", sshd.rsh()], ["allowed/repo", forced]] as const) {
    const repository = `${sshd.prefix}${join(place.path, folder)}`;
    const env = { BORG_RSH: rsh };
    place.borg(["init", "-e", "repokey", repository], { env });
    place.borg(["create", `${repository}::a`, "src"], { env });
    assert.equal(place.borg(["list", "--short", repository], { env }).stdout, "a\n");
  }
  const { stderr } = place.borg(["init", "-e", "none", `${sshd.prefix}${join(place.path, "other")}`], {
    env: { BORG_RSH: forced },
    code: 2,
  });
  assert.match(stderr, /not allowed/);
});
