/** Pure codecs: text with surrogate escapes, hexadecimal, ids, msgpack. */
export { decodeText, encodeText, printable } from "./text.ts";
export { decodeHex, encodeHex } from "./hex.ts";
export { asChunkId, type ChunkId, equalBytes, hexOfId, ID_LENGTH, MANIFEST_ID } from "./chunk_id.ts";
export { concatBytes, plainBytes } from "./concat.ts";
export { decodeMsgpack, MsgpackReader } from "./msgpack_reader.ts";
export { encodeMsgpack, MsgpackWriter } from "./msgpack_writer.ts";
export {
  MsgpackError,
  MsgpackTruncated,
  type Packable,
  sortedMap,
  type Unpacked,
  type UnpackedMap,
} from "./msgpack.ts";
