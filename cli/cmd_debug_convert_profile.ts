/** `debug convert-profile`: not possible here: there are no Python profiles. */
import { DEBUG_WARNING } from "./debug_arguments.ts";
import { commandError } from "./values.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug convert-profile",
  summary: "not possible here: there are no Python profiles",
  description:
    `borg's --debug-profile writes timings of Python functions, and this command makes them readable for Python's own tools. Alcove is no Python program: it writes no such profiles, and does not convert borg's. Use borg's own command for those.

${DEBUG_WARNING}`,
  options: [],
  positionals: [{
    name: "input",
    metavar: "INPUT",
    help: "a profile that borg wrote",
  }, { name: "output", metavar: "OUTPUT", help: "the file to write" }],
};

function run(_context: CommandContext, _values: Record<string, unknown>): void {
  throw commandError("profiles of Python functions are borg's alone: let borg convert them");
}

export const command: Command = { spec, run };
