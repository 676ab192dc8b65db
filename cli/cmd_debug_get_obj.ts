/** `debug get-obj`: write a stored object to a file. */
import { DEBUG_REPOSITORY, DEBUG_WARNING, debugFile, OBJECT_ID, requireObjectId } from "./debug_arguments.ts";
import { resolve } from "node:path";
import { AppError } from "../core/errors.ts";
import { openStore } from "./session.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug get-obj",
  summary: "write a stored object to a file",
  description: `Writes an object as it is stored, encrypted and compressed, to a file.

${DEBUG_WARNING}`,
  options: [],
  positionals: [DEBUG_REPOSITORY, OBJECT_ID, debugFile("the file to write")],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openStore(context, values["location"] as string, { archive: false });
  const text = values["id"] as string;
  const id = requireObjectId(text);
  if (!await session.store.has(id)) throw new AppError("RTError", [`object ${text} not found.`]);
  const data = await session.store.get(id);
  context.files.writeFile(resolve(context.cwd, values["path"] as string), data);
  context.print(`object ${text} fetched.\n`);
}

export const command: Command = { spec, run };
