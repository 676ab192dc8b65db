/**
 * Every command over a real ssh: our client with borg's server and with our own. What they leave behind is judged by borg on
 * the spot, and by what the same command says of the repository without ssh.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { type Sshd, sshTest, startSshd } from "../fixtures/sshd.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
/** Our server, as a shell starts it. */
const ALCOVE_SERVER = `${Deno.execPath()} run -A --no-prompt --quiet ${MAIN}`;
const SERVERS = { borg: "borg", Alcove: ALCOVE_SERVER };

/** A home of its own for what runs at the server. */
function startServer(place: Workplace): Promise<Sshd> {
  return startSshd({ BORG_BASE_DIR: join(place.path, "server-home") });
}

function makeSource(place: Workplace): void {
  fs.mkdirSync(join(place.path, "src/folder"), { recursive: true });
  fs.writeFileSync(join(place.path, "src/file"), "some text\n".repeat(1000));
  for (let n = 0; n < 50; n++) fs.writeFileSync(join(place.path, `src/folder/${n}`), `number ${n}`);
  const large = new Uint8Array(3_000_000);
  for (let i = 0; i < large.length; i++) large[i] = (i * 7919) >> 5;
  fs.writeFileSync(join(place.path, "src/large"), large);
}

for (const [name, program] of Object.entries(SERVERS)) {
  sshTest(`every command works through ssh with the server of ${name}`, async () => {
    using place = workplace();
    await using sshd = await startServer(place);
    makeSource(place);
    const local = join(place.path, "repo");
    const remote = `${sshd.prefix}${local}`;
    const env = {
      BORG_RSH: sshd.rsh(),
      BORG_REMOTE_PATH: program,
      BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "YES",
    };
    const alcove = (...args: string[]) => place.alcove(args, { env });
    const here = (...args: string[]) =>
      place.alcove(args, {
        env: { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes", BORG_BASE_DIR: `${place.path}/else` },
      });

    alcove("init", "-e", "repokey-blake2", remote);
    const created = JSON.parse(alcove("create", "--json", `${remote}::first`, "src").stdout);
    assert.equal(created.archive.stats.nfiles, 52);
    fs.writeFileSync(join(place.path, "src/new"), "new");
    fs.appendFileSync(join(place.path, "src/file"), "changed\n");
    const again = JSON.parse(alcove("create", "--json", "-C", "zstd", `${remote}::second`, "src").stdout);
    assert.ok(again.archive.stats.deduplicated_size < created.archive.stats.deduplicated_size / 5);

    // What reads says the same through ssh and without it.
    const readers: ((repository: string) => string[])[] = [
      (repository) => ["list", "--short", repository],
      (repository) => ["list", "--json-lines", `${repository}::first`],
      (repository) => ["diff", "--json-lines", `${repository}::first`, "second"],
      (repository) => ["debug", "dump-manifest", repository, "-"],
    ];
    for (const reader of readers) {
      assert.equal(alcove(...reader(remote)).stdout, here(...reader(local)).stdout, reader("").join(" "));
    }
    const info = JSON.parse(alcove("info", "--json", `${remote}::second`).stdout);
    assert.equal(info.archives[0].stats.nfiles, 53);
    assert.equal(info.repository.location, remote);
    assert.deepEqual(info.cache.stats, JSON.parse(here("info", "--json", local).stdout).cache.stats);

    fs.mkdirSync(join(place.path, "out"));
    place.alcove(["extract", `${remote}::second`], { env, cwd: join(place.path, "out") });
    assert.deepEqual(
      fs.readFileSync(join(place.path, "out/src/large")),
      fs.readFileSync(join(place.path, "src/large")),
    );
    alcove("export-tar", `${remote}::first`, "first.tar");
    alcove("import-tar", `${remote}::imported`, "first.tar");
    alcove("check", "--verify-data", remote);
    alcove("check", "--repair", remote);
    alcove("rename", `${remote}::imported`, "renamed");
    alcove("recreate", "--exclude", "*/large", "-C", "lzma", "--recompress=always", `${remote}::renamed`);
    assert.doesNotMatch(alcove("list", `${remote}::renamed`).stdout, /large/);
    place.alcove(["key", "change-passphrase", remote], {
      env: { ...env, BORG_NEW_PASSPHRASE: "correct horse" },
    });
    alcove("key", "export", remote, "key");
    alcove("key", "import", remote, "key");
    assert.equal(alcove("with-lock", remote, "echo", "locked").stdout, "locked\n");
    alcove("break-lock", remote);
    alcove("delete", `${remote}::renamed`);
    alcove("prune", "--keep-last", "1", remote);
    assert.equal(alcove("list", "--short", remote).stdout, "second\n");
    alcove("compact", remote);
    const [client, server] = alcove("version", remote).stdout.trim().split(" / ");
    assert.equal(server, name === "borg" ? place.borg(["--version"]).stdout.trim().split(" ")[1] : client);
    assert.match(
      place.alcove(["config", remote, "id"], { env, code: 2 }).stderr,
      /is at a server: this command must run there/,
    );

    place.borg(["check", "--verify-data", local], {
      env: { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes", BORG_BASE_DIR: `${place.path}/else` },
    });
    place.alcove(["delete", remote], { env: { ...env, BORG_DELETE_I_KNOW_WHAT_I_AM_DOING: "YES" } });
    assert.equal(fs.existsSync(local), false);
  });
}

sshTest("all forms of a remote location find the repository", async () => {
  using place = workplace();
  await using sshd = await startServer(place);
  fs.mkdirSync(join(place.path, "server-home/deep"), { recursive: true });
  const local = join(place.path, "server-home/deep/repo");
  place.alcove(["init", "-e", "none", local]);
  const rsh = `${sshd.rsh()} -p ${sshd.port}`;
  const forms = [
    `127.0.0.1:${local}`,
    `ssh://127.0.0.1${local}`,
    `ssh://127.0.0.1:${sshd.port}${local}`,
    "127.0.0.1:~/deep/repo",
    "ssh://127.0.0.1/~/deep/repo",
  ];
  for (const program of Object.values(SERVERS)) {
    for (const form of forms) {
      const args = ["list", "--rsh", rsh, "--remote-path", program, form];
      const env = { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" };
      assert.equal(place.alcove(args, { env }).code, 0, form);
    }
  }
});
