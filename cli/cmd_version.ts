/** `version`: the versions of borg's interface that client and server speak. */
import type { CommandContext } from "./context.ts";
import { serverVersion } from "./session_store.ts";
import { optionalRepository } from "./option_groups.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { BORG_VERSION } from "./version.ts";

const spec: CommandSpec = {
  name: "version",
  summary: "show the versions of client and server",
  description:
    `Shows two versions, of this program and of the one at the server; without a server, twice the same. They are
versions of borg's command line and protocol, as front ends and scripts expect them; Alcove's own is in --version.`,
  options: [],
  positionals: [optionalRepository("a repository, for the server's version")],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  const server = await serverVersion(context, values["location"] as string);
  context.print(`${BORG_VERSION} / ${server}\n`);
}

export const command: Command = { spec, run };
