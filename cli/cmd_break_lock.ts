/** `break-lock`: removes the locks of a repository. */
import type { CommandContext } from "./context.ts";
import { breakRepositoryLock } from "./session_store.ts";
import { optionalRepository } from "./option_groups.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "break-lock",
  summary: "remove the locks of a repository",
  description:
    `Removes the locks that a process has left in a repository. Use it only when you are sure that no process, on
any machine, is using the repository. Locks of dead processes of this machine are removed without it.`,
  options: [],
  positionals: [optionalRepository("whose locks to remove; without it, the repository in BORG_REPO")],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await breakRepositoryLock(context, values["location"] as string);
}

export const command: Command = { spec, run };
