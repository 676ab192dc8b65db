/** `debug dump-archive`: write all that an archive says as JSON. */
import { DEBUG_ARCHIVE, DEBUG_WARNING, debugFile } from "./debug_arguments.ts";
import {
  asChunkId,
  type ChunkId,
  decodeMsgpack,
  encodeText,
  MANIFEST_ID,
  MsgpackReader,
  MsgpackTruncated,
  type Unpacked,
} from "../core/bytes/mod.ts";
import { concatBytes } from "../core/bytes/mod.ts";
import { ArchiveError } from "../core/errors.ts";
import { debugJson } from "./debug_json.ts";
import { openOutput } from "./output_file.ts";
import { openSession, type Session } from "./session.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug dump-archive",
  summary: "write all that an archive says as JSON",
  description: `Writes the archive's entry in the manifest, its own metadata and all items as JSON.

${DEBUG_WARNING}`,
  options: [],
  positionals: [DEBUG_ARCHIVE, debugFile("where to write it; - is standard output")],
};

const field = (map: Unpacked, name: string): Unpacked => map instanceof Map ? map.get(name) ?? null : null;

async function unpacked(session: Session, id: ChunkId, check: ChunkId | null): Promise<Unpacked> {
  return decodeMsgpack(await session.codec.open(check, await session.store.get(id)));
}

/** The items as they are packed, whatever is in them. */
async function* rawItems(session: Session, ids: Unpacked): AsyncGenerator<Unpacked> {
  let rest: Uint8Array = new Uint8Array(0);
  for (const id of Array.isArray(ids) ? ids : []) {
    const chunk = asChunkId(id as Uint8Array);
    const data = await session.codec.open(chunk, await session.store.get(chunk));
    const reader = new MsgpackReader(concatBytes(rest, data));
    try {
      while (!reader.atEnd) yield reader.read();
    } catch (error) {
      if (!(error instanceof MsgpackTruncated)) throw error;
    }
    rest = reader.buffer.slice(reader.position);
  }
}

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openSession(context, values["location"] as string, {
    operations: [],
    needsArchive: true,
  });
  const name = session.location.archive!;
  const manifest = await unpacked(session, MANIFEST_ID, null);
  const entry = field(field(manifest, "archives"), name);
  const id = field(entry, "id");
  if (!(id instanceof Uint8Array)) throw new ArchiveError("Archive.DoesNotExist", [name]);
  const meta = await unpacked(session, asChunkId(id), asChunkId(id));
  using output = openOutput(context, values["path"] as string);
  const block = (value: Unpacked): string => `    ${debugJson(value, "    ")}`;
  output.write(`{\n    "_name": ${debugJson(encodeText(name))},\n    "_manifest_entry":\n${block(entry)},\n`);
  output.write(`    "_meta":\n${block(meta)},\n    "_items": [\n`);
  let between = "";
  for await (const item of rawItems(session, field(meta, "items"))) {
    output.write(between + block(item));
    between = ",\n";
  }
  output.write("\n    ]\n}\n");
}

export const command: Command = { spec, run };
