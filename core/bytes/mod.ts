/** Pure codecs: text with surrogate escapes, hexadecimal, ids, msgpack. */
export { decodeText, encodeText, printable } from "./text.ts";
export { decodeHex, encodeHex } from "./hex.ts";
export { asChunkId, type ChunkId, equalBytes, hexOfId, ID_LENGTH, MANIFEST_ID } from "./chunk_id.ts";
export { concatBytes, plainBytes } from "./concat.ts";
export {
  decodeMsgpack,
  encodeMsgpack,
  MsgpackError,
  MsgpackReader,
  MsgpackTruncated,
  MsgpackWriter,
  type Packable,
  sortedMap,
  type Unpacked,
  type UnpackedMap,
} from "./msgpack.ts";
