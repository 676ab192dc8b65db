/** What `create` backs up, put together from the rooms `fs` and `platform` and the command's options. */
import type { Source } from "../core/archive/mod.ts";
import {
  FileReader,
  itemFromStat,
  PathMatcher,
  readSourceLink,
  type Rule,
  SourceError,
  tagsOf,
  Walker,
  warningOf,
} from "../core/fs/mod.ts";
import { printable } from "../core/bytes/mod.ts";
import { OsError } from "../core/errors.ts";
import type { FilesCache } from "../core/local/mod.ts";
import type { CommandContext } from "./context.ts";
import type { Session } from "./session.ts";

export interface SourceOptions {
  paths: readonly string[];
  rules: readonly Rule[];
  one_file_system: boolean;
  numeric_ids: boolean;
  atime: boolean;
  noctime: boolean;
  exclude_caches: boolean;
  exclude_if_present: string[];
  keep_exclude_tags: boolean;
  /** null: files are always read. */
  cache: FilesCache | null;
  /** The cache is written, but not asked. */
  rechunk: boolean;
}

export function makeSource(context: CommandContext, session: Session, options: SourceOptions): Source {
  const { files, users, reporter } = context;
  const matcher = new PathMatcher(options.rules);
  const walker = new Walker({
    files,
    roots: options.paths,
    oneFileSystem: options.one_file_system,
    ...(options.rules.length > 0 ? { matcher: (path: string) => matcher.match(path) } : {}),
    ...(options.exclude_caches || options.exclude_if_present.length > 0
      ? {
        tagsOf: (folder: string) =>
          tagsOf(files, folder, {
            excludeCaches: options.exclude_caches,
            ifPresent: options.exclude_if_present,
          }),
        keepTags: options.keep_exclude_tags,
      }
      : {}),
    // Backing up the repository into itself would never end well.
    skip: inodesOf(context, [session.location.path, session.cacheDir]),
    onError: (path, error) => {
      const { warningCode, message } = SourceError.fromOs("stat", path, error);
      reporter.warn(warningCode, printable(path), message);
      reporter.emit({ type: "file_status", status: "E", path: printable(path) });
    },
    onExcluded: (path) => reporter.emit({ type: "file_status", status: "x", path: printable(path) }),
  });
  const metaOptions = {
    users,
    atime: options.atime,
    ctime: !options.noctime,
    numericIds: options.numeric_ids,
  };
  return {
    next: () => walker.next(),
    reader: new FileReader({ files }),
    meta: (archivePath, stat) => itemFromStat(archivePath, stat, metaOptions),
    readLink: (path) => readSourceLink(files, path),
    warningOf,
    ...(options.cache === null ? {} : { cache: cacheByPath(options.cache, context.cwd, options.rechunk) }),
  };
}

/** The files cache knows absolute paths: a backup of "." from two folders is two different things. */
function cacheByPath(cache: FilesCache, cwd: string, rechunk: boolean): NonNullable<Source["cache"]> {
  const absolute = (path: string): string => path.startsWith("/") ? path : `${cwd}/${path}`;
  return {
    lookup: (path, stat) => rechunk ? null : cache.lookup(absolute(path), stat),
    remember: (path, stat, chunks) => cache.remember(absolute(path), stat, chunks),
  };
}

function inodesOf(
  context: CommandContext,
  paths: readonly (string | null)[],
): { dev: number; ino: bigint }[] {
  const found: { dev: number; ino: bigint }[] = [];
  for (const path of paths) {
    if (path === null) continue;
    try {
      const { dev, ino } = context.files.stat(path);
      found.push({ dev, ino });
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }
  return found;
}
