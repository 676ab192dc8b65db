import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pseudoRandom } from "../../fixtures/tree.ts";

const PIPE = new URL("../../fixtures/delay_pipe.ts", import.meta.url).pathname;

/** The input comes from a file: who writes to a pipe fails where its reader ends before it has taken everything. */
function through(input: Uint8Array, ...args: string[]) {
  const folder = fs.mkdtempSync(join(tmpdir(), "alcove-test-"));
  try {
    fs.writeFileSync(join(folder, "input"), input);
    const program = [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", PIPE, ...args];
    const script = ["-c", 'exec "$@" < "$0"', join(folder, "input")];
    return spawnSync("sh", [...script, ...program], { maxBuffer: 1 << 26 });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
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

Deno.test("delay_pipe ends with a command that does not read what it is sent", () => {
  const { status, stdout } = through(pseudoRandom("unread", 1_000_000), "5", "host", "echo short");
  assert.equal(status, 0);
  assert.equal(new TextDecoder().decode(stdout), "short\n");
});

Deno.test("delay_pipe says how it is used", () => {
  assert.equal(through(new Uint8Array(0), "nonsense", "host", "cat").status, 255);
  assert.equal(through(new Uint8Array(0), "5", "host").status, 255);
});
