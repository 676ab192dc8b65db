/** Contents that come through a pipe: standard input (`-`) and `--content-from-command`. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PipeEntry } from "../core/archive/mod.ts";
import { childEnvironment, PipeInput, STDIN } from "../core/platform/mod.ts";
import { onSource } from "../core/fs/mod.ts";
import { AppError } from "../core/errors.ts";
import { endChild, requireProgram } from "./child_program.ts";
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
  const input = new PipeInput(context.files, STDIN);
  return {
    pipe: true,
    item: pipeItem(context, values),
    read: (into) => onSource("read", values.stdin_name, () => input.read(into)),
    wait: () => input.wait(),
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
  requireProgram(context, command);
  const folder = fs.mkdtempSync(join(tmpdir(), "alcove-pipe-"));
  const fifo = join(folder, "pipe");
  context.files.mkfifo(fifo, 0o600);
  const child = new Deno.Command("sh", {
    // Ctrl-C is for us alone: what was read until then is kept. `exec` so that the command's own exit code is what we get;
    // 127 and 126 are the shell's words for "cannot run".
    args: ["-c", 'trap "" INT; fifo=$1; shift; exec "$@" > "$fifo"', "sh", fifo, ...command],
    env: childEnvironment(context.environment()),
    clearEnv: true,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  let fd = -1;
  let input: PipeInput | null = null;
  const open = (): PipeInput => {
    fd = context.files.open(fifo, { nonBlock: context.files.poll !== undefined });
    return new PipeInput(context.files, fd);
  };
  const cleanUp = (): void => {
    fs.rmSync(folder, { recursive: true, force: true });
    registered[Symbol.dispose]();
  };
  const abort = async (): Promise<void> => {
    await endChild(child);
    cleanUp();
  };
  const registered = context.atSignal(abort);
  return {
    pipe: true,
    item: pipeItem(context, values),
    read: (into) => (input ??= open()).read(into),
    wait: async () => await input?.wait(),
    async end() {
      if (fd >= 0) context.files.close(fd);
      const { code, signal } = await child.status;
      cleanUp();
      if (code === 0) return;
      throw commandError(`The command ${command[0]} failed: ${signal ?? `exit code ${code}`}`);
    },
    async abort() {
      if (fd >= 0) context.files.close(fd);
      await abort();
    },
  };
}
