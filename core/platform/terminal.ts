/**
 * The person at the terminal: is there one, how wide is it, a line of text, a passphrase without echo. A passphrase is read
 * from the controlling terminal where there is one, so that it can be asked for while standard input is a pipe; a program
 * that ends meanwhile, by Ctrl-C or a signal, leaves the terminal as it was.
 */
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { isatty, ReadStream } from "node:tty";
import { LineEditor } from "./_line_editor.ts";
import { onSignal, raise, type StopSignal } from "./signals.ts";
import { readStdin, writeStderr } from "./stdio.ts";

export function isTerminal(fd: number): boolean {
  return isatty(fd);
}

/** Columns of the terminal that standard error goes to; `fallback` where it is none. */
export function terminalWidth(fallback = 80): number {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  try {
    const columns = deno === undefined ? process.stderr.columns : deno.consoleSize().columns;
    return columns > 0 ? columns : fallback;
  } catch {
    return fallback;
  }
}

/** The next line of standard input without its end, null at the end of the input. Blocks. */
export function readLine(): string | null {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  // Byte by byte: what follows the line belongs to whoever reads next.
  for (;;) {
    if (readStdin(one) === 0) {
      if (bytes.length === 0) return null;
      break;
    }
    if (one[0] === 0x0a) break;
    bytes.push(one[0]!);
  }
  if (bytes.at(-1) === 0x0d) bytes.pop();
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

/** A terminal in raw mode that hands out what is typed. */
interface RawTerminal {
  write(text: string): void;
  /** The next bytes, null at the end. */
  read(): Promise<Uint8Array | null>;
  /** Back to the mode before, and closed. Safe to call twice. */
  restore(): void;
}

/**
 * Prints `prompt` and reads a line that is not shown. Without a terminal the next line of standard input is taken, without a
 * prompt. Null where the input ends before a line, or the person types Ctrl-D on an empty line. Signals that end the program,
 * and Ctrl-C, do so after the terminal was restored.
 */
export async function readPassphrase(prompt: string): Promise<string | null> {
  const terminal = openTerminal();
  if (terminal === null) return readLine();
  let ended: StopSignal | null = null;
  const signals = onSignal((signal) => {
    ended = signal;
    terminal.restore();
    signals[Symbol.dispose]();
    raise(signal);
  });
  const editor = new LineEditor();
  try {
    terminal.write(prompt);
    for (;;) {
      const bytes = await terminal.read();
      if (bytes === null) return null;
      const end = editor.type(bytes);
      if (end === "interrupted") {
        terminal.write("\n");
        ended = "SIGINT";
        terminal.restore();
        signals[Symbol.dispose]();
        await interrupt();
        return null;
      }
      if (end !== null) return end === "accepted" ? editor.text() : null;
    }
  } finally {
    if (ended === null) terminal.write("\n");
    editor.wipe();
    signals[Symbol.dispose]();
    terminal.restore();
  }
}

/**
 * Sends this process the SIGINT that a terminal in raw mode does not send, and waits until its handlers have run; where it
 * has none the process ends.
 */
async function interrupt(): Promise<void> {
  const arrival = Promise.withResolvers<void>();
  using _listener = process.listenerCount("SIGINT") === 0
    ? null
    : onSignal(() => arrival.resolve(), ["SIGINT"]);
  raise("SIGINT");
  await arrival.promise;
}

function openTerminal(): RawTerminal | null {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  return deno === undefined ? openNodeTerminal() : openDenoTerminal(deno);
}

function openDenoTerminal(deno: typeof Deno): RawTerminal | null {
  let file: Deno.FsFile | null = null;
  try {
    file = deno.openSync("/dev/tty", { read: true, write: true });
  } catch {
    if (!deno.stdin.isTerminal()) return null;
  }
  const input = file ?? deno.stdin;
  input.setRaw(true);
  const buffer = new Uint8Array(256);
  let open = true;
  return {
    write(text) {
      if (!open) return;
      if (file) file.writeSync(new TextEncoder().encode(text));
      else writeStderr(new TextEncoder().encode(text));
    },
    async read() {
      const got = await input.read(buffer);
      return got === null ? null : buffer.subarray(0, got);
    },
    restore() {
      if (!open) return;
      open = false;
      input.setRaw(false);
      file?.close();
    },
  };
}

function openNodeTerminal(): RawTerminal | null {
  let fd: number;
  try {
    fd = openSync("/dev/tty", "r+");
  } catch {
    return null;
  }
  if (!isatty(fd)) {
    closeSync(fd);
    return null;
  }
  const stream = new ReadStream(fd);
  stream.setRawMode(true);
  let open = true;
  return {
    write: (text) => writeStderr(new TextEncoder().encode(text)),
    async read() {
      for await (const chunk of stream.iterator({ destroyOnReturn: false })) return chunk as Uint8Array;
      return null;
    },
    restore() {
      if (!open) return;
      open = false;
      stream.setRawMode(false);
      stream.destroy();
    },
  };
}
