/** Compares files with their restored copies: contents byte by byte, type, permissions, owner, times, link targets. */
import { type Files, openFiles, type Stat } from "../core/platform/mod.ts";
import { equalBytes } from "../core/bytes/mod.ts";
import { OsError } from "../core/errors.ts";

export interface Comparison {
  files: number;
  others: number;
  bytes: number;
  /** One sentence each. */
  differences: string[];
}

const TYPE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;
const SOCKET = 0o140000;
const BLOCK_BYTES = 1 << 20;

/** `roots` are absolute paths, which the archive holds without their leading slash below `restored`. */
export function compareTrees(roots: readonly string[], restored: string): Comparison {
  const files = openFiles();
  const result: Comparison = { files: 0, others: 0, bytes: 0, differences: [] };
  const isRoot = typeof Deno.uid === "function" && Deno.uid() === 0;
  const pending = roots.map((root) => ({
    original: root,
    copy: `${restored}/${root.replace(/^\/+|^[A-Za-z]:/, "")}`,
  }));
  for (let pair = pending.pop(); pair; pair = pending.pop()) {
    const { original, copy } = pair;
    const before = files.lstat(original);
    if ((before.mode & TYPE) === SOCKET) continue;
    let after: Stat;
    try {
      after = files.lstat(copy);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      if (readable(files, original, before)) result.differences.push(`${original}: not restored`);
      continue;
    }
    for (const what of differences(before, after, isRoot)) result.differences.push(`${original}: ${what}`);
    switch (before.mode & TYPE) {
      case DIRECTORY:
        result.others++;
        for (const name of listing(files, original)) {
          pending.push({ original: `${original}/${name}`, copy: `${copy}/${name}` });
        }
        break;
      case SYMLINK:
        result.others++;
        if (files.readLink(original) !== files.readLink(copy)) {
          result.differences.push(`${original}: another link target`);
        }
        break;
      case REGULAR:
        result.files++;
        result.bytes += before.size;
        if (!sameContents(files, original, copy)) result.differences.push(`${original}: other contents`);
        break;
      default:
        result.others++;
    }
  }
  return result;
}

function differences(before: Stat, after: Stat, isRoot: boolean): string[] {
  const found: string[] = [];
  if (before.mode !== after.mode) {
    found.push(`mode ${before.mode.toString(8)} became ${after.mode.toString(8)}`);
  }
  if (before.mtimeNs !== after.mtimeNs) found.push(`mtime ${before.mtimeNs} became ${after.mtimeNs}`);
  if (isRoot && (before.uid !== after.uid || before.gid !== after.gid)) found.push("another owner");
  if ((before.mode & TYPE) === REGULAR && before.size !== after.size) {
    found.push(`size ${before.size} became ${after.size}`);
  }
  return found;
}

function listing(files: Files, path: string): string[] {
  try {
    return files.readDir(path);
  } catch (error) {
    if (error instanceof OsError && error.code === "EACCES") return [];
    throw error;
  }
}

function readable(files: Files, path: string, stat: Stat): boolean {
  if ((stat.mode & TYPE) !== REGULAR) return true;
  try {
    files.close(files.open(path));
    return true;
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  }
}

function sameContents(files: Files, a: string, b: string): boolean {
  const [fdA, fdB] = [files.open(a), files.open(b)];
  const [blockA, blockB] = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)];
  try {
    for (let position = 0;;) {
      const read = files.pread(fdA, blockA, position);
      if (files.pread(fdB, blockB, position) !== read) return false;
      if (read === 0) return true;
      if (!equalBytes(blockA.subarray(0, read), blockB.subarray(0, read))) return false;
      position += read;
    }
  } finally {
    files.close(fdA);
    files.close(fdB);
  }
}
