/**
 * A server that fetches: it offers a repository at a socket, which reaches the client through the server's own ssh. The
 * commands are those of `alcove help remote`; each end is ours, or borg's.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { HELP_TOPICS } from "../../cli/help_topics.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest, run } from "../fixtures/borg.ts";
import { processesOf, until } from "../fixtures/processes.ts";
import { sshTest, startSshd } from "../fixtures/sshd.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const SOCKET = "/run/alcove/repo.sock";
const ENDS = [["alcove", "alcove"], ["alcove", "borg"], ["borg", "alcove"]] as const;

/** The one command of the help topic that begins so. */
function command(beginning: string): string {
  const { text } = HELP_TOPICS.find(({ name }) => name === "remote")!;
  const found = text.split("\n").filter((line) => line.startsWith(`    ${beginning}`));
  assert.equal(found.length, 1, beginning);
  return found[0]!.trim();
}

/** Both ends of the recipe, in one folder. */
class Recipe implements AsyncDisposable {
  readonly env: Record<string, string>;
  readonly serverSocket: string;
  readonly clientSocket: string;
  readonly repository: string;
  #server: Deno.ChildProcess | null = null;

  constructor(readonly place: Workplace, readonly client: string, readonly server: string) {
    const inside = (name: string) => join(place.path, name);
    fs.mkdirSync(inside("bin"));
    fs.writeFileSync(
      inside("bin/alcove"),
      `#!/bin/sh\nexec '${Deno.execPath()}' run -A --no-prompt --quiet '${MAIN}' "$@"\n`,
      { mode: 0o755 },
    );
    this.env = { ...place.env, PATH: `${inside("bin")}${delimiter}${process.env["PATH"]}` };
    this.serverSocket = inside("server.sock");
    this.clientSocket = inside("client.sock");
    this.repository = inside("backup/host1");
    fs.mkdirSync(inside("backup"));
    fs.mkdirSync(inside("src"));
    fs.writeFileSync(inside("src/file"), "some text\n".repeat(100_000));
  }

  /** A command of the topic as it is said here. */
  here(text: string, socket: string): string {
    return text
      .replaceAll("/srv/backup/host1", this.repository)
      .replaceAll("alcove serve", `${this.server} serve`)
      .replace(/^alcove create/, `${this.client} create`)
      .replace(` -R ${SOCKET}:${SOCKET}`, ` -R ${this.clientSocket}:${this.serverSocket}`)
      .replaceAll(SOCKET, socket)
      .replace(/ \/home$/, ` ${this.place.path}/src`);
  }

  async listen(): Promise<void> {
    const script = this.here(command("socat UNIX-LISTEN"), this.serverSocket);
    this.#server = new Deno.Command("/bin/sh", {
      args: ["-c", `exec ${script}`],
      env: { ...this.env, BORG_BASE_DIR: `${this.place.path}/server-home` },
      cwd: this.place.path,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until(() => fs.existsSync(this.serverSocket), "socat to listen");
  }

  /** What is typed at the client: the topic's lines, with `commands` before the last. */
  session(socket: string, ...commands: string[]): string {
    const location = `ssh://server${this.repository}`;
    const elsewhere = `ssh://server${this.place.path}/elsewhere`;
    return [
      "set -e",
      `cd '${this.place.path}'`,
      this.here(command('export BORG_RSH="sh -c'), socket),
      `${this.client} init --encryption repokey ${location}`,
      this.here(command("alcove create ssh://server"), socket),
      ...commands.map((text) =>
        text.replace("ELSEWHERE", elsewhere).replaceAll("PROGRAM", this.client).replaceAll("REPO", location)
      ),
      this.here(command(`rm ${SOCKET}`), socket),
    ].join("\n");
  }

  /** What both kinds of the recipe end in. */
  async judge(stdout: string): Promise<void> {
    assert.match(stdout, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\n$/m);
    const left = () => fs.readdirSync(this.repository).filter((name) => name.startsWith("lock."));
    await until(() => left().length === 0, "the server to give its lock back");
    // It stands where it was, and was kept append-only: what was deleted can be brought back.
    assert.ok(fs.existsSync(join(this.repository, "transactions")));
    const env = { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes", BORG_BASE_DIR: `${this.place.path}/judge` };
    this.place.borg(["check", "--verify-data", this.repository], { env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server?.kill("SIGTERM");
    await this.#server?.status;
    await until(() => processesOf(this.place.path).length === 0, "the end of all");
  }
}

const COMMANDS = [
  "PROGRAM list --short REPO",
  "mkdir out; cd out; PROGRAM extract --strip-components 99 REPO::$(PROGRAM list --short REPO); cd ..",
  "PROGRAM create REPO::second src",
  "PROGRAM check REPO",
  "PROGRAM delete REPO::second",
  "if PROGRAM init --encryption none ELSEWHERE; then exit 3; fi",
];

for (const [client, server] of ENDS) {
  borgTest(`the socket recipe works with the client of ${client} and the server of ${server}`, async () => {
    using place = workplace();
    await using recipe = new Recipe(place, client, server);
    await recipe.listen();
    const { code, stdout, stderr } = run(
      "/bin/sh",
      ["-c", recipe.session(recipe.serverSocket, ...COMMANDS)],
      {
        env: recipe.env,
      },
    );
    assert.equal(code, 0, stderr);
    await recipe.judge(stdout);

    assert.match(stderr, /not allowed/);
    assert.equal(fs.existsSync(join(place.path, "elsewhere")), false);
  });

  sshTest(`a server of ${server} fetches from a client of ${client} through its own ssh`, async () => {
    using place = workplace();
    await using recipe = new Recipe(place, client, server);
    // The ssh server is the machine whose files are saved.
    await using sshd = await startSshd({ ...recipe.env, BORG_BASE_DIR: `${place.path}/client-home` });
    await recipe.listen();
    const [program, ...args] = recipe.here(command("ssh -R"), "").split(" ");
    assert.equal(program, "ssh");
    args[args.length - 1] = "127.0.0.1";
    const [, ...settings] = sshd.rsh().split(" ");
    const { code, stdout, stderr } = run("ssh", [
      ...settings,
      "-p",
      `${sshd.port}`,
      ...args,
      recipe.session(recipe.clientSocket, "PROGRAM list --short REPO"),
    ]);
    assert.equal(code, 0, stderr);
    await recipe.judge(stdout);
    assert.equal(fs.existsSync(recipe.clientSocket), false);
  });
}
