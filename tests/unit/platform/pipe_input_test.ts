/** PipeInput on real FIFOs, and on standard input without poll. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { NOT_YET, openFiles, PipeInput } from "../../../core/platform/mod.ts";

const MODULE = new URL("../../../core/platform/mod.ts", import.meta.url).href;

async function readAll(input: PipeInput): Promise<{ text: string; waits: number }> {
  const into = new Uint8Array(1000);
  let text = "";
  let waits = 0;
  for (let got = input.read(into); got !== 0; got = input.read(into)) {
    if (got === NOT_YET) {
      waits++;
      await input.wait();
    } else text += new TextDecoder().decode(into.subarray(0, got));
  }
  return { text, waits };
}

Deno.test({
  name: "PipeInput waits for a FIFO's first writer, through its silence, and for its end",
  ignore: process.platform === "win32",
  async fn() {
    const folder = fs.mkdtempSync(join(tmpdir(), "alcove-test-"));
    try {
      const files = openFiles();
      assert.ok(files.poll !== undefined);
      const path = join(folder, "pipe");
      files.mkfifo(path, 0o600);
      const fd = files.open(path, { nonBlock: true });
      const input = new PipeInput(files, fd);
      assert.equal(input.read(new Uint8Array(1)), NOT_YET);
      const writer = spawn("sh", ["-c", '(printf one; sleep 0.3; printf two; sleep 0.3) > "$1"', "sh", path]);
      const ended = new Promise((resolve) => writer.once("close", resolve));
      const { text, waits } = await readAll(input);
      assert.equal(text, "onetwo");
      assert.ok(waits >= 2, String(waits));
      files.close(fd);
      await ended;
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  },
});

for (const [name, files] of [["of the system", "openFiles()"], ["portable", "new PortableFiles()"]]) {
  Deno.test({
    name: `PipeInput reads all of standard input, ${name}, and timers run meanwhile`,
    ignore: process.platform === "win32",
    fn() {
      const code = `
        import { NOT_YET, openFiles, PipeInput, PortableFiles, STDIN } from ${JSON.stringify(MODULE)};
        const input = new PipeInput(${files}, STDIN);
        let ticks = 0;
        const timer = setInterval(() => ticks++, 10);
        const into = new Uint8Array(100_000);
        let sum = 0;
        for (let got = input.read(into); got !== 0; got = input.read(into)) {
          if (got === NOT_YET) await input.wait();
          else sum += got;
        }
        clearInterval(timer);
        console.log(sum, ticks > 1);
        Deno.exit(0);`;
      const { stdout, stderr } = spawnSync("sh", [
        "-c",
        '(head -c 300000 /dev/zero; sleep 1; head -c 45 /dev/zero) | "$@"',
        ...["sh", Deno.execPath(), "run", "-A", "-q", "--no-check"],
        `data:application/typescript,${encodeURIComponent(code)}`,
      ], { encoding: "utf8" });
      assert.equal(stdout, "300045 true\n", stderr);
    },
  });
}
