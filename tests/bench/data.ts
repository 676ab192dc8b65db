/** Data to back up: one large file of random bytes, and a tree of real small files copied from this machine. */
import { randomFillSync } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";

/** Writes `megabytes` of random bytes to `path`. */
export function makeRandomFile(path: string, megabytes: number): void {
  const block = new Uint8Array(1 << 20);
  const fd = fs.openSync(path, "w");
  for (let i = 0; i < megabytes; i++) fs.writeSync(fd, randomFillSync(block));
  fs.closeSync(fd);
}

/** Copies up to `count` regular files of at most 256 KiB from `source`; answers how many files and bytes. */
export function copySmallFiles(
  source: string,
  destination: string,
  count: number,
): { files: number; bytes: number } {
  let files = 0;
  let bytes = 0;
  const walk = (from: string, to: string): void => {
    fs.mkdirSync(to, { recursive: true });
    for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
      if (files >= count) return;
      const [path, target] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory()) walk(path, target);
      else if (entry.isFile()) {
        const { size } = fs.statSync(path);
        if (size > 256 * 1024) continue;
        fs.copyFileSync(path, target);
        files++;
        bytes += size;
      }
    }
  };
  walk(source, destination);
  return { files, bytes };
}
