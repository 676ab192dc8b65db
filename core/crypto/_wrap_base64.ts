/** Bytes as base64 in the lines of 70 characters that borg's key blobs have, without a last newline. */
import { Buffer } from "node:buffer";

const LINE_LENGTH = 70;

export function wrapBase64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
  return text.match(new RegExp(`.{1,${LINE_LENGTH}}`, "g"))!.join("\n");
}
