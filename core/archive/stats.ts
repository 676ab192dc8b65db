/** Counts what goes into an archive: sizes in bytes as the three columns that borg's users know. */
import type { ArchiveTotals } from "./archive_meta.ts";

export class Stats {
  originalSize = 0;
  compressedSize = 0;
  /** Stored size of the chunks that were new to the repository. */
  deduplicatedSize = 0;
  files = 0;
  originalSizeParts = 0;
  compressedSizeParts = 0;
  filesParts = 0;

  addChunk(size: number, csize: number, isNew: boolean): void {
    this.originalSize += size;
    this.compressedSize += csize;
    if (isNew) this.deduplicatedSize += csize;
  }

  totals(): ArchiveTotals {
    return {
      size: this.originalSize,
      csize: this.compressedSize,
      nfiles: this.files,
      sizeParts: this.originalSizeParts,
      csizeParts: this.compressedSizeParts,
      nfilesParts: this.filesParts,
    };
  }
}
