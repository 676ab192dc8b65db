/** The statistics table that `create --stats`, `delete --stats` and `info` share, and its JSON. */
import { allChunks } from "../core/archive/mod.ts";
import type { ChunksIndex, IndexTotals } from "../core/local/mod.ts";
import { encodeHex, hexOfId } from "../core/bytes/mod.ts";
import { formatSize } from "./format_size.ts";
import { jsonTime } from "./local_time.ts";
import type { Session } from "./session.ts";
import { canonicalPath } from "./location.ts";
import { parseTimestamp } from "../core/archive/mod.ts";

export const DASHES = "-".repeat(78);
export const STATS_HEADER = "                       Original size      Compressed size    Deduplicated size";

/** One line of the table; sizes in bytes. */
export function statsLine(label: string, sizes: readonly number[], iec: boolean): string {
  return `${label.padEnd(15)} ${sizes.map((size) => formatSize(size, iec).padStart(20)).join(" ")}`;
}

/** Reads, or takes from the cache, the chunk lists of all archives and adds them up. */
export async function repositoryTotals(session: Session): Promise<IndexTotals> {
  const index = await allChunks(session.chunkLists());
  const totals = await totalsOf(session, index);
  index.dispose();
  return totals;
}

/** As borg counts: sizes before deduplication are those of the files, sizes after it are those of everything stored. */
export async function totalsOf(session: Session, all: ChunksIndex): Promise<IndexTotals> {
  const totals = all.totals();
  let [size, csize] = [0, 0];
  const { fileTotals } = session.chunkLists();
  for (const { name, id } of session.manifest.archives.values()) {
    let files = fileTotals.get(hexOfId(id));
    if (files === undefined) files = (await session.openArchive(name)).meta.stats ?? null;
    // Archives of borg before 1.2 do not say: then everything is counted, their metadata too.
    if (files === null) return totals;
    size += files.size;
    csize += files.csize;
  }
  return { ...totals, size, csize };
}

/** The lines below "This archive": all archives, and the chunk index. */
export function totalsLines(totals: IndexTotals, iec: boolean): string[] {
  return [
    statsLine("All archives:", [totals.size, totals.csize, totals.uniqueCsize], iec),
    "",
    "                       Unique chunks         Total chunks",
    `Chunk index:    ${String(totals.uniqueChunks).padStart(20)} ${String(totals.chunks).padStart(20)}`,
  ];
}

/** borg's JSON about cache, encryption and repository, that several commands print around their own part. */
export function repositoryJson(
  session: Session,
  totals: IndexTotals | null,
  extra: Record<string, unknown>,
): Record<string, unknown> {
  const keyFile = session.keyFilePath;
  return {
    ...extra,
    repository: {
      id: encodeHex(session.store.id),
      last_modified: jsonTime(Math.floor((parseTimestamp(session.manifest.timestamp) ?? 0) / 1e6) * 1e6),
      location: canonicalPath(session.location),
    },
    encryption: { mode: session.codec.mode, ...(keyFile === null ? {} : { keyfile: keyFile }) },
    ...(totals === null ? {} : {
      cache: {
        path: session.cacheDir ?? "",
        stats: {
          total_chunks: totals.chunks,
          total_csize: totals.csize,
          total_size: totals.size,
          total_unique_chunks: totals.uniqueChunks,
          unique_csize: totals.uniqueCsize,
          unique_size: totals.uniqueSize,
        },
      },
    }),
  };
}

/** JSON as borg prints it: keys sorted, four spaces. */
export function sortedJson(value: unknown): string {
  const sorted = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(sorted);
    if (part === null || typeof part !== "object") return part;
    return Object.fromEntries(
      Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, sorted(v)]),
    );
  };
  return `${JSON.stringify(sorted(value), null, 4)}\n`;
}
