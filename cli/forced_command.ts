/**
 * A key in `authorized_keys` may force `serve` with options of the server's choice; sshd then tells in SSH_ORIGINAL_COMMAND
 * what the client wanted to run. In: that command line. Out: the few values in which the client has a say, as borg has it
 * (borg docs, usage/serve.rst).
 */
import { splitCommand } from "../core/platform/mod.ts";
import { findCommand, parseCommandArgs } from "./args.ts";
import { COMMANDS } from "./commands.ts";
import type { CommonValues } from "./common_options.ts";
import type { CommandSpec } from "./spec.ts";
import { commandError } from "./values.ts";

export type ClientWishes = Pick<CommonValues, "log_level" | "debug_topics" | "lock_wait">;

/**
 * What the client wants; null where it wants something else than to be served, and gets what was forced. Throws CommandError
 * where its command line cannot be read. Its environment variables, program and all other options count for nothing.
 */
export function clientWishes(original: string, spec: CommandSpec): ClientWishes | null {
  const words = splitOriginal(original);
  const program = words.findIndex((word) => !word.includes("="));
  const { command, rest } = findCommand(
    program < 0 ? [] : words.slice(program + 1),
    COMMANDS.map(({ name }) => name),
  );
  if (command !== spec.name) {
    const known = command !== null &&
      COMMANDS.some(({ name }) => name === command || name.startsWith(`${command} `));
    if (known) return null;
    throw commandError(`Cannot understand what the client wants to run: ${original}`);
  }
  const { log_level, debug_topics, lock_wait, help } = parseCommandArgs(spec, rest);
  if (help === true) return null;
  return { log_level, debug_topics, lock_wait } as ClientWishes;
}

function splitOriginal(original: string): string[] {
  try {
    return splitCommand(original);
  } catch (error) {
    if (error instanceof SyntaxError) throw commandError(error.message);
    throw error;
  }
}
