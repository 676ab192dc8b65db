/** What `create` backs up, put together from the rooms `fs` and `platform` and the command's options. */
import type { PipeEntry, Source } from "../core/archive/mod.ts";
import {
  type AheadOptions,
  type AheadWalker,
  type ExtendedMeta,
  extendedMeta,
  type ExtendedMetaOptions,
  FileReader,
  itemFromStat,
  normalizePath,
  planRules,
  readSourceLink,
  type Rule,
  SourceError,
  toArchivePath,
  type WalkEntry,
  Walker,
  walkOptions,
  type WalkPlan,
  warningOf,
} from "../core/fs/mod.ts";
import { printable } from "../core/bytes/mod.ts";
import { OsError } from "../core/errors.ts";
import type { FilesCache } from "../core/local/mod.ts";
import { log } from "../core/report.ts";
import {
  type Attributes,
  openAttributes,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  SF_DATALESS,
  type Stat,
  UF_NODUMP,
} from "../core/platform/mod.ts";
import type { CommandContext } from "./context.ts";
import type { CreateValues } from "./create_options.ts";
import { commandEntry, dryEntry, stdinEntry } from "./create_pipe.ts";
import { listedPaths } from "./listed_paths.ts";
import type { Session } from "./session.ts";
import type { WalkThread } from "./walk_thread.ts";

export interface SourceOptions {
  values: CreateValues;
  paths: readonly string[];
  rules: readonly Rule[];
  /** null: files are always read. */
  cache: FilesCache | null;
  /** Walks ahead; null: this thread walks. */
  walkThread: WalkThread | null;
}

/** With `close` for when it is not read to its end. */
export function makeSource(
  context: CommandContext,
  session: Session,
  options: SourceOptions,
): Source & { close(): void } {
  const { files, users } = context;
  const { values, cache } = options;
  const attributes = openAttributes();
  const unread = new UnreadMetas();
  const extended = extendedOptions(context, attributes, values, unread);
  let onLeave: (path: string) => void = () => {};
  const entries = allEntries(context, session, { ...options, attributes, onLeave: (path) => onLeave(path) });
  const metaOptions = {
    users,
    atime: values.atime,
    ctime: !values.noctime,
    numericIds: values.numeric_ids,
  };
  const readerOptions = { files, changedBy: values.files_changed, sparse: values.sparse };
  return {
    next: (toldOfFolders) => {
      onLeave = toldOfFolders;
      return entries.next().value ?? null;
    },
    close: () => void entries.return(undefined),
    reader: new FileReader(readerOptions),
    ...(values.read_special ? { specialReader: new FileReader({ ...readerOptions, special: true }) } : {}),
    meta: (archivePath, stat) => itemFromStat(archivePath, stat, metaOptions),
    extended: (entry, stat, fd) =>
      entry.bare && typeof stat.flags === "number"
        ? flagsAlone(entry.path, stat, extended)
        : unread.watch(() =>
          extendedMeta({ path: entry.path, fd, at: fd === undefined ? entry.at : undefined }, stat, extended)
        ),
    bareExtended: (entry, stat) =>
      typeof stat.flags === "number"
        ? flagsAlone(entry.path, stat, extended)
        : extendedMeta({ path: entry.path, at: entry.at }, stat, extended),
    readLink: (path, at) => readSourceLink(files, path, at),
    warningOf,
    ...(cache === null ? {} : { cache: cacheByPath(cache, context.cwd, values, unread) }),
  };
}

/** Of what is known to have neither attributes nor ACLs, and whose stat tells of flags. */
function flagsAlone(path: string, stat: Stat, options: ExtendedMetaOptions): ExtendedMeta | null {
  const flags = options.flags === false ? 0 : options.attributes.flags(path, stat);
  return flags === 0 ? null : { bsdflags: flags };
}

function extendedOptions(
  context: CommandContext,
  attributes: Attributes,
  values: CreateValues,
  unread: UnreadMetas,
): ExtendedMetaOptions {
  return {
    attributes,
    users: context.users,
    numericIds: values.numeric_ids,
    flags: !values.noflags,
    acls: !values.noacls,
    xattrs: !values.noxattrs,
    onUnreadable: (path, message) => {
      unread.tell();
      log(context.reporter, "WARNING", `${printable(path)}: ${printable(message)}`);
    },
  };
}

/** Those that lack an attribute which could not be read: the file has more than they say. */
class UnreadMetas {
  readonly #metas = new WeakSet<ExtendedMeta>();
  #told = false;

  tell(): void {
    this.#told = true;
  }

  watch(read: () => ExtendedMeta | null): ExtendedMeta | null {
    this.#told = false;
    const meta = read();
    if (this.#told && meta !== null) this.#metas.add(meta);
    return meta;
  }

  has(meta: ExtendedMeta | null): boolean {
    return meta !== null && this.#metas.has(meta);
  }
}

/** With what the walk itself needs. */
interface WalkSourceOptions extends SourceOptions {
  attributes: Attributes;
  onLeave: (path: string) => void;
}

function* allEntries(
  context: CommandContext,
  session: Session,
  options: WalkSourceOptions,
): Generator<WalkEntry | PipeEntry | Promise<void>, undefined> {
  const { values, paths } = options;
  if (values.content_from_command) {
    yield values.dry_run ? dryEntry(context, values) : commandEntry(context, values, paths);
    return;
  }
  if (values.paths_from_stdin || values.paths_from_command) {
    for (const path of listedPaths(context, values, paths)) {
      if (path instanceof Promise) yield path;
      else yield* listedEntry(context, path, values);
    }
    return;
  }
  const skip = neverBackedUp(context, session);
  const stored = new Set<string>();
  for (const path of paths) {
    if (path === "-") {
      yield values.dry_run ? dryEntry(context, values) : stdinEntry(context, values);
    } else {
      const name = normalizePath(path);
      if (stored.has(name)) continue;
      yield* walkRoot(context, path, options, skip);
      // A folder that is named twice, or a folder in it afterwards, is stored once. A file may have further names, which are
      // stored, too (borg leaves them out).
      if (isLinked(context, name)) stored.add(name);
      else skip.push(...inodesOf(context, [name], "lstat"));
    }
  }
}

function report(context: CommandContext, path: string, error: OsError): void {
  warn(context, path, error);
  status(context, "E", path);
}

function warn(context: CommandContext, path: string, error: OsError): void {
  const { warningCode, message } = SourceError.fromOs(error.syscall, path, error);
  context.reporter.warn(warningCode, printable(path), message);
}

function status(context: CommandContext, letter: string, path: string): void {
  context.reporter.emit({ type: "file_status", status: letter, path: printable(path) });
}

/** How `root` is walked. */
export function aheadOptions(
  context: CommandContext,
  options: {
    values: CreateValues;
    rules: readonly Rule[];
    root: string;
    skip: readonly { dev: number; ino: bigint }[];
  },
): AheadOptions {
  const { values, rules, root, skip } = options;
  const plan: WalkPlan = {
    root,
    oneFileSystem: values.one_file_system,
    skip: [...skip],
    rules: planRules(rules),
    tags: values.exclude_caches || values.exclude_if_present.length > 0
      ? { excludeCaches: values.exclude_caches, ifPresent: values.exclude_if_present }
      : null,
    keepTags: values.keep_exclude_tags,
    excludedFlags: (values.exclude_nodump ? UF_NODUMP : 0) | (values.exclude_dataless ? SF_DATALESS : 0),
  };
  return { files: context.files, plan, attributes: !values.noacls || !values.noxattrs };
}

/** Backing up the repository into itself would never end well. The path of a far one means nothing here. */
export function neverBackedUp(
  context: CommandContext,
  { location, cacheDir }: Pick<Session, "location" | "cacheDir">,
): { dev: number; ino: bigint }[] {
  return inodesOf(context, [location.proto === "file" ? location.path : null, cacheDir]);
}

function* walkRoot(
  context: CommandContext,
  root: string,
  options: WalkSourceOptions,
  skip: { dev: number; ino: bigint }[],
): Generator<WalkEntry> {
  const { values, rules, attributes } = options;
  const { files } = context;
  const prefix = stripPrefix(root);
  const ahead = aheadOptions(context, { values, rules, root, skip });
  const told = {
    onError: (path: string, error: OsError) => report(context, path, error),
    // borg has no letter for a path on the command line that is not there.
    onRootError: (path: string, error: OsError) => warn(context, path, error),
    onExcluded: (path: string) => status(context, "x", path),
    onLeave: (path: string) =>
      isCutOff(path, prefix) ? tellCutOff(context, path, values) : options.onLeave(path),
  };
  let walker: Walker | AheadWalker;
  if (options.walkThread === null) {
    walker = new Walker({ ...walkOptions(ahead.plan, files, attributes), ...told });
  } else {
    walker = options.walkThread.walk(ahead);
    walker.listeners = told;
  }
  for (let entry = walker.next(); entry !== null; entry = walker.next()) {
    const placed = strip(entry, prefix);
    if (placed) yield followed(context, placed, values);
  }
}

function* listedEntry(context: CommandContext, listed: string, values: CreateValues): Generator<WalkEntry> {
  const path = normalizePath(listed);
  try {
    const stat = context.files.lstat(path);
    const entry = strip({ path, archivePath: toArchivePath(path), stat }, stripPrefix(listed));
    if (entry) yield followed(context, entry, values);
    else tellCutOff(context, path, values);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    report(context, path, error);
  }
}

/** `/a/b/./c` is stored as `c`: what stands before the first `/./`, normalised, with a slash. */
function stripPrefix(root: string): string | null {
  const at = root.indexOf("/./");
  return at < 0 ? null : `${normalizePath(root.slice(0, at) || "/").replace(/\/$/, "")}/`;
}

/** A folder on the way to what `prefix` cuts off. */
function isCutOff(path: string, prefix: string | null): boolean {
  return prefix !== null && prefix.length > path.length + 1 && prefix.startsWith(`${path}/`);
}

function tellCutOff(context: CommandContext, path: string, values: CreateValues): void {
  status(context, values.dry_run ? "-" : "x", path);
}

/** The entry under its shortened path; null for the folders that were cut off. */
function strip(entry: WalkEntry, prefix: string | null): WalkEntry | null {
  if (prefix === null) return entry;
  if (`${entry.path}/` === prefix) return { ...entry, archivePath: "." };
  if (isCutOff(entry.path, prefix)) return null;
  if (!entry.path.startsWith(prefix)) return entry;
  return { ...entry, archivePath: toArchivePath(entry.path.slice(prefix.length)) };
}

const SPECIAL: ReadonlySet<number> = new Set([S_IFIFO, S_IFCHR, S_IFBLK]);

/** With `--read-special` a link to a device or FIFO is what it points to. */
function followed(context: CommandContext, entry: WalkEntry, values: CreateValues): WalkEntry {
  if (!values.read_special || (entry.stat.mode & S_IFMT) !== S_IFLNK) return entry;
  let target: Stat;
  try {
    target = context.files.stat(entry.path);
  } catch (error) {
    if (error instanceof OsError) return entry;
    throw error;
  }
  return SPECIAL.has(target.mode & S_IFMT) ? { ...entry, stat: target } : entry;
}

/** The files cache knows absolute paths: a backup of "." from two folders is two different things. */
function cacheByPath(
  cache: FilesCache,
  cwd: string,
  values: CreateValues,
  unread: UnreadMetas,
): NonNullable<Source["cache"]> {
  const { rechunk } = values.files_cache;
  const sawAll = !values.noacls && !values.noxattrs;
  const absolute = (path: string): string => path.startsWith("/") ? path : `${cwd}/${path}`;
  return {
    lookup: (path, stat) => rechunk ? null : cache.lookup(absolute(path), stat),
    foundBare: () => cache.foundBare,
    remember: (path, stat, chunks, extended) =>
      cache.remember(absolute(path), stat, chunks, sawAll && isBare(extended) && !unread.has(extended)),
  };
}

function isBare(extended: ExtendedMeta | null): boolean {
  return extended === null || Object.keys(extended).every((key) => key === "bsdflags");
}

/** Whether a file that is no folder has several names. */
function isLinked(context: CommandContext, path: string): boolean {
  try {
    const { mode, nlink } = context.files.lstat(path);
    return (mode & S_IFMT) !== S_IFDIR && nlink > 1;
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  }
}

function inodesOf(
  context: CommandContext,
  paths: readonly (string | null)[],
  how: "stat" | "lstat" = "stat",
): { dev: number; ino: bigint }[] {
  const found: { dev: number; ino: bigint }[] = [];
  for (const path of paths) {
    if (path === null) continue;
    try {
      const { dev, ino } = context.files[how](path);
      found.push({ dev, ino });
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }
  return found;
}
