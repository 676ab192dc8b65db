import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { pseudoRandom } from "../../fixtures/tree.ts";

const PIPE = new URL("../../fixtures/delay_pipe.ts", import.meta.url).pathname;

function through(input: Uint8Array, ...args: string[]) {
  return spawnSync(Deno.execPath(), ["run", "-A", "--no-prompt", "--quiet", PIPE, ...args], {
    input,
    maxBuffer: 1 << 26,
  });
}

Deno.test("delay_pipe carries every byte both ways, and gives the command's exit code and standard error", () => {
  const data = pseudoRandom("delayed", 5_000_000);
  const { status, stdout, stderr } = through(
    data,
    "5",
    "-p",
    "22",
    "user@host",
    "cat;",
    "echo done >&2; exit 7",
  );
  assert.equal(status, 7);
  assert.equal(new TextDecoder().decode(stderr), "done\n");
  assert.equal(stdout.length, data.length);
  assert.ok(new Uint8Array(stdout).every((byte, at) => byte === data[at]));
});

Deno.test("delay_pipe ends with a command that does not read what it is sent", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "--quiet", PIPE, "5", "host", "echo short"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  // It may end before it has taken all: `spawnSync` then tells of the broken pipe and not of the exit code.
  const sent = new Blob([pseudoRandom("unread", 1_000_000).slice()]).stream().pipeTo(child.stdin);
  const [{ code, stdout }] = await Promise.all([child.output(), sent.catch(() => {})]);
  assert.equal(code, 0);
  assert.equal(new TextDecoder().decode(stdout), "short\n");
});

Deno.test("delay_pipe says how it is used", () => {
  assert.equal(through(new Uint8Array(0), "nonsense", "host", "cat").status, 255);
  assert.equal(through(new Uint8Array(0), "5", "host").status, 255);
});
