/** `debug refcount-obj`: show how often objects are referred to. */
import { DEBUG_REPOSITORY, DEBUG_WARNING, OBJECT_IDS, parseObjectId } from "./debug_arguments.ts";
import { allChunks } from "../core/archive/mod.ts";
import { openSession } from "./session.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug refcount-obj",
  summary: "show how often objects are referred to",
  description: `Shows how many references all archives together hold to an object.

${DEBUG_WARNING}`,
  options: [],
  positionals: [DEBUG_REPOSITORY, OBJECT_IDS],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openSession(context, values["location"] as string, {
    archive: false,
    operations: [],
  });
  const chunks = await allChunks(session.chunkLists(), new Set());
  for (const text of values["ids"] as string[]) {
    const id = parseObjectId(text);
    const count = id === null ? 0 : chunks.refcount(id);
    if (id === null) context.print(`object id ${text} is invalid.\n`);
    else if (count > 0) context.print(`object ${text} has ${count} referrers [info from chunks cache].\n`);
    else context.print(`object ${text} not found [info from chunks cache].\n`);
  }
  chunks.dispose();
}

export const command: Command = { spec, run };
