/** `debug dump-manifest`: write the manifest as JSON. */
import { DEBUG_REPOSITORY, DEBUG_WARNING, debugFile } from "./debug_arguments.ts";
import { decodeMsgpack, MANIFEST_ID } from "../core/bytes/mod.ts";
import { debugJson } from "./debug_json.ts";
import { openOutput } from "./output_file.ts";
import { openSession } from "./session.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug dump-manifest",
  summary: "write the manifest as JSON",
  description: `Writes all that the repository's manifest says as JSON.

${DEBUG_WARNING}`,
  options: [],
  positionals: [DEBUG_REPOSITORY, debugFile("where to write it; - is standard output")],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openSession(context, values["location"] as string, {
    archive: false,
    operations: [],
  });
  const packed = await session.codec.open(null, await session.store.get(MANIFEST_ID));
  using output = openOutput(context, values["path"] as string);
  output.write(debugJson(decodeMsgpack(packed)));
}

export const command: Command = { spec, run };
