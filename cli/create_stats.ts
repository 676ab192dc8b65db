/** What `create --stats` and `create --json` print, and their like. */
import type { ArchiveWriter } from "../core/archive/mod.ts";
import { hexOfId } from "../core/bytes/mod.ts";
import { MAX_DATA_SIZE } from "../core/store/mod.ts";
import type { CommandContext } from "./context.ts";
import type { CreateValues } from "./create_options.ts";
import { formatDuration } from "./format_size.ts";
import { humanTime, jsonTime } from "./local_time.ts";
import { canonicalPath } from "./location.ts";
import {
  DASHES,
  repositoryJson,
  repositoryTotals,
  sortedJson,
  STATS_HEADER,
  statsLine,
  totalsLines,
} from "./repo_stats.ts";
import { outputLine } from "./report_base.ts";
import type { Session } from "./session.ts";

/** Tells of a new archive what `--stats`, `--quick-stats` or `--json` wants to know, or nothing. */
export async function printStats(
  context: CommandContext,
  session: Session,
  values: Pick<CreateValues, "stats" | "quick_stats" | "json"> & { name?: string },
  writer: ArchiveWriter,
): Promise<void> {
  context.reporter.finish();
  if (!values.stats && !values.quick_stats && !values.json) return;
  const name = values.name ?? session.location.archive;
  const totals = values.quick_stats ? null : await repositoryTotals(session);
  const { iec } = context.common;
  const { stats } = writer;
  const seconds = (writer.endUs - writer.startUs) / 1e6;
  if (values.json) {
    const archive = {
      name,
      id: hexOfId(writer.id!),
      start: jsonTime(Math.floor(writer.startUs / 1e6) * 1e6),
      end: jsonTime(Math.floor(writer.endUs / 1e6) * 1e6),
      duration: seconds,
      stats: {
        original_size: stats.originalSize,
        compressed_size: stats.compressedSize,
        deduplicated_size: stats.deduplicatedSize,
        nfiles: stats.files,
      },
      limits: { max_archive_size: writer.metaSize / MAX_DATA_SIZE },
      command_line: context.argv,
    };
    context.print(sortedJson(repositoryJson(session, totals, { archive })));
    return;
  }
  const lines = [
    DASHES,
    `Repository: ${canonicalPath(session.location)}`,
    `Archive name: ${name}`,
    `Archive fingerprint: ${hexOfId(writer.id!)}`,
    `Time (start): ${humanTime(writer.startUs)}`,
    `Time (end):   ${humanTime(writer.endUs)}`,
    `Duration: ${formatDuration(seconds)}`,
    `Number of files: ${stats.files}`,
    `Utilization of max. archive size: ${Math.round(100 * writer.metaSize / MAX_DATA_SIZE)}%`,
    DASHES,
    STATS_HEADER,
    statsLine("This archive:", [stats.originalSize, stats.compressedSize, stats.deduplicatedSize], iec),
    ...(totals ? totalsLines(totals, iec) : []),
    DASHES,
  ];
  for (const line of lines) outputLine(context.reporter, "stats", line);
}
