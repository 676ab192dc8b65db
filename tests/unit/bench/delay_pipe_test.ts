import assert from "node:assert/strict";
import { pseudoRandom } from "../../fixtures/tree.ts";

const PIPE = new URL("../../fixtures/delay_pipe.ts", import.meta.url).pathname;

async function through(input: Uint8Array, ...args: string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "--quiet", PIPE, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // It may end before it has read all.
  const sending = new Blob([input as Uint8Array<ArrayBuffer>]).stream().pipeTo(child.stdin).catch(() => {});
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), sending]);
  return { status: code, stdout, stderr };
}

Deno.test("delay_pipe carries every byte both ways, and gives the command's exit code and standard error", async () => {
  const data = pseudoRandom("delayed", 5_000_000);
  const { status, stdout, stderr } = await through(
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
  assert.ok(stdout.every((byte, at) => byte === data[at]));
});

Deno.test("delay_pipe ends with a command that does not read what it is sent", async () => {
  const { status, stdout } = await through(pseudoRandom("unread", 1_000_000), "5", "host", "echo short");
  assert.equal(status, 0);
  assert.equal(new TextDecoder().decode(stdout), "short\n");
});

Deno.test("delay_pipe says how it is used", async () => {
  assert.equal((await through(new Uint8Array(0), "nonsense", "host", "cat")).status, 255);
  assert.equal((await through(new Uint8Array(0), "5", "host")).status, 255);
});
