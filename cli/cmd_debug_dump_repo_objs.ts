/** `debug dump-repo-objs`: write all objects of a repository to files. */
import { DEBUG_REPOSITORY, DEBUG_WARNING, dumpFile } from "./debug_arguments.ts";
import { type ChunkId, equalBytes, hexOfId, MANIFEST_ID } from "../core/bytes/mod.ts";
import type { ObjectCodec } from "../core/object/mod.ts";
import { makeBreath } from "./breath.ts";
import { everyObject } from "./every_object.ts";
import { openStore } from "./session.ts";
import { localStore } from "./session_store.ts";
import { parsePositive } from "./values.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug dump-repo-objs",
  summary: "write all objects of a repository to files",
  description: `Writes every object, decrypted and decompressed, to a file in the working directory.

${DEBUG_WARNING}`,
  options: [
    {
      flags: ["--ghost"],
      name: "ghost",
      help: "all entries of the segment files, also what was deleted or never committed, and the commits",
    },
    {
      flags: ["--segment"],
      name: "segment",
      metavar: "SEG",
      parse: parsePositive,
      help: "with --ghost: this segment alone",
    },
    {
      flags: ["--offset"],
      name: "offset",
      metavar: "OFFS",
      parse: parsePositive,
      help: "with --ghost: what is at this offset alone",
    },
  ],
  positionals: [DEBUG_REPOSITORY],
};

const NOTHING = new Uint8Array(0);

/** The manifest's id is fixed and tells nothing of its contents. */
async function plain(codec: ObjectCodec, id: ChunkId, stored: Uint8Array): Promise<Uint8Array> {
  return await codec.open(equalBytes(id, MANIFEST_ID) ? null : id, stored);
}

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openStore(context, values["location"] as string, {
    archive: false,
    local: values["ghost"] === true,
  });
  const codec = await session.openCodec({ anyObject: true });
  const breathe = makeBreath();
  let number = 0;
  const dump = (where: string, data: Uint8Array): void =>
    dumpFile(context, `${String(number++).padStart(8, "0")}${where}.obj`, data);
  if (values["ghost"]) {
    const segment = values["segment"] as number | undefined;
    const offset = values["offset"] as number | undefined;
    const place = {
      ...(segment === undefined ? {} : { segment }),
      ...(offset === undefined ? {} : { offset }),
    };
    for (const entry of localStore(session).everyEntry(place)) {
      const { id, kind } = entry;
      const tag = kind === "delete" ? "del" : kind;
      const data = kind === "put" ? await plain(codec, id!, entry.data.slice()) : NOTHING;
      dump(`_${entry.segment}_${entry.offset}_${tag}${id === null ? "" : `_${hexOfId(id)}`}`, data);
      await breathe();
    }
  } else {
    for await (const { id, data } of everyObject(session.store)) {
      dump(`_${hexOfId(id)}`, await plain(codec, id, data));
    }
  }
  context.print("Done.\n");
}

export const command: Command = { spec, run };
