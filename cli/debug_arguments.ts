/** What the `debug` commands share. */
import { asChunkId, type ChunkId, decodeHex, ID_LENGTH } from "../core/bytes/mod.ts";
import { resolve } from "node:path";
import type { CommandContext } from "./context.ts";
import type { PositionalSpec } from "./spec.ts";
import { commandError } from "./values.ts";

export const DEBUG_WARNING =
  `For finding faults, not for everyday use. Some of these commands can destroy a repository.`;

export const DEBUG_REPOSITORY: PositionalSpec = {
  name: "location",
  metavar: "REPOSITORY",
  help: "the repository",
};

export const DEBUG_ARCHIVE: PositionalSpec = {
  name: "location",
  metavar: "ARCHIVE",
  help: "the archive: REPOSITORY::ARCHIVE",
};

export const debugFile = (help: string): PositionalSpec => ({ name: "path", metavar: "PATH", help });

export const OBJECT_ID: PositionalSpec = {
  name: "id",
  metavar: "ID",
  help: "id of the object, 64 hexadecimal digits",
};

export const OBJECT_IDS: PositionalSpec = {
  name: "ids",
  metavar: "ID",
  count: "+",
  help: "ids of objects, 64 hexadecimal digits each",
};

/** The id that `text` spells, null where it spells none. */
export function parseObjectId(text: string): ChunkId | null {
  const bytes = decodeHex(text);
  return bytes !== null && bytes.length === ID_LENGTH ? asChunkId(bytes) : null;
}

/** The same; throws CommandError where it spells none. */
export function requireObjectId(text: string): ChunkId {
  const id = parseObjectId(text);
  if (id === null) throw commandError(`object id ${text} is invalid [64 hexadecimal digits are needed].`);
  return id;
}

/** Writes a file of a dump to the working directory and says so. */
export function dumpFile(context: CommandContext, name: string, data: Uint8Array): void {
  context.print(`Dumping ${name}\n`);
  context.files.writeFile(resolve(context.cwd, name), data);
}
