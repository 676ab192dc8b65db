/**
 * A backup over ssh that is interrupted: by Ctrl-C, by signals to the client, to ssh and to the server, and by a server that
 * hangs. The repository stays whole, no lock is left, and nobody survives.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest, run } from "../fixtures/borg.ts";
import { processesOf, until } from "../fixtures/processes.ts";
import { ALCOVE_SERVE } from "../fixtures/serve_peer.ts";
import { sshTest, startSshd } from "../fixtures/sshd.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const FILES = 12;
const FILE_BYTES = 4_000_000;
/** So a first backup has some seconds of work to be interrupted in. It cannot end before that in any case: see `create`. */
const KIB_PER_SECOND = 3000;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Server {
  /** What a shell starts. */
  readonly command: string;
  /** Part of its command line, as `ps` shows it. */
  readonly mark: RegExp;
}

const SERVERS: Record<string, Server> = {
  borg: { command: "borg serve", mark: /borg serve/ },
  Alcove: { command: ALCOVE_SERVE.join(" "), mark: /main\.ts serve/ },
};

/** How the client reaches the server. */
interface Way {
  readonly prefix: string;
  readonly env: Record<string, string>;
}

/**
 * A "remote shell" that becomes the server. Like a server elsewhere it is in no terminal's group of processes, unless
 * `sameGroup`.
 */
function script(place: Workplace, { command }: Server, sameGroup = false): Way {
  const path = join(place.path, "rsh");
  const setsid = sameGroup ? "" : "setsid ";
  fs.writeFileSync(
    path,
    `#!/bin/sh\nexport BORG_BASE_DIR="${place.path}/server"\nexec ${setsid}${command}\n`,
    {
      mode: 0o755,
    },
  );
  return { prefix: "ssh://host", env: { BORG_RSH: path, BORG_EXIT_CODES: "modern" } };
}

/** A client in a group of processes of its own, as a shell makes one for each command. */
class Client {
  readonly #child: Deno.ChildProcess;
  readonly #stderr: Promise<string>;

  constructor(place: Workplace, args: readonly string[], env: Record<string, string>) {
    this.#child = new Deno.Command("setsid", {
      args: [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", MAIN, ...args],
      cwd: place.path,
      env: { ...place.env, ...env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#stderr = new Response(this.#child.stderr).text();
  }

  /** Ctrl-C in the terminal: all of the group gets it, unless it has ended. */
  interrupt(): void {
    try {
      process.kill(-this.#child.pid, "SIGINT");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async end(): Promise<{ code: number; stderr: string }> {
    const { code } = await this.#child.status;
    return { code, stderr: await this.#stderr };
  }
}

class Scene {
  readonly repository: string;
  readonly location: string;
  constructor(readonly place: Workplace, readonly way: Way, readonly server: Server) {
    this.repository = join(place.path, "repo");
    this.location = `${way.prefix}${this.repository}`;
    fs.mkdirSync(join(place.path, "src"));
    assert.equal(run("mkfifo", [join(place.path, "pipe")]).code, 0);
    place.alcove(["init", "-e", "repokey", this.location], { env: way.env });
  }

  /** A backup of new files, and of a pipe that has no writer: it does not end by itself. */
  create(name: string, options: readonly string[]): Client {
    for (let i = 0; i < FILES; i++) {
      fs.writeFileSync(join(this.place.path, `src/${i}`), pseudoRandom(`${name}${i}`, FILE_BYTES));
    }
    const args = [
      "create",
      `--upload-ratelimit=${KIB_PER_SECOND}`,
      ...options,
      "--read-special",
      `${this.location}::${name}`,
      "src",
      "pipe",
    ];
    return new Client(this.place, args, this.way.env);
  }

  get stored(): number {
    const data = join(this.repository, "data/0");
    // What was not committed is removed when a server ends.
    const size = (file: string) => fs.statSync(join(data, file), { throwIfNoEntry: false })?.size ?? 0;
    return fs.readdirSync(data).reduce((sum, file) => sum + size(file), 0);
  }

  /** A backup that has brought so much of it to the server. */
  async underWay(name: string, bytes: number, options: readonly string[] = []): Promise<Client> {
    const before = this.stored;
    const client = this.create(name, options);
    await until(() => this.stored > before + bytes, "the backup to be under way");
    return client;
  }

  /** Another one after each commit. */
  get index(): string {
    return fs.readdirSync(this.repository).filter((name) => /^index\.\d+$/.test(name)).join();
  }

  get locks(): string[] {
    return fs.readdirSync(this.repository).filter((name) => name.startsWith("lock."));
  }

  get everybody(): { pid: number; command: string }[] {
    // The tests' ssh server is not meant, but the client, which is told its settings.
    const settings = this.way.env["BORG_RSH"]!.split(" ").at(-1)!;
    return processesOf(this.place.path, settings).filter(({ command }) => !/sshd?: |\/sshd /.test(command));
  }

  one(mark: RegExp): number {
    const found = this.everybody.filter(({ command }) => mark.test(command) && !/setsid/.test(command));
    assert.equal(found.length, 1, JSON.stringify(this.everybody));
    return found[0]!.pid;
  }

  /** Nobody is left, and no lock: the server may take a moment longer than the client. */
  async over(): Promise<void> {
    await until(() => this.everybody.length === 0, `the end of ${JSON.stringify(this.everybody)}`);
    assert.deepEqual(this.locks, []);
  }

  archives(): string[] {
    const args = ["list", "--short", "--consider-checkpoints", this.location];
    return this.place.alcove(args, { env: this.way.env }).stdout.split("\n").filter(Boolean);
  }

  /** borg finds nothing wrong. */
  whole(): void {
    const env = { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes", BORG_BASE_DIR: `${this.place.path}/judge` };
    this.place.borg(["check", this.repository], { env });
  }

  /** The same once more works. What a checkpoint has, at least `saved` bytes, is not stored again. */
  resumes(name: string, saved: number): void {
    // A second, which is borg's own patience, may pass while a dead server's lock is removed.
    const args = ["create", "--json", "--lock-wait", "60", `${this.location}::${name}`, "src"];
    const { archive } = JSON.parse(this.place.alcove(args, { env: this.way.env }).stdout);
    assert.equal(archive.stats.nfiles, FILES);
    assert.ok(archive.stats.deduplicated_size < archive.stats.original_size + 1_000_000 - saved);
  }
}

for (const [name, server] of Object.entries(SERVERS)) {
  sshTest(`Ctrl-C during a backup over ssh to ${name} saves a checkpoint`, async () => {
    using place = workplace();
    await using sshd = await startSshd({ BORG_BASE_DIR: join(place.path, "server") });
    const scene = new Scene(place, {
      prefix: sshd.prefix,
      env: { BORG_RSH: sshd.rsh(), BORG_REMOTE_PATH: server.command.replace(/ serve$/, "") },
    }, server);
    const client = await scene.underWay("first", 10_000_000);
    client.interrupt();
    const { code, stderr } = await client.end();
    assert.equal(code, 130, stderr);
    assert.match(stderr, /saving a checkpoint/);
    assert.doesNotMatch(stderr, /Remote|bug|Error/);
    await scene.over();
    assert.deepEqual(scene.archives(), ["first.checkpoint"]);
    scene.resumes("first", 6_000_000);

    const twice = await scene.underWay("second", 5_000_000);
    twice.interrupt();
    await sleep(50);
    twice.interrupt();
    assert.equal((await twice.end()).code, 130);
    await scene.over();

    const terminated = await scene.underWay("third", 5_000_000);
    terminated.kill("SIGTERM");
    assert.equal((await terminated.end()).code, 143);
    await scene.over();

    // ssh goes, and with it the connection.
    const cut = await scene.underWay("fourth", 5_000_000);
    process.kill(scene.one(/^ssh /), "SIGKILL");
    const end = await cut.end();
    assert.equal(end.code, 2);
    assert.match(end.stderr, /^Connection closed by remote host: ssh was ended by SIGKILL\n$/);
    await scene.over();
    scene.whole();
  });
}

borgTest("Ctrl-C that reaches our server as well does not hurt it", async () => {
  using place = workplace();
  const server = SERVERS["Alcove"]!;
  const scene = new Scene(place, script(place, server, true), server);
  const client = await scene.underWay("first", 10_000_000);
  client.interrupt();
  const { code, stderr } = await client.end();
  assert.equal(code, 130, stderr);
  await scene.over();
  assert.deepEqual(scene.archives(), ["first.checkpoint"]);
  scene.resumes("second", 6_000_000);
  scene.whole();
});

borgTest("a server that is killed ends the backup with one sentence, and the next one goes on", async () => {
  for (const server of Object.values(SERVERS)) {
    using place = workplace();
    const scene = new Scene(place, script(place, server), server);
    for (const moment of ["at once", "later", "after a checkpoint"]) {
      let committed = scene.index;
      const before = scene.stored;
      const options = moment === "after a checkpoint" ? ["--checkpoint-interval=1"] : [];
      const client = await scene.underWay(moment, moment === "at once" ? 0 : 5_000_000, options);
      if (options.length > 0) {
        await until(() => {
          const stored = scene.stored - before;
          const last = committed;
          committed = scene.index;
          return committed !== last && stored > 12_000_000;
        }, "a checkpoint");
      }
      process.kill(scene.one(server.mark), "SIGKILL");
      const { code, stderr } = await client.end();
      assert.match(stderr, /^Connection (closed by|to) remote host[^\n]*\n$/);
      assert.ok([80, 81, 87].includes(code), `${code}`);
      await until(() => scene.everybody.length === 0, "the end of all");
      // Nobody was there to give the lock back; it is known to be stale.
      scene.resumes(`after ${moment}`, options.length > 0 ? 4_000_000 : 0);
      assert.deepEqual(scene.locks, []);
    }
    scene.whole();
  }
});

borgTest("a server that hangs is ended with the client by Ctrl-C", async () => {
  for (const server of Object.values(SERVERS)) {
    using place = workplace();
    const scene = new Scene(place, script(place, server), server);
    for (const presses of [1, 2]) {
      const client = await scene.underWay(`hangs-${presses}`, 3_000_000);
      process.kill(scene.one(server.mark), "SIGSTOP");
      await sleep(300);
      // The first press asks for a checkpoint, which a server that hangs does not save.
      const end = client.end();
      let ended = false;
      end.then(() => ended = true);
      // Two that come while the client has no turn are one to it: then more of them, at the pace of a patient person.
      for (let n = 0; !ended; n++) {
        client.interrupt();
        const pause = n < presses ? 50 : 5000;
        for (let waited = 0; waited < pause && !ended; waited += 50) await sleep(50);
      }
      assert.equal((await end).code, 130);
      await scene.over();
    }
    scene.whole();
  }
});

borgTest("a server that never says a word is ended with the client, by any signal", async () => {
  using place = workplace();
  const path = join(place.path, "rsh");
  fs.writeFileSync(path, "#!/bin/sh\necho ready >&2\nexec sleep 1000\n", { mode: 0o755 });
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    const client = new Client(place, ["list", `ssh://host${place.path}/repo`], { BORG_RSH: path });
    await until(() => processesOf(place.path).some(({ command }) => command === "sleep 1000"), "the server");
    client.kill(signal);
    const end = await client.end();
    assert.equal(end.code, code);
    await until(() => processesOf(place.path).length === 0, "the end of all");
  }
});

borgTest("nobody survives a client that is killed", async () => {
  for (const server of Object.values(SERVERS)) {
    using place = workplace();
    const scene = new Scene(place, script(place, server), server);
    const client = await scene.underWay("killed", 3_000_000);
    client.kill("SIGKILL");
    await client.end();
    await scene.over();
    scene.whole();
  }
});
