/** What `alcove help remote` advises is what ssh and our server understand. The socket recipe: `pull_backup_test.ts`. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { HELP_TOPICS } from "../../cli/help_topics.ts";
import { workplace } from "../fixtures/alcove.ts";
import { run } from "../fixtures/borg.ts";
import { sshTest, startSshd } from "../fixtures/sshd.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const LINES = HELP_TOPICS.find(({ name }) => name === "remote")!.text.split("\n");

/** The lines below the one that reads `title`. */
function below(title: string): string[] {
  const start = LINES.indexOf(title) + 1;
  assert.ok(start > 0, title);
  const lines = LINES.slice(start);
  return lines.slice(0, lines.findIndex((line) => !line.startsWith("    ")));
}

sshTest("the key of help remote can do what the topic says, and nothing else", async () => {
  using place = workplace();
  const inside = (name: string) => join(place.path, name);
  fs.mkdirSync(inside("bin"));
  const program = `exec '${Deno.execPath()}' run -A --no-prompt --quiet '${MAIN}' "$@"`;
  fs.writeFileSync(inside("bin/alcove"), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  await using sshd = await startSshd({
    PATH: `${inside("bin")}${delimiter}${process.env["PATH"]}`,
    BORG_BASE_DIR: inside("server"),
  });
  const line = LINES.find((text) => text.trim().startsWith("command="))!.trim();
  const [, forced] = /^command="([^"]+)",restrict ssh-ed25519 AAAA/.exec(line)!;
  const env = {
    BORG_RSH: sshd.rsh(forced!.replace("/srv/backup/host1", inside("host1"))),
    BORG_REMOTE_PATH: "alcove",
  };
  const repository = `${sshd.prefix}${inside("host1")}`;
  place.alcove(["init", "--encryption", "repokey-blake2", repository], { env });
  place.alcove(["create", `${repository}::a`, "bin"], { env });
  place.alcove(["delete", `${repository}::a`], { env });
  assert.ok(fs.existsSync(inside("host1/transactions")), "append-only");
  const other = `${sshd.prefix}${inside("other")}`;
  assert.match(place.alcove(["init", "-e", "none", other], { env, code: 2 }).stderr, /not allowed/);
  const [ssh, ...args] = env.BORG_RSH.split(" ");
  run(ssh!, [...args, "-p", `${sshd.port}`, "127.0.0.1", `touch ${inside("other")}`]);
  assert.equal(fs.existsSync(inside("other")), false);
});

sshTest("ssh understands the settings of help remote, and its server too", async () => {
  using place = workplace();
  const client = join(place.path, "client");
  fs.writeFileSync(client, below("  In the client's ~/.ssh/config:").join("\n"));
  const { stdout } = run("ssh", ["-F", client, "-G", "nas.example"]);
  assert.match(stdout, /^serveraliveinterval 10$/m);
  assert.match(stdout, /^serveralivecountmax 30$/m);
  await using sshd = await startSshd();
  const settings = below("  In the server's /etc/ssh/sshd_config:").map((line) =>
    line.trim().replace(" ", "=")
  );
  assert.equal(settings.length, 2);
  const sshdProgram = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].find((path) => fs.existsSync(path))!;
  const key = sshd.rsh().split(" ").at(-1)!.replace(/key-\d+\.config$/, "host_key");
  const options = settings.flatMap((setting) => ["-o", setting]);
  const shown = run(sshdProgram, ["-T", "-f", "/dev/null", "-h", key, ...options]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^clientaliveinterval 10$/m);
  assert.match(shown.stdout, /^clientalivecountmax 30$/m);
});
