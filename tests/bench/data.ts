/** Data to back up: one large file of random bytes, and a tree of real files copied from this machine. */
import { randomFillSync } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";

/** Writes `megabytes` times 10^6 random bytes to `path`. */
export function makeRandomFile(path: string, megabytes: number): void {
  const block = new Uint8Array(1_000_000);
  const fd = fs.openSync(path, "w");
  for (let i = 0; i < megabytes; i++) fs.writeSync(fd, randomFillSync(block));
  fs.closeSync(fd);
}

/** Larger files are few, and would make the tree a second large file. */
const MAX_FILE_BYTES = 1 << 20;

export interface Tree {
  files: number;
  bytes: number;
}

/** Copies up to `count` regular files, and the links beside them, from the folders `sources` in turn. */
export function copyTree(sources: readonly string[], destination: string, count: number): Tree {
  const tree: Tree = { files: 0, bytes: 0 };
  const walk = (from: string, to: string): void => {
    fs.mkdirSync(to, { recursive: true });
    for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
      if (tree.files >= count) return;
      const [path, target] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory()) walk(path, target);
      else if (entry.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(path), target);
      else if (entry.isFile()) copyFile(path, target, tree);
    }
  };
  for (const source of sources) if (fs.existsSync(source)) walk(source, join(destination, source));
  return tree;
}

function copyFile(path: string, target: string, tree: Tree): void {
  const { size, mtime, atime } = fs.statSync(path);
  if (size > MAX_FILE_BYTES) return;
  fs.copyFileSync(path, target);
  // Old times, as a real tree has them: programs distrust files that are as new as the backup.
  fs.utimesSync(target, atime, mtime);
  tree.files++;
  tree.bytes += size;
}

/** Appends a byte to `count` files of a tree, evenly spread over it: the same ones each time. */
export function changeTree(path: string, count: number): void {
  const files: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const inner = join(folder, entry.name);
      if (entry.isDirectory()) walk(inner);
      else if (entry.isFile()) files.push(inner);
    }
  };
  walk(path);
  files.sort();
  for (let i = 0; i < count; i++) fs.appendFileSync(files[Math.floor(i * files.length / count)]!, "+");
}

/** Bytes in all files below `path`. */
export function folderBytes(path: string): number {
  let bytes = 0;
  for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    bytes += entry.isDirectory() ? folderBytes(inner) : fs.lstatSync(inner).size;
  }
  return bytes;
}

const TMPFS_MAGIC = 0x01021994;

export function isInMemory(path: string): boolean {
  return fs.statfsSync(path).type === TMPFS_MAGIC;
}

/** Throws where fewer than `bytes` are free at `path`. */
export function requireSpace(path: string, bytes: number): void {
  const { bavail, bsize } = fs.statfsSync(path);
  if (bavail * bsize >= bytes) return;
  const gigabytes = (value: number) => `${(value / 1e9).toFixed(1)} GB`;
  throw new Error(`${path} has ${gigabytes(bavail * bsize)} free, ${gigabytes(bytes)} are needed`);
}
