/** The paths of `--paths-from-stdin` and `--paths-from-command`, one by one as they arrive. */
import { childEnvironment, PipeInput, sleep, STDIN } from "../core/platform/mod.ts";
import { concatBytes, decodeText, encodeText } from "../core/bytes/mod.ts";
import { killChild, requireProgram } from "./child_program.ts";
import type { CommandContext } from "./context.ts";
import type { CreateValues } from "./create_options.ts";
import { commandError } from "./values.ts";

const BLOCK_BYTES = 1 << 16;

/** Escapes that a delimiter may have: \0 \n \t \\ and \xHH. */
function unescape(text: string): string {
  return text.replace(/\\(0|n|t|r|\\|x[0-9a-fA-F]{2})/g, (_, escape: string) => {
    const simple: Record<string, string> = { 0: "\0", n: "\n", t: "\t", r: "\r", "\\": "\\" };
    return simple[escape] ?? String.fromCharCode(parseInt(escape.slice(1), 16));
  });
}

/** In order. A promise stands for "nothing is there at the moment": go on when it is settled. */
export function* listedPaths(
  context: CommandContext,
  values: CreateValues,
  command: readonly string[],
): Generator<string | Promise<void>, void> {
  const delimiter = values.paths_delimiter === undefined ? "\n" : unescape(values.paths_delimiter);
  if (delimiter === "") throw commandError("--paths-delimiter must not be empty");
  const blocks = values.paths_from_stdin ? stdinBlocks(context) : commandBlocks(context, command);
  yield* split(blocks, encodeText(delimiter));
}

type Blocks = Generator<Uint8Array | Promise<void>, void>;

function* split(blocks: Blocks, delimiter: Uint8Array): Generator<string | Promise<void>, void> {
  let rest: Uint8Array = new Uint8Array(0);
  for (const block of blocks) {
    if (block instanceof Promise) {
      yield block;
      continue;
    }
    const bytes = concatBytes(rest, block);
    let from = 0;
    for (let to = find(bytes, delimiter, from); to >= 0; to = find(bytes, delimiter, from)) {
      if (to > from) yield decodeText(bytes.subarray(from, to));
      from = to + delimiter.length;
    }
    rest = bytes.subarray(from);
  }
  if (rest.length > 0) yield decodeText(rest);
}

/** Where `delimiter` begins in `bytes`, not before `from`; -1: nowhere. */
function find(bytes: Uint8Array, delimiter: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(delimiter[0]!, from); at >= 0; at = bytes.indexOf(delimiter[0]!, at + 1)) {
    if (delimiter.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

function* stdinBlocks(context: CommandContext): Blocks {
  const input = new PipeInput(context.files, STDIN);
  for (;;) {
    const block = new Uint8Array(BLOCK_BYTES);
    const got = input.read(block);
    if (got === 0) return;
    yield got < 0 ? input.wait() : block.subarray(0, got);
  }
}

function* commandBlocks(context: CommandContext, command: readonly string[]): Blocks {
  const child = start(context, command);
  const kill = (): void => killChild(child, "SIGKILL");
  using _atSignal = context.atSignal(kill);
  const reader = child.stdout.getReader();
  try {
    for (;;) {
      const part = yield* whenThere(reader.read());
      if (part.done) break;
      yield part.value;
    }
    const { code, signal } = yield* whenThere(child.status);
    if (code === 0) return;
    throw commandError(`The command ${command[0]} failed: ${signal ?? `exit code ${code}`}`);
  } finally {
    kill();
  }
}

function start(context: CommandContext, command: readonly string[]): Deno.ChildProcess {
  requireProgram(context, command);
  // Ctrl-C is for us alone: what is named until then is still backed up in part.
  const [program, ...args] = Deno.build.os === "windows"
    ? command
    : ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", ...command];
  try {
    return new Deno.Command(program!, {
      args,
      env: childEnvironment(context.environment()),
      clearEnv: true,
      stdin: "inherit",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  } catch (error) {
    throw commandError(`Cannot run the command: ${(error as Error).message}`);
  }
}

/** How long the event loop is waited for at once, so that an interruption is noticed. */
const WAIT_MS = 100;

function* whenThere<T>(promise: Promise<T>): Generator<Promise<void>, T> {
  const settled: { value?: [T]; error?: [unknown] } = {};
  const done = promise.then(
    (value) => void (settled.value = [value]),
    (error) => void (settled.error = [error]),
  );
  while (settled.value === undefined) {
    if (settled.error !== undefined) throw settled.error[0];
    yield Promise.race([done, sleep(WAIT_MS)]);
  }
  return settled.value[0];
}
