/** `rename`: gives an archive another name. */
import { renameArchive } from "../core/archive/mod.ts";
import type { CommandContext } from "./context.ts";
import { openSession } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { requireNewName } from "./archive_name.ts";

const spec: CommandSpec = {
  name: "rename",
  summary: "give an archive another name",
  description: `Gives an archive another name. Its contents stay as they are; its id changes.`,
  options: [],
  positionals: [
    { name: "location", metavar: "ARCHIVE", help: "the archive to rename, as REPOSITORY::ARCHIVE" },
    { name: "name", metavar: "NEWNAME", help: "its new name; placeholders such as {now} are replaced" },
  ],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openSession(context, values["location"] as string, {
    operations: ["check"],
    exclusive: true,
    needsArchive: true,
  });
  const to = requireNewName(session.fill(values["name"] as string));
  const { store, codec, manifest, location } = session;
  session.expectWrites();
  await renameArchive({ store, codec, manifest }, { from: location.archive!, to }, context.nowUs());
  session.afterCommit();
}

export const command: Command = { spec, run };
