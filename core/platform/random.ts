/** Random numbers for keys, salts and ids, from the system's cryptographic source. */
import { randomFillSync } from "node:crypto";

export function randomBytes(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length));
}
