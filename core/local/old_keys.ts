/**
 * Key files that predecessors left where borg 1.x does not look: those of attic, which also begin with another word, and
 * those of borg before 1.0 (borg docs, usage/upgrade).
 */
import { posix } from "node:path";
import { decodeText, encodeHex, encodeText } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import type { Files } from "../platform/mod.ts";
import { writeDurably } from "./_write_durably.ts";

const ATTIC_MAGIC = "ATTIC KEY";
const BORG_MAGIC = "BORG_KEY";

export interface OldKeySearch {
  files: Files;
  /** Where the predecessor kept its key files. */
  from: string;
  /** Where they belong now. */
  to: string;
  repositoryId: Uint8Array;
  dryRun: boolean;
}

export interface MovedKey {
  from: string;
  to: string;
}

/**
 * Writes attic's key file of the repository anew where borg looks; attic's stays. A file that is there already may have
 * another passphrase by now and stays, too. null: there is none.
 */
export function convertAtticKey(search: OldKeySearch): MovedKey | null {
  const from = findKey(search, ATTIC_MAGIC);
  if (from === null) return null;
  const to = posix.join(search.to, posix.basename(from));
  if (!search.dryRun && !search.files.exists(to)) {
    const text = decodeText(search.files.readFile(from));
    writeDurably(search.files, to, encodeText(text.replace(ATTIC_MAGIC, BORG_MAGIC)));
  }
  return { from, to };
}

/** Moves the key file of borg before 1.0. null: there is none to move. */
export function moveBorg0Key(search: OldKeySearch): MovedKey | null {
  if (posix.resolve(search.from) === posix.resolve(search.to)) return null;
  const from = findKey(search, BORG_MAGIC);
  if (from === null) return null;
  const to = posix.join(search.to, posix.basename(from));
  if (search.dryRun) return { from, to };
  if (!search.files.exists(to)) writeDurably(search.files, to, search.files.readFile(from));
  search.files.unlink(from);
  return { from, to };
}

function findKey({ files, from, repositoryId }: OldKeySearch, magic: string): string | null {
  const head = `${magic} ${encodeHex(repositoryId)}`;
  let names: string[];
  try {
    names = files.readDir(from).sort();
  } catch (error) {
    if (error instanceof OsError) return null;
    throw error;
  }
  for (const name of names) {
    const path = posix.join(from, name);
    try {
      if (decodeText(files.readFile(path)).split("\n", 1)[0]!.trim() === head) return path;
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }
  return null;
}
