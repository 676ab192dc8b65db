/** `debug delete-obj`: delete objects. */
import { DEBUG_REPOSITORY, DEBUG_WARNING, OBJECT_IDS, parseObjectId } from "./debug_arguments.ts";
import { openStore } from "./session.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug delete-obj",
  summary: "delete objects",
  description: `Deletes objects, whoever may still need them.

${DEBUG_WARNING}`,
  options: [],
  positionals: [DEBUG_REPOSITORY, OBJECT_IDS],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openStore(context, values["location"] as string, {
    archive: false,
    exclusive: true,
  });
  for (const text of values["ids"] as string[]) {
    const id = parseObjectId(text);
    if (id === null) context.print(`object id ${text} is invalid.\n`);
    else if (!await session.store.has(id)) context.print(`object ${text} not found.\n`);
    else {
      await session.store.delete(id);
      context.print(`object ${text} deleted.\n`);
    }
  }
  await session.store.commit();
  context.print("Done.\n");
}

export const command: Command = { spec, run };
