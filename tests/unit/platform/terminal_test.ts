/** Passphrases: the keys (pure), and the real thing on a pseudo-terminal that Python provides. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { LineEditor } from "../../../core/platform/_line_editor.ts";

const keys = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("LineEditor takes characters, erases them whole, and forgets the line on Ctrl-U", () => {
  const editor = new LineEditor();
  assert.equal(editor.type(keys("wrong\x15aü€😀")), null);
  assert.equal(editor.text(), "aü€😀");
  editor.type(keys("\x7f\x7f"));
  assert.equal(editor.text(), "aü");
  editor.type(keys("\x08\x08\x7f\x7f\x1bb"));
  assert.equal(editor.text(), "b");
  assert.equal(editor.type(keys("\x04c\rignored")), "accepted");
  assert.equal(editor.text(), "bc");
  editor.wipe();
  assert.equal(editor.text(), "");
});

Deno.test("LineEditor is interrupted by Ctrl-C, and cancelled by Ctrl-D on an empty line", () => {
  assert.equal(new LineEditor().type(keys("abc\x03")), "interrupted");
  assert.equal(new LineEditor().type(keys("\x04")), "cancelled");
  assert.equal(new LineEditor().type(keys("\n")), "accepted");
});

const python = spawnSync("python3", ["-c", "import pty"]);

/**
 * Runs a program that reads a passphrase on a terminal of its own. `action` is Python that has `fd` (the terminal's other
 * side) and `pid`, run once the prompt was seen. Answers what the terminal showed, whether it echoes and takes lines
 * afterwards, and how the program ended. `last` is what it shows last.
 */
function onTerminal(action: string, last: string): { shown: string; restored: boolean; status: number } {
  const url = new URL("../../../core/platform/mod.ts", import.meta.url).href;
  const code = `
    import { readPassphrase, isTerminal } from ${JSON.stringify(url)};
    const answer = await readPassphrase("Secret: ");
    console.log("got " + JSON.stringify(answer) + " " + isTerminal(1));
    Deno.exit(7);`;
  const driver = `
import json, os, pty, select, signal, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = b""
def read(until, seconds=600):
    global shown
    end = time.time() + seconds
    while until not in shown and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                shown += os.read(fd, 4096)
            except OSError:
                break
read(b"Secret: ")
keep = os.open(os.readlink("/proc/%d/fd/0" % pid), os.O_RDWR | os.O_NOCTTY)
${action}
_, status = os.waitpid(pid, 0)
# What it wrote last may arrive after its end, and more than that must not come.
read(${JSON.stringify(last)}.encode(), 60)
read(b"never", 0.3)
flags = termios.tcgetattr(keep)[3]
restored = bool(flags & termios.ECHO) and bool(flags & termios.ICANON) and bool(flags & termios.ISIG)
print(json.dumps({"shown": shown.decode(), "restored": restored, "status": status}))`;
  const program = [
    "run",
    "-A",
    "-q",
    "--no-check",
    `data:application/typescript,${encodeURIComponent(code)}`,
  ];
  const result = spawnSync("python3", ["-c", driver, Deno.execPath(), ...program], { encoding: "utf8" });
  assert.equal(result.status, 0, result.stderr);
  return JSON.parse(result.stdout);
}

Deno.test({
  name: "readPassphrase() prompts, shows nothing of what is typed, and restores the terminal",
  ignore: python.status !== 0,
  fn() {
    const { shown, restored, status } = onTerminal(`os.write(fd, "geh\\x7fheim ü\\r".encode())`, "true\r\n");
    assert.equal(shown, 'Secret: \r\ngot "geheim ü" true\r\n');
    assert(restored);
    assert.equal(status >> 8, 7);
  },
});

Deno.test({
  name: "readPassphrase() lets Ctrl-C end the program, with the terminal restored",
  ignore: python.status !== 0,
  fn() {
    const { shown, restored, status } = onTerminal(`os.write(fd, b"half\\x03")`, "\r\n");
    assert.equal(shown, "Secret: \r\n");
    assert(restored);
    assert.equal(status & 0x7f, 2);
  },
});

Deno.test({
  name: "readPassphrase() answers null on Ctrl-D, with the terminal restored",
  ignore: python.status !== 0,
  fn() {
    const { shown, restored } = onTerminal(`os.write(fd, b"\\x04")`, "true\r\n");
    assert.equal(shown, "Secret: \r\ngot null true\r\n");
    assert(restored);
  },
});

Deno.test({
  name: "readPassphrase() restores the terminal when a signal ends the program",
  ignore: python.status !== 0,
  fn() {
    const { shown, restored, status } = onTerminal(`os.kill(pid, signal.SIGTERM)`, "Secret: ");
    assert.equal(shown, "Secret: ");
    assert(restored);
    assert.equal(status & 0x7f, 15);
  },
});

Deno.test("readPassphrase() takes the next line of standard input where there is no terminal", () => {
  const url = new URL("../../../core/platform/mod.ts", import.meta.url).href;
  const code = `import { readPassphrase } from ${JSON.stringify(url)};
    console.log(JSON.stringify([await readPassphrase("Secret: "), await readPassphrase("Again: ")]));`;
  const program = [
    "run",
    "-A",
    "-q",
    "--no-check",
    `data:application/typescript,${encodeURIComponent(code)}`,
  ];
  const result = spawnSync("setsid", ["-w", Deno.execPath(), ...program], {
    input: "geheim\n",
    encoding: "utf8",
  });
  assert.equal(result.stdout, '["geheim",null]\n', result.stderr);
});
