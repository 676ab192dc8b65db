/** `debug info`: show what this program runs on. */
import { DEBUG_WARNING } from "./debug_arguments.ts";
import { systemInformation } from "./system_information.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug info",
  summary: "show what this program runs on",
  description: `Shows the system, the runtime and the libraries, for reports of faults.

${DEBUG_WARNING}`,
  options: [],
  positionals: [],
};

function run(context: CommandContext, _values: Record<string, unknown>): void {
  const { host } = context;
  context.print(`${systemInformation(context.env, context.argv)}\n`);
  context.print("CRC implementation: zlib\n");
  context.print(`Process ID: ('${host.hostId}', ${host.pid}, ${host.threadId})\n`);
}

export const command: Command = { spec, run };
