/** `info`: what a repository or an archive is, and what it takes. */
import { allChunks, type Archive, archiveChunks, uniqueSize } from "../core/archive/mod.ts";
import { parseTimestamp } from "../core/archive/mod.ts";
import { encodeHex, hexOfId, printable } from "../core/bytes/mod.ts";
import { encodeChunkerParams } from "../core/chunk/mod.ts";
import type { ChunksIndex, IndexTotals } from "../core/local/mod.ts";
import { MAX_DATA_SIZE } from "../core/store/mod.ts";
import {
  hasSelection,
  selectArchives,
  SELECTION_OPTIONS,
  type SelectionValues,
} from "./archive_selection.ts";
import type { CommandContext } from "./context.ts";
import { formatDuration } from "./format_size.ts";
import { humanTime, jsonTime } from "./local_time.ts";
import { canonicalPath } from "./location.ts";
import { quoteCommand } from "./quote.ts";
import {
  DASHES,
  repositoryJson,
  repositoryTotals,
  sortedJson,
  STATS_HEADER,
  statsLine,
  totalsLines,
  totalsOf,
} from "./repo_stats.ts";
import { openSession, type Session } from "./session.ts";
import { optionalRepository } from "./option_groups.ts";
import type { Command, CommandSpec } from "./spec.ts";

interface InfoValues extends SelectionValues {
  location: string;
  json: boolean;
}

const spec: CommandSpec = {
  name: "info",
  summary: "show what a repository or an archive is and takes",
  description:
    `Shows where a repository is, how it is encrypted and how large it is; or, for an archive, when and how it was
made and how large it is.

"Deduplicated size" of an archive is what only this archive needs: what deleting it would free.`,
  options: [{ flags: ["--json"], name: "json", help: "print as JSON" }, ...SELECTION_OPTIONS],
  positionals: [
    optionalRepository("what to describe; without it, the repository in BORG_REPO", "REPOSITORY_OR_ARCHIVE"),
  ],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as InfoValues;
  await using session = await openSession(context, values.location, { operations: ["read"] });
  if (session.location.archive !== undefined || hasSelection(values)) {
    await infoArchives(context, session, values);
  } else await infoRepository(context, session, values);
}

async function infoRepository(context: CommandContext, session: Session, values: InfoValues): Promise<void> {
  const totals = await repositoryTotals(session);
  if (values.json) {
    return context.print(sortedJson(repositoryJson(session, totals, { security_dir: session.securityDir })));
  }
  const { mode } = session.codec;
  const encrypted = mode === "none" || mode.startsWith("authenticated")
    ? "No"
    : `Yes (${keyDescription(mode)})`;
  const lines = [
    `Repository ID: ${encodeHex(session.store.id)}`,
    `Location: ${canonicalPath(session.location)}`,
    `Encrypted: ${encrypted}`,
    ...(session.keyFilePath === null ? [] : [`Key file: ${session.keyFilePath}`]),
    `Cache: ${session.cacheDir ?? "-"}`,
    `Security dir: ${session.securityDir}`,
    DASHES,
    STATS_HEADER,
    ...totalsLines(totals, context.common.iec),
  ];
  context.print(`${lines.join("\n")}\n`);
}

function keyDescription(mode: string): string {
  const blake2 = mode.endsWith("-blake2") ? " BLAKE2b" : "";
  return mode.startsWith("keyfile") ? `key file${blake2}` : `repokey${blake2}`;
}

async function infoArchives(context: CommandContext, session: Session, values: InfoValues): Promise<void> {
  const { archive: name } = session.location;
  const chosen = name !== undefined
    ? [session.manifest.archives.get(name)].filter((info) => info !== undefined)
    : selectArchives(session.manifest, values, { checkpoints: true, fill: session.fill });
  const names = name !== undefined ? [name] : chosen.map((info) => info.name);
  const all = await allChunks(session.chunkLists());
  const totals = await totalsOf(session, all);
  const objects: unknown[] = [];
  session.store.preload?.(chosen.map(({ id }) => id));
  for (const [i, archiveName] of names.entries()) {
    const archive = await session.openArchive(archiveName);
    const info = await archiveInfo(session, archive, all);
    if (values.json) objects.push(info);
    else context.print(`${i > 0 ? "\n" : ""}${archiveText(archive, info, totals, context.common.iec)}\n`);
  }
  all.dispose();
  if (values.json) context.print(sortedJson(repositoryJson(session, totals, { archives: objects })));
}

interface ArchiveDetails {
  startUs: number;
  endUs: number;
  stats: { original_size: number; compressed_size: number; deduplicated_size: number; nfiles: number };
  limits: { max_archive_size: number };
}

async function archiveInfo(
  session: Session,
  archive: Archive,
  all: ChunksIndex,
): Promise<Record<string, unknown>> {
  const { meta } = archive;
  const chunks = await archiveChunks(session.chunkLists(), {
    name: archive.name,
    id: archive.id,
    time: meta.time,
  });
  const totals = chunks.totals();
  // What belongs to the archive's own metadata is not counted as its files' (borg issue 9003).
  const deduplicated = uniqueSize(chunks, all, [archive.id, ...meta.items]);
  chunks.dispose();
  const start = Math.floor((parseTimestamp(meta.time) ?? 0) / 1e6) * 1e6;
  const end = Math.floor((parseTimestamp(meta.timeEnd) ?? 0) / 1e6) * 1e6;
  return {
    name: archive.name,
    id: hexOfId(archive.id),
    start: jsonTime(start),
    end: jsonTime(end),
    duration: ((parseTimestamp(meta.timeEnd) ?? 0) - (parseTimestamp(meta.time) ?? 0)) / 1e6,
    stats: {
      original_size: meta.stats?.size ?? totals.size,
      compressed_size: meta.stats?.csize ?? totals.csize,
      deduplicated_size: deduplicated,
      nfiles: meta.stats?.nfiles ?? 0,
    },
    limits: { max_archive_size: archive.metaSize.csize / MAX_DATA_SIZE },
    command_line: meta.cmdline.map(printable),
    cwd: meta.cwd ?? "",
    hostname: printable(meta.hostname),
    username: printable(meta.username),
    comment: printable(meta.comment),
    chunker_params: meta.chunkerParams ? encodeChunkerParams(meta.chunkerParams) : "",
  };
}

function archiveText(
  archive: Archive,
  info: Record<string, unknown>,
  totals: IndexTotals,
  iec: boolean,
): string {
  const { meta } = archive;
  const { stats, limits } = info as unknown as ArchiveDetails;
  return [
    `Archive name: ${printable(archive.name)}`,
    `Archive fingerprint: ${hexOfId(archive.id)}`,
    `Comment: ${printable(meta.comment)}`,
    `Hostname: ${printable(meta.hostname)}`,
    `Username: ${printable(meta.username)}`,
    `Time (start): ${humanTime(parseTimestamp(meta.time) ?? 0)}`,
    `Time (end): ${humanTime(parseTimestamp(meta.timeEnd) ?? 0)}`,
    `Duration: ${formatDuration(info["duration"] as number)}`,
    `Number of files: ${stats.nfiles}`,
    `Working Directory: ${printable(meta.cwd ?? "")}`,
    `Command line: ${quoteCommand(meta.cmdline.map(printable))}`,
    `Utilization of maximum supported archive size: ${Math.round(100 * limits.max_archive_size)}%`,
    DASHES,
    STATS_HEADER,
    statsLine("This archive:", [stats.original_size, stats.compressed_size, stats.deduplicated_size], iec),
    ...totalsLines(totals, iec),
  ].join("\n");
}

export const command: Command = { spec, run };
