/** `debug dump-hints`: write what compaction knows as JSON. */
import { DEBUG_REPOSITORY, DEBUG_WARNING, debugFile } from "./debug_arguments.ts";
import { encodeHex, type Unpacked } from "../core/bytes/mod.ts";
import { debugJson } from "./debug_json.ts";
import { openOutput } from "./output_file.ts";
import { openStore } from "./session.ts";
import { localStore } from "./session_store.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug dump-hints",
  summary: "write what compaction knows as JSON",
  description:
    `Writes the repository's hints as JSON: live objects and freeable bytes of each segment, the use of the quota, and where void objects lie.

${DEBUG_WARNING}`,
  options: [],
  positionals: [DEBUG_REPOSITORY, debugFile("where to write it; - is standard output")],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openStore(context, values["location"] as string, {
    archive: false,
    local: true,
    exclusive: true,
  });
  const hints = await localStore(session).hints();
  const shadow = new Map<string, Unpacked>();
  hints.shadow.forEach((id, segments) => void shadow.set(encodeHex(id), [...segments]));
  using output = openOutput(context, values["path"] as string);
  output.write(debugJson(
    new Map<string, Unpacked>([
      ["segments", hints.segments],
      ["compact", hints.compact],
      ["storage_quota_use", hints.storageQuotaUse],
      ["shadow_index", shadow],
    ]),
  ));
}

export const command: Command = { spec, run };
