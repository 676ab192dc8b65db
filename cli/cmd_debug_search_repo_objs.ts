/** `debug search-repo-objs`: search all objects of a repository. */
import { DEBUG_REPOSITORY, DEBUG_WARNING } from "./debug_arguments.ts";
import { Buffer } from "node:buffer";
import {
  concatBytes,
  decodeHex,
  encodeHex,
  encodeText,
  equalBytes,
  hexOfId,
  MANIFEST_ID,
} from "../core/bytes/mod.ts";
import { bytesLiteral } from "./bytes_literal.ts";
import { everyObject } from "./every_object.ts";
import { openStore } from "./session.ts";
import { commandError } from "./values.ts";
import type { CommandContext } from "./context.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "debug search-repo-objs",
  summary: "search all objects of a repository",
  description:
    `Looks for bytes in every object, decrypted and decompressed, and shows the first place in each with what stands around it.

${DEBUG_WARNING}`,
  options: [],
  positionals: [DEBUG_REPOSITORY, {
    name: "wanted",
    metavar: "WANTED",
    help: "what to look for: hex:123abc or str:text",
  }],
};

/** Bytes that are shown before and behind what was found. */
const CONTEXT = 32;

function parseWanted(text: string): Uint8Array {
  const wanted = text.startsWith("hex:")
    ? decodeHex(text.slice(4))
    : text.startsWith("str:")
    ? encodeText(text.slice(4))
    : null;
  if (wanted === null || wanted.length === 0) {
    throw commandError("search term needs to be hex:123abc or str:foobar style");
  }
  return wanted;
}

function find(data: Uint8Array, wanted: Uint8Array, from = 0): number {
  return Buffer.from(data.buffer, data.byteOffset, data.length).indexOf(wanted, from);
}

/** How often, without overlapping. */
function countOf(data: Uint8Array, wanted: Uint8Array): number {
  let count = 0;
  for (let at = find(data, wanted); at >= 0; at = find(data, wanted, at + wanted.length)) count++;
  return count;
}

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  const wanted = parseWanted(values["wanted"] as string);
  await using session = await openStore(context, values["location"] as string, { archive: false });
  const codec = await session.openCodec({ anyObject: true });
  const show = (where: string, data: Uint8Array, offset: number): void => {
    const before = data.subarray(offset - CONTEXT, offset);
    const after = data.subarray(offset + wanted.length, offset + wanted.length + CONTEXT);
    const parts = [before, wanted, after];
    context.print(`${where}: ${parts.map(encodeHex).join(" ")} == ${parts.map(bytesLiteral).join(" ")}\n`);
  };
  // What crosses the border of two objects that follow each other is found, too: files are cut anywhere.
  const overlap = wanted.length - 1;
  let last: { id: string; data: Uint8Array } = { id: "", data: new Uint8Array(0) };
  let number = 0;
  for await (const object of everyObject(session.store)) {
    const id = hexOfId(object.id);
    const plainId = equalBytes(object.id, MANIFEST_ID) ? null : object.id;
    const data = await codec.open(plainId, object.data);
    if (find(concatBytes(last.data.subarray(-overlap), data.subarray(0, overlap)), wanted) >= 0) {
      const border = concatBytes(
        last.data.subarray(-(overlap + CONTEXT)),
        data.subarray(0, overlap + CONTEXT),
      );
      show(`${number} ${last.id} | ${id}`, border, find(border, wanted));
    }
    const count = countOf(data, wanted);
    if (count > 0) show(`${number} ${id} #${count}`, data, find(data, wanted));
    last = { id, data };
    if (++number % 10000 === 0) context.print(`${number} objects processed.\n`);
  }
  context.print("Done.\n");
}

export const command: Command = { spec, run };
