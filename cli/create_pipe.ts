/** Contents that come through a pipe: standard input (`-`) and `--content-from-command`; and lists of paths. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PipeEntry } from "../core/archive/mod.ts";
import { childEnvironment, readStdin, runProgram } from "../core/platform/mod.ts";
import { concatBytes, decodeText } from "../core/bytes/mod.ts";
import { onSource } from "../core/fs/mod.ts";
import { AppError, OsError } from "../core/errors.ts";
import type { CommandContext } from "./context.ts";
import type { CreateValues } from "./create_options.ts";
import { commandError } from "./values.ts";

function pipeItem(context: CommandContext, values: CreateValues): PipeEntry["item"] {
  const uid = context.users.userId(values.stdin_user);
  if (uid === null) throw new AppError("Error", [`There is no user ${values.stdin_user}`]);
  const gid = context.users.groupId(values.stdin_group);
  if (gid === null) throw new AppError("Error", [`There is no group ${values.stdin_group}`]);
  const now = BigInt(Math.floor(context.nowUs() / 1e6)) * 1_000_000_000n;
  return {
    path: values.stdin_name,
    mode: values.stdin_mode & 0o7777 | 0o100000,
    uid,
    gid,
    user: values.stdin_user,
    group: values.stdin_group,
    mtime: now,
    atime: now,
    ctime: now,
    hardlink_master: false,
  };
}

/** Standard input as a file. Trouble with it costs this one file. */
export function stdinEntry(context: CommandContext, values: CreateValues): PipeEntry {
  return {
    pipe: true,
    item: pipeItem(context, values),
    read: (into) => onSource("read", values.stdin_name, () => readStdin(into)),
    end: () => Promise.resolve(),
  };
}

/** In a dry run no pipe is read and no command started. */
export function dryEntry(context: CommandContext, values: CreateValues): PipeEntry {
  return { pipe: true, item: pipeItem(context, values), read: () => 0, end: () => Promise.resolve() };
}

/**
 * What a command prints as a file. The command writes to a FIFO that only we can open, so that reading can stay synchronous
 * like that of any file. A command that fails fails the backup.
 */
export function commandEntry(
  context: CommandContext,
  values: CreateValues,
  command: readonly string[],
): PipeEntry {
  const folder = fs.mkdtempSync(join(tmpdir(), "alcove-pipe-"));
  const fifo = join(folder, "pipe");
  context.files.mkfifo(fifo, 0o600);
  const child = new Deno.Command("sh", {
    // `exec` so that the command's own exit code is what we get; 127 and 126 are the shell's words for "cannot run".
    args: ["-c", 'fifo=$1; shift; exec "$@" > "$fifo"', "sh", fifo, ...command],
    env: childEnvironment(context.environment()),
    clearEnv: true,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  let fd = -1;
  const cleanUp = (): void => {
    if (fd >= 0) context.files.close(fd);
    fd = -1;
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return {
    pipe: true,
    item: pipeItem(context, values),
    read(into) {
      if (fd < 0) fd = context.files.open(fifo);
      return context.files.read(fd, into);
    },
    async end() {
      cleanUp();
      const { code, signal } = await child.status;
      if (code === 0) return;
      throw commandError(`the command ${command[0]} failed: ${signal ?? `exit code ${code}`}`);
    },
  };
}

/** Escapes that a delimiter may have: \0 \n \t \\ and \xHH. */
function unescape(text: string): string {
  return text.replace(/\\(0|n|t|r|\\|x[0-9a-fA-F]{2})/g, (_, escape: string) => {
    const simple: Record<string, string> = { 0: "\0", n: "\n", t: "\t", r: "\r", "\\": "\\" };
    return simple[escape] ?? String.fromCharCode(parseInt(escape.slice(1), 16));
  });
}

/** The paths of `--paths-from-stdin` or `--paths-from-command`, in order. */
export function listedPaths(
  context: CommandContext,
  values: CreateValues,
  command: readonly string[],
): string[] {
  const delimiter = values.paths_delimiter === undefined ? "\n" : unescape(values.paths_delimiter);
  if (delimiter === "") throw commandError("--paths-delimiter must not be empty");
  const bytes = values.paths_from_stdin ? readAllStdin() : runForPaths(context, command);
  return decodeText(bytes).split(delimiter).filter((path) => path !== "");
}

function readAllStdin(): Uint8Array {
  const blocks: Uint8Array[] = [];
  const block = new Uint8Array(1 << 16);
  for (let n = readStdin(block); n > 0; n = readStdin(block)) blocks.push(block.slice(0, n));
  return concatBytes(...blocks);
}

/** Room for some millions of paths. */
const MAX_LIST_BYTES = 1 << 30;

function runForPaths(context: CommandContext, command: readonly string[]): Uint8Array {
  try {
    const { exitCode, signal, stdout } = runProgram(command, {
      env: childEnvironment(context.environment()),
      maxBytes: MAX_LIST_BYTES,
    });
    if (exitCode !== 0) {
      throw commandError(`the command ${command[0]} failed: ${signal ?? `exit code ${exitCode}`}`);
    }
    return stdout;
  } catch (error) {
    if (error instanceof OsError) throw commandError(`Cannot run the command: ${error.message}`);
    throw error;
  }
}
