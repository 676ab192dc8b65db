/**
 * The `nonce` file: 16 hexadecimal digits, big-endian, the first counter value that nobody has reserved (borg docs,
 * security.rst, "Nonce reservation"). Replaced atomically and durably, since a counter that is used twice breaks the
 * cipher.
 */
import { decodeHex, decodeText, encodeText } from "../bytes/mod.ts";
import { AppError, OsError } from "../errors.ts";
import type { StoreEnv } from "./env.ts";
import { replaceFile } from "./save_file.ts";

const DIGITS = 16;

/** Null where nothing was ever reserved. */
export function readNonce(env: StoreEnv, repository: string): bigint | null {
  let text;
  try {
    text = decodeText(env.files.readFile(`${repository}/nonce`)).trim();
  } catch (error) {
    if (error instanceof OsError && error.code === "ENOENT") return null;
    throw error;
  }
  if (text.length !== DIGITS || decodeHex(text) === null) {
    throw new AppError("Error", ["Cannot use the repository's nonce file: it is damaged"]);
  }
  return BigInt(`0x${text}`);
}

export function writeNonce(env: StoreEnv, repository: string, nonce: bigint): void {
  if (nonce < 0n || nonce >= 1n << 64n) {
    throw new RangeError(`Cannot reserve nonces up to ${nonce}: over 64 bits`);
  }
  const bytes = encodeText(nonce.toString(16).padStart(DIGITS, "0"));
  replaceFile(env, `${repository}/nonce`, (fd) => env.files.write(fd, bytes));
}
