/** `with-lock`: runs another program while nobody else can use the repository. */
import { OsError } from "../core/errors.ts";
import { childEnvironment, runProgram } from "../core/platform/mod.ts";
import type { CommandContext } from "./context.ts";
import { openStore } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { commandError } from "./values.ts";
import { BORG_VERSION } from "./version.ts";

/** What a shell adds to the number of the signal that ended a program. */
const SIGNALLED = 128;
const SIGNALS: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

const spec: CommandSpec = {
  name: "with-lock",
  summary: "run a program while the repository is locked",
  description:
    `Locks the repository for this call alone, runs the program with its arguments, and gives the lock back when it has
ended: for copying a repository with another tool, say. The exit code is that of the program. What the program does
with the repository must not need the lock.`,
  options: [],
  positionals: [
    { name: "location", metavar: "REPOSITORY", help: "the repository to lock" },
    { name: "command", metavar: "COMMAND", help: "the program to run" },
    { name: "args", metavar: "ARGS", count: "...", help: "its arguments; options among them are not ours" },
  ],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<number> {
  await using _session = await openStore(context, values["location"] as string, {
    exclusive: true,
    archive: false,
  });
  const command = [values["command"] as string, ...values["args"] as string[]];
  try {
    // Synchronous, so that no signal can take the lock away while the program runs: a terminal sends it to both.
    const { exitCode, signal } = runProgram(command, {
      stdout: "inherit",
      env: { ...childEnvironment(context.environment()), BORG_VERSION },
    });
    return exitCode ?? SIGNALLED + (SIGNALS[signal ?? ""] ?? 0);
  } catch (error) {
    if (!(error instanceof OsError || error instanceof RangeError)) throw error;
    throw commandError(`Cannot run '${command[0]}': ${error.message}`);
  }
}

export const command: Command = { spec, run };
