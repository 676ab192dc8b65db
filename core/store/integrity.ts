/**
 * The checksums that guard `index.N` and `hints.N`, kept in `integrity.N` (borg docs, data-structures.rst, "Checksumming
 * data structures"): one running XXH64 that takes in the file's name, its bytes, and at the end of each named part the
 * part's name and the position reached. Lengths are decimal text padded to ten places. `integrity.N` is msgpack
 * {version: 2, <file>: JSON text {"algorithm", "digests"}}. Against damage, not against malice.
 */
import { decodeMsgpack, decodeText, encodeText, MsgpackError, MsgpackWriter } from "../bytes/mod.ts";
import { Xxh64 } from "../../wasm/mod.ts";

const ALGORITHM = "XXH64";
const VERSION = 2;
/** Part that the whole file ends with. */
const FINAL = "final";
/** Part that ends with the header of an index file. */
export const HEADER_PART = "HashHeader";

/** A piece of a file; a piece with a `part` name ends that part. */
export interface FilePiece {
  bytes: Uint8Array;
  part?: string;
}

export type Digests = Record<string, string>;

const padded = (text: string): Uint8Array => encodeText(String(text.length).padStart(10) + text);

/** Digest of every part and of the whole of a file of this name. */
export function digestFile(name: string, pieces: readonly FilePiece[]): Digests {
  const hash = new Xxh64().update(padded(name));
  const digests: Digests = {};
  let position = 0;
  const endPart = (part: string) => {
    hash.update(padded(part)).update(encodeText(String(position)));
    digests[part] = hash.digestHex();
  };
  for (const { bytes, part } of pieces) {
    hash.update(bytes);
    position += bytes.length;
    if (part !== undefined) endPart(part);
  }
  endPart(FINAL);
  return digests;
}

/** The contents of `integrity.N`; `files` in the order borg writes them: hints, index. */
export function encodeIntegrity(files: Record<string, Digests>): Uint8Array {
  const writer = new MsgpackWriter();
  writer.writeMapHeader(1 + Object.keys(files).length);
  writer.writeText("version");
  writer.writeInteger(VERSION);
  for (const [file, digests] of Object.entries(files)) {
    const members = Object.entries(digests).map(([part, digest]) => `"${part}": "${digest}"`);
    writer.writeText(file);
    writer.writeText(`{"algorithm": "${ALGORITHM}", "digests": {${members.join(", ")}}}`);
  }
  return writer.bytes();
}

/** What `integrity.N` says of one file: its digests, or that nothing can be checked, or that it is itself damaged. */
export type IntegrityRecord = { digests: Digests } | "unknown" | "damaged";

/** Reads the record of `file` ("hints" or "index") out of the contents of `integrity.N`. Never throws. */
export function decodeIntegrity(bytes: Uint8Array, file: string): IntegrityRecord {
  try {
    const record = decodeMsgpack(bytes);
    if (!(record instanceof Map)) return "damaged";
    // Another version, or another algorithm, is from a later program and promises nothing that could be checked here.
    if (record.get("version") !== VERSION) return "unknown";
    const text = record.get(file);
    if (!(text instanceof Uint8Array)) return "damaged";
    const parsed: unknown = JSON.parse(decodeText(text));
    if (typeof parsed !== "object" || parsed === null) return "damaged";
    const { algorithm, digests } = parsed as { algorithm?: unknown; digests?: unknown };
    if (typeof algorithm !== "string") return "damaged";
    if (algorithm !== ALGORITHM) return "unknown";
    if (typeof digests !== "object" || digests === null || !(FINAL in digests)) return "damaged";
    return { digests: digests as Digests };
  } catch (error) {
    if (error instanceof MsgpackError || error instanceof SyntaxError) return "damaged";
    throw error;
  }
}

/** Whether a file is what its record promises; a file that nothing is known of passes. */
export function isIntact(record: IntegrityRecord, name: string, pieces: readonly FilePiece[]): boolean {
  if (record === "damaged") return false;
  if (record === "unknown") return true;
  const found = digestFile(name, pieces);
  return Object.keys(found).every((part) => record.digests[part] === found[part]);
}
