/** What is run to reach a repository at a server: compared with what the real borg runs for the same command line. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { findCommand, parseCommandArgs } from "../../../cli/args.ts";
import { COMMANDS } from "../../../cli/commands.ts";
import type { CommonValues } from "../../../cli/common_options.ts";
import type { CommandContext } from "../../../cli/context.ts";
import { remoteCommand } from "../../../cli/remote_store.ts";
import { resolveLocation } from "../../../cli/session_store.ts";
import { Host, openFiles, splitCommand, Users } from "../../../core/platform/mod.ts";
import { AppError } from "../../../core/errors.ts";
import { borgTest } from "../../fixtures/borg.ts";

interface Case {
  args: readonly string[];
  /** `RSH` in a value stands for the recording program, which is also the `ssh` that is found. */
  env?: Record<string, string>;
}

const CASES: Case[] = [
  { args: ["list", "ssh://host/repo"] },
  { args: ["list", "host:repo"] },
  { args: ["list", "user@host:~/repo"] },
  { args: ["list", "ssh://user@host.example:2222/./repo"] },
  { args: ["list", "ssh://[2001:db8::1]:2222/repo"] },
  { args: ["list", "ssh://user@[::1]/repo"] },
  { args: ["list", "user@[::1]:/repo"] },
  { args: ["list", "ssh://first.last@host/repo"] },
  { args: ["list", "ssh://user@-host/repo"] },
  { args: ["list", "ssh://host:0/repo"] },
  { args: ["list", "ssh://host:007/repo"] },
  { args: ["list", "::"], env: { BORG_REPO: "ssh://user@{hostname}:77/x" } },
  { args: ["list", "ssh://host/repo"], env: { BORG_RSH: `RSH -o "Server Alive=3" -i 'a b' c\\ d` } },
  { args: ["list", "--rsh", "RSH option", "ssh://host/repo"], env: { BORG_RSH: "RSH environment" } },
  { args: ["list", "--rsh", "", "ssh://host:5/repo"], env: { BORG_RSH: "RSH environment" } },
  { args: ["list", "ssh://host:5/repo"], env: { BORG_RSH: 'sh -c \'exec RSH inner "$0" "$@"\'' } },
  { args: ["list", "--remote-path", "/opt/my borg", "ssh://host/repo"], env: { BORG_REMOTE_PATH: "other" } },
  { args: ["list", "--remote-path", "", "ssh://host/repo"], env: { BORG_REMOTE_PATH: "other" } },
  { args: ["list", "ssh://host/repo"], env: { BORG_REMOTE_PATH: "borg-{hostname}-{user} {{x}}" } },
  { args: ["list", "--remote-path=nice borg", "ssh://{hostname}.example/repo"] },
  { args: ["-v", "list", "ssh://host/repo"] },
  { args: ["list", "--debug", "ssh://host/repo"] },
  { args: ["list", "--error", "ssh://host/repo"] },
  { args: ["list", "--critical", "-p", "ssh://host/repo"] },
  { args: ["list", "--umask", "77", "ssh://host/repo"] },
  { args: ["list", "--warning", "--log-json", "ssh://host/repo"] },
  {
    args: [
      ...["list", "--debug-topic", "repository", "--debug-topic", "files_cache"],
      ...["--debug-topic=repository.compaction", "--debug-topic=borg.debug.x", "ssh://host/repo"],
    ],
  },
  { args: ["init", "-e", "none", "--storage-quota", "5G", "ssh://host/repo"] },
  { args: ["init", "-e", "none", "--storage-quota", "1.5T", "--append-only", "--info", "ssh://host/repo"] },
  { args: ["init", "-e", "none", "ssh://host/repo"] },
];

/** What ours runs. */
async function ours({ args, env = {} }: Case): Promise<string[]> {
  const invocation = findCommand(args, COMMANDS.map(({ name }) => name));
  const { command } = await COMMANDS.find(({ name }) => name === invocation.command)!.load();
  const values = parseCommandArgs(command.spec, invocation.rest);
  const users = new Users(openFiles());
  const context = {
    common: values as unknown as CommonValues,
    env: (name: string) => env[name],
    host: new Host({ hostId: undefined, users }),
    users,
    startUs: 0,
    cwd: "/",
  } as unknown as CommandContext;
  const location = resolveLocation(context, values["location"] as string, {});
  const quota = values["storage_quota"] as number | undefined;
  return remoteCommand(context, location, quota === undefined ? {} : { storageQuota: quota });
}

/** A program that notes its name and arguments, and cannot connect. */
class Recorder implements Disposable {
  readonly folder = fs.mkdtempSync(join(tmpdir(), "alcove-rsh-"));
  readonly path = join(this.folder, "ssh");
  #count = 0;
  constructor() {
    fs.writeFileSync(this.path, `#!/bin/sh\nprintf '%s\\0' "$0" "$@" >"$RECORD"\nexit 255\n`, {
      mode: 0o755,
    });
  }

  in({ args, env = {} }: Case): Case {
    const put = (text: string) => text.replaceAll("RSH", this.path);
    return {
      args: args.map(put),
      env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, put(value)])),
    };
  }

  /** What was run by `program` with these arguments. */
  async run(program: string, args: readonly string[], env: Record<string, string>): Promise<string[]> {
    const record = join(this.folder, `${++this.#count}`);
    const { stderr } = await new Deno.Command(program, {
      args: [...args],
      cwd: this.folder,
      env: {
        BORG_BASE_DIR: this.folder,
        PATH: `${this.folder}${delimiter}${process.env["PATH"]}`,
        RECORD: record,
        ...env,
      },
      stdout: "null",
      stderr: "piped",
      stdin: "null",
    }).output();
    if (!fs.existsSync(record)) {
      assert.fail(`${args.join(" ")}: nothing was run: ${new TextDecoder().decode(stderr)}`);
    }
    return fs.readFileSync(record, "utf8").split("\0").slice(0, -1);
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

borgTest("the command line for the server is borg's, word for word", async () => {
  using recorder = new Recorder();
  const wrong: unknown[] = [];
  await Promise.all(CASES.map(async (plain) => {
    const { args, env = {} } = recorder.in(plain);
    const theirs = await recorder.run("borg", args, env);
    const [program, ...rest] = await ours({ args, env });
    const mine = program === "sh" || program === "ssh"
      ? await recorder.run(program, rest, {}) // what it becomes
      : [program, ...rest];
    if (JSON.stringify(mine) !== JSON.stringify(theirs)) wrong.push({ plain, mine, theirs });
  }));
  assert.deepEqual(wrong, []);
});

Deno.test("the command line for the server, by examples", async () => {
  const of = async (args: string[], env: Record<string, string> = {}) =>
    (await ours({ args, env })).join(" ");
  assert.equal(await of(["list", "ssh://me@[::1]:22/r"]), "ssh -p 22 me@::1 borg serve");
  assert.equal(
    await of(["list", "--debug", "h:r"], { BORG_RSH: "ssh -4", BORG_REMOTE_PATH: "alcove" }),
    "ssh -4 h alcove serve --debug",
  );
  // Other than borg's client, whose --umask goes for its own files alone.
  assert.equal(await of(["list", "--umask", "0022", "h:r"]), "ssh h borg serve --umask=0022");
  assert.equal(
    await of(["init", "-e", "none", "--storage-quota=20M", "h:r"]),
    "ssh h borg serve --storage-quota=20000000",
  );
});

Deno.test("a host that ssh would take for an option is refused", async () => {
  for (const location of ["ssh://-oProxyCommand=x/repo", "-oProxyCommand=x:repo", "ssh://-l@host/repo"]) {
    await assert.rejects(ours({ args: ["list", "--", location] }), (error) => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, "CommandError");
      assert.match(error.message, /^Cannot connect to '-.*': not a host name$/);
      return true;
    });
  }
});

Deno.test("a remote shell that is no command is refused by its name", async () => {
  for (const rsh of ["", "  ", "ssh 'open", "ssh \\"]) {
    await assert.rejects(
      ours({ args: ["list", "h:r"], env: { BORG_RSH: rsh } }),
      /BORG_RSH, is not a command/,
    );
  }
  assert.deepEqual(splitCommand("a 'b c'"), ["a", "b c"]);
});
