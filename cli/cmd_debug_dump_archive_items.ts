/** `debug dump-archive-items`: write the raw items of an archive to files. */
import { DEBUG_ARCHIVE, DEBUG_WARNING, dumpFile } from "./debug_arguments.ts";
import { hexOfId } from "../core/bytes/mod.ts";
import { openSession } from "./session.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug dump-archive-items",
  summary: "write the raw items of an archive to files",
  description:
    `Writes the decrypted and decompressed pieces of the archive's list of items to files in the working directory.

${DEBUG_WARNING}`,
  options: [],
  positionals: [DEBUG_ARCHIVE],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openSession(context, values["location"] as string, {
    operations: [],
    needsArchive: true,
  });
  const archive = await session.openArchive(session.location.archive!);
  let number = 0;
  for (const id of archive.meta.items) {
    const data = await session.codec.open(id, await session.store.get(id));
    dumpFile(context, `${String(number++).padStart(6, "0")}_${hexOfId(id)}.items`, data);
  }
  context.print("Done.\n");
}

export const command: Command = { spec, run };
