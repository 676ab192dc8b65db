/** `list`: the archives of a repository, or the contents of an archive. */
import type { Archive, Item } from "../core/archive/mod.ts";
import { allChunks, fetchContents, FIELD, ItemView } from "../core/archive/mod.ts";
import { ArchiveFormat, DEFAULT_ARCHIVE_FORMAT } from "./archive_format.ts";
import { selectArchives, SELECTION_OPTIONS, type SelectionValues } from "./archive_selection.ts";
import type { CommandContext } from "./context.ts";
import { DEFAULT_ITEM_FORMAT, ItemFormat } from "./item_format.ts";
import { ItemLines } from "./item_line.ts";
import { LineBuffer } from "./line_buffer.ts";
import { buildMatcher, PATHS_POSITIONAL, PATTERN_OPTIONS, type PatternValues } from "./pattern_options.ts";
import { repositoryJson, sortedJson } from "./repo_stats.ts";
import { openSession, type Session } from "./session.ts";
import { optionalRepository } from "./option_groups.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { commandError } from "./values.ts";

interface ListValues extends SelectionValues, PatternValues {
  location: string;
  paths: string[];
  consider_checkpoints: boolean;
  short: boolean;
  format: string | undefined;
  json: boolean;
  json_lines: boolean;
}

const spec: CommandSpec = {
  name: "list",
  summary: "list archives, or the contents of an archive",
  description:
    `Lists the archives of a repository, or the files in an archive (all of them, or those that PATH names).

Keys for --format on archives: archive name barchive comment bcomment id tam start time end command_line hostname
username. On files: type mode uid gid user group path bpath source linktarget flags size csize dsize dcsize num_chunks
unique_chunks mtime ctime atime isomtime isoctime isoatime archiveid archivename extra health, and digests of the
contents: md5 sha1 sha256 sha512 sha3_256 blake2b xxh64 and others. Everywhere: NL NEWLINE NUL SPACE TAB CR LF.`,
  options: [
    {
      flags: ["--consider-checkpoints"],
      name: "consider_checkpoints",
      help: "show the checkpoints of interrupted backups too",
    },
    { flags: ["--short"], name: "short", help: "print names only" },
    {
      flags: ["--format"],
      name: "format",
      metavar: "FORMAT",
      help: "how to print one entry, with keys in braces",
    },
    { flags: ["--json"], name: "json", help: "print the list of archives as JSON" },
    {
      flags: ["--json-lines"],
      name: "json_lines",
      help: "print each file of an archive as one line of JSON",
    },
    ...SELECTION_OPTIONS,
    ...PATTERN_OPTIONS,
  ],
  positionals: [
    optionalRepository("what to list; without it, the repository in BORG_REPO", "REPOSITORY_OR_ARCHIVE"),
    PATHS_POSITIONAL,
  ],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as ListValues;
  await using session = await openSession(context, values.location, { operations: ["read"] });
  if (session.location.archive !== undefined) {
    if (values.json) {
      throw commandError("--json is for the list of archives, use --json-lines for an archive's contents");
    }
    await listArchive(context, session, values, session.location.archive);
  } else {
    if (values.json_lines) {
      throw commandError("--json-lines is for the contents of an archive, use --json here");
    }
    await listRepository(context, session, values);
  }
}

async function listRepository(context: CommandContext, session: Session, values: ListValues): Promise<void> {
  const format = new ArchiveFormat(
    values.format ?? (values.short ? "{archive}{NL}" : DEFAULT_ARCHIVE_FORMAT),
  );
  const archives = selectArchives(session.manifest, values, {
    checkpoints: values.consider_checkpoints,
    fill: session.fill,
  });
  if (format.needsMeta) session.store.preload?.(archives.map(({ id }) => id));
  const objects: Record<string, unknown>[] = [];
  for (const info of archives) {
    const archive = format.needsMeta ? await session.openArchive(info.name) : null;
    if (values.json) objects.push(format.json(info, archive));
    else context.print(format.text(info, archive));
  }
  if (values.json) context.print(sortedJson(repositoryJson(session, null, { archives: objects })));
}

async function listArchive(
  context: CommandContext,
  session: Session,
  values: ListValues,
  name: string,
): Promise<void> {
  const archive = await session.openArchive(name);
  const format = new ItemFormat(
    values.format ?? (values.short ? "{path}{NL}" : DEFAULT_ITEM_FORMAT),
    archive,
  );
  if (format.needsCounts) format.counts = await allChunks(session.chunkLists());
  const matcher = buildMatcher(context, values, values.paths);
  const { needsContents } = format;
  const all = values.paths.length === 0 && matcher.empty;
  const lines = new ItemLines(format, values.json_lines);
  const out = new LineBuffer(context.printBytes);
  for await (const items of archive.stream()) {
    for (let item = items.next(); item !== null; item = items.next()) {
      if (isPart(item) && !context.common.consider_part_files) continue;
      if (!all && matcher.match(pathOf(item)) !== "include") continue;
      if (needsContents) await prepareContents(format, archive, itemOf(item));
      lines.append(item, out);
    }
  }
  out.flush();
}

const itemOf = (item: ItemView | Item): Item => item instanceof ItemView ? item.item() : item;
const pathOf = (item: ItemView | Item): string =>
  item instanceof ItemView ? item.text(FIELD.path)! : item.path;
const isPart = (item: ItemView | Item): boolean =>
  item instanceof ItemView ? item.has(FIELD.part) : item.part !== undefined;

async function prepareContents(format: ItemFormat, archive: Archive, item: Item): Promise<void> {
  await format.prepare(item, (chunks) => fetchContents(archive.store, archive.codec, chunks));
}

export const command: Command = { spec, run };
