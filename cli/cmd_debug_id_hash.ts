/** `debug id-hash`: show which id a file's contents would have. */
import { DEBUG_REPOSITORY, DEBUG_WARNING, debugFile } from "./debug_arguments.ts";
import { hexOfId } from "../core/bytes/mod.ts";
import { resolve } from "node:path";
import { openSession } from "./session.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug id-hash",
  summary: "show which id a file's contents would have",
  description: `Shows the id that an object with the contents of a file has in this repository.

${DEBUG_WARNING}`,
  options: [],
  positionals: [DEBUG_REPOSITORY, debugFile("the file")],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openSession(context, values["location"] as string, {
    archive: false,
    operations: [],
  });
  const data = context.files.readFile(resolve(context.cwd, values["path"] as string));
  context.print(`${hexOfId(session.codec.idOf(data))}\n`);
}

export const command: Command = { spec, run };
