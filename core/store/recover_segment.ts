/**
 * Saves what can be saved of a damaged segment: every entry whose header makes sense and whose checksum fits goes, in
 * order, into a new file that replaces the old one; bytes in between are dropped one by one until an entry begins again.
 */
import { SegmentCursor } from "./_segment_cursor.ts";
import type { StoreEnv } from "./env.ts";
import { replaceFile } from "./save_file.ts";
import type { SegmentDir } from "./segment_dir.ts";
import { entryIntact, entrySize, HEADER_BYTES, headerFault, SEGMENT_MAGIC } from "./segment_format.ts";

export interface RecoveredSegment {
  entries: number;
  lostBytes: number;
}

/** Rewrites the file of `segment`; durable when it returns. */
export function recoverSegment(env: StoreEnv, dir: SegmentDir, segment: number): RecoveredSegment {
  const { files } = env;
  const path = dir.path(segment);
  const cursor = new SegmentCursor(files, path);
  const result: RecoveredSegment = { entries: 0, lostBytes: 0 };
  try {
    replaceFile(env, path, (fd) => {
      files.write(fd, SEGMENT_MAGIC);
      copyGoodEntries(cursor, result, (entry) => files.write(fd, entry));
    });
  } finally {
    cursor.close();
  }
  return result;
}

function copyGoodEntries(
  cursor: SegmentCursor,
  result: RecoveredSegment,
  write: (entry: Uint8Array) => void,
): void {
  // The magic is never taken for an entry: read as a size it is far over the limit.
  while (cursor.ensure(HEADER_BYTES) >= HEADER_BYTES) {
    const entry = goodEntry(cursor);
    if (entry === null) {
      cursor.skip(1);
      result.lostBytes++;
    } else {
      write(entry);
      cursor.skip(entry.length);
      result.entries++;
    }
  }
  result.lostBytes += cursor.fileSize - cursor.offset - SEGMENT_MAGIC.length;
  result.lostBytes = Math.max(0, result.lostBytes);
}

function goodEntry(cursor: SegmentCursor): Uint8Array | null {
  const header = cursor.window(HEADER_BYTES);
  if (headerFault(header, 0) !== null) return null;
  const size = entrySize(header, 0);
  if (cursor.offset + size > cursor.fileSize || cursor.ensure(size) < size) return null;
  const entry = cursor.window(size);
  return entryIntact(entry) ? entry : null;
}
