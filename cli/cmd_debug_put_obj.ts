/** `debug put-obj`: store a file as an object. */
import { DEBUG_REPOSITORY, DEBUG_WARNING, debugFile, OBJECT_ID, requireObjectId } from "./debug_arguments.ts";
import { resolve } from "node:path";
import { openStore } from "./session.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug put-obj",
  summary: "store a file as an object",
  description: `Stores the contents of a file, as they are, under an id. Nothing is encrypted or verified.

${DEBUG_WARNING}`,
  options: [],
  positionals: [DEBUG_REPOSITORY, OBJECT_ID, debugFile("the file to read")],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openStore(context, values["location"] as string, {
    archive: false,
    exclusive: true,
  });
  const data = context.files.readFile(resolve(context.cwd, values["path"] as string));
  const text = values["id"] as string;
  await session.store.put(requireObjectId(text), data);
  context.print(`object ${text} put.\n`);
  await session.store.commit();
}

export const command: Command = { spec, run };
