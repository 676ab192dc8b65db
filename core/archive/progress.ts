/** How far the work on an archive is, for the display (borg's docs, internals/frontends.rst, "Progress information"). */
import { printable } from "../bytes/mod.ts";
import type { Reporter } from "../report.ts";
import type { Stats } from "./stats.ts";

/** Of an archive in the making: the sizes so far, five times a second at most. */
export class StatsProgress {
  #lastMs = -Infinity;

  constructor(
    private readonly reporter: Reporter,
    private readonly stats: Stats,
    private readonly nowMs: () => number,
  ) {}

  show(path: string, finished: boolean): void {
    if (!this.reporter.progress) return;
    const now = this.nowMs();
    if (!finished && now - this.#lastMs < 200) return;
    this.#lastMs = now;
    const { originalSize, compressedSize, deduplicatedSize, files } = this.stats;
    this.reporter.emit({
      type: "archive_progress",
      original_size: originalSize,
      compressed_size: compressedSize,
      deduplicated_size: deduplicatedSize,
      nfiles: files,
      path: printable(path),
      finished,
    });
  }
}

/** Of an archive on its way out: the share of its bytes that is done, in steps of a tenth of a percent. */
export class ReadProgress {
  #lastShown = -1;

  /** `what`: as "Extracting". */
  constructor(
    private readonly reporter: Reporter,
    private readonly what: string,
    private readonly totalBytes: number,
  ) {}

  show(doneBytes: number, path: string, finished: boolean): void {
    if (!this.reporter.progress) return;
    const total = this.totalBytes;
    const percent = total > 0 ? Math.floor(1000 * doneBytes / total) : 0;
    if (!finished && percent === this.#lastShown) return;
    this.#lastShown = percent;
    this.reporter.emit({
      type: "progress_percent",
      operation: 1,
      msgid: "extract",
      finished,
      current: doneBytes,
      total,
      message: finished ? "" : `${(percent / 10).toFixed(1).padStart(5)}% ${this.what}: ${printable(path)}`,
      info: [printable(path)],
    });
  }
}
