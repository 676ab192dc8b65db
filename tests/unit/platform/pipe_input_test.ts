/** PipeInput on real FIFOs, and on standard input without poll. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { NOT_YET, openFiles, PipeInput } from "../../../core/platform/mod.ts";

const MODULE = new URL("../../../core/platform/mod.ts", import.meta.url).href;

/** `onWait` is told, each time that nothing is there, what was read so far. */
async function readAll(input: PipeInput, onWait: (text: string) => void): Promise<string> {
  const into = new Uint8Array(1000);
  let text = "";
  for (let got = input.read(into); got !== 0; got = input.read(into)) {
    if (got === NOT_YET) {
      onWait(text);
      await input.wait();
    } else text += new TextDecoder().decode(into.subarray(0, got));
  }
  return text;
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
      // The writer says more only when its silence was noticed.
      const writer = spawn("sh", ["-c", '(printf one; read _; printf two; read _) > "$1"', "sh", path]);
      const ended = new Promise((resolve) => writer.once("close", resolve));
      const silences: string[] = [];
      const text = await readAll(input, (text) => {
        if (text === "" || silences.includes(text)) return;
        silences.push(text);
        writer.stdin.write("\n");
      });
      assert.equal(text, "onetwo");
      assert.deepEqual(silences, ["one", "onetwo"]);
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
      const folder = fs.mkdtempSync(join(tmpdir(), "alcove-test-"));
      const code = `
        import { NOT_YET, openFiles, PipeInput, PortableFiles, STDIN } from ${JSON.stringify(MODULE)};
        const input = new PipeInput(${files}, STDIN);
        let ticks = 0;
        const timer = setInterval(() => {
          if (++ticks === 2) Deno.writeTextFileSync(Deno.args[0], "");
        }, 10);
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
        // The rest comes when timers have run; it comes at last where they do not.
        'file=$1; shift; (head -c 300000 /dev/zero; i=0; while [ $i -lt 600 ] && ! [ -e "$file" ]; do' +
        ' sleep 0.1; i=$((i + 1)); done; head -c 45 /dev/zero) | "$@" "$file"',
        ...["sh", join(folder, "ticked"), Deno.execPath(), "run", "-A", "-q", "--no-check"],
        `data:application/typescript,${encodeURIComponent(code)}`,
      ], { encoding: "utf8" });
      fs.rmSync(folder, { recursive: true });
      assert.equal(stdout, "300045 true\n", stderr);
    },
  });
}
