/** Our server behind a real ssh server: forced commands, and connections that break. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { workplace } from "../fixtures/alcove.ts";
import { borgVersion } from "../fixtures/borg.ts";
import { until } from "../fixtures/processes.ts";
import { ALCOVE_SERVE, ServePeer } from "../fixtures/serve_peer.ts";
import { sshTest, startSshd } from "../fixtures/sshd.ts";
import { idOf } from "../fixtures/store_env.ts";

sshTest("a forced command keeps a key to its folder, whoever the client is", async () => {
  using place = workplace();
  await using sshd = await startSshd({ BORG_BASE_DIR: join(place.path, "server-home") });
  const allowed = join(place.path, "allowed");
  fs.mkdirSync(allowed);
  fs.writeFileSync(join(place.path, "file"), "content");
  const serve = `${ALCOVE_SERVE.join(" ")} --restrict-to-path ${allowed} --append-only --storage-quota 10M`;
  const env = { BORG_RSH: sshd.rsh(serve), BORG_REMOTE_PATH: "whatever" };
  const clients = borgVersion === null ? [place.alcove] : [place.alcove, place.borg];
  for (const [n, client] of clients.entries()) {
    const repository = `${sshd.prefix}${allowed}/repo${n}`;
    client(["init", "-e", "none", repository], { env });
    const { stderr } = client(["create", "--debug", "--lock-wait", "3", `${repository}::a`, "file"], { env });
    assert.match(stderr, /Remote: The path of the repository/);
    client(["delete", repository], { env: { ...env, BORG_DELETE_I_KNOW_WHAT_I_AM_DOING: "YES" }, code: 2 });
    for (
      const outside of [`${place.path}/other`, `${allowed}/../other`, `${allowed}2`, "/./other", "/~/other"]
    ) {
      const refused = client(["init", "-e", "none", sshd.prefix + outside], { env, code: 2 });
      assert.match(refused.stderr, /not allowed/, outside);
    }
    const big = join(place.path, "big");
    fs.writeFileSync(big, Uint8Array.from({ length: 11_000_000 }, (_, i) => (i * i) >> 7));
    const over = client(["create", "-C", "none", `${repository}::b`, big], { env, code: 2 });
    assert.match(over.stderr, /quota/);
    fs.rmSync(big);
    assert.match(client(["list", "--short", repository], { env }).stdout, /^a$/m);
    assert.deepEqual(fs.readdirSync(join(allowed, `repo${n}`)).filter((name) => name.startsWith("lock")), []);
  }
});

sshTest("a connection that breaks leaves neither a lock nor half a transaction", async () => {
  using place = workplace();
  await using sshd = await startSshd({ BORG_BASE_DIR: join(place.path, "server-home") });
  place.alcove(["init", "-e", "none", "repo"]);
  const repo = join(place.path, "repo");
  const before = fs.readdirSync(join(repo, "data", "0"));
  const ssh = [...sshd.rsh().split(" "), "-p", `${sshd.port}`, "127.0.0.1", ALCOVE_SERVE.join(" ")];
  const peer = new ServePeer(ssh, { cwd: place.path });
  await peer.open(repo, { exclusive: true });
  for (let n = 0; n < 20; n++) await peer.result("put", { id: idOf(n), data: new Uint8Array(100_000) });
  assert.ok(fs.existsSync(join(repo, "lock.exclusive")));
  peer.kill("SIGKILL");
  await peer.finished();
  // The ssh server notices, and ends what it has started.
  const locks = () => fs.readdirSync(repo).filter((name) => name.startsWith("lock"));
  await until(() => locks().length === 0, "the server to give its lock back");
  assert.deepEqual(fs.readdirSync(join(repo, "data", "0")), before);
  place.alcove(["check", "repo"]);
});
