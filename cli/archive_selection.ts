/** The options that choose archives of a repository, and the choice. */
import type { ArchiveInfo, Manifest } from "../core/archive/mod.ts";
import { globToRegExp } from "../core/fs/mod.ts";
import { hexOfId } from "../core/bytes/mod.ts";
import type { OptionSpec } from "./spec.ts";
import { parsePositive, parseSortKeys, usageError } from "./values.ts";

export interface SelectionValues {
  prefix: string | undefined;
  glob_archives: string | undefined;
  sort_by: string[];
  first: number;
  last: number;
}

const group = "archive filters";

export const SELECTION_OPTIONS: readonly OptionSpec[] = [
  {
    flags: ["-P", "--prefix"],
    name: "prefix",
    metavar: "PREFIX",
    exclusive: "which names",
    once: true,
    group,
    help: "only archives whose name starts with this (deprecated, use --glob-archives)",
    deprecated: "use --glob-archives 'PREFIX*'",
  },
  {
    flags: ["-a", "--glob-archives"],
    name: "glob_archives",
    metavar: "GLOB",
    exclusive: "which names",
    once: true,
    group,
    help: "only archives whose name matches this shell glob",
  },
  {
    flags: ["--sort-by"],
    name: "sort_by",
    metavar: "KEYS",
    parse: parseSortKeys,
    default: ["time"],
    group,
    help: "sort by these, separated by commas: timestamp, archive, name, id (default: timestamp)",
  },
  {
    flags: ["--first"],
    exclusive: "which end",
    name: "first",
    metavar: "N",
    parse: parsePositive,
    default: 0,
    group,
    help: "only the first N of what remains",
  },
  {
    flags: ["--last"],
    exclusive: "which end",
    name: "last",
    metavar: "N",
    parse: parsePositive,
    default: 0,
    group,
    help: "only the last N of what remains",
  },
];

/** Whether any filter was given. */
export function hasSelection(values: SelectionValues): boolean {
  return Boolean(
    values.first || values.last || values.prefix !== undefined || values.glob_archives !== undefined,
  );
}

/** Filters, sorts and limits. `fill` replaces placeholders in prefix and glob. Throws on contradicting filters. */
export function selectArchives(
  manifest: Manifest,
  values: SelectionValues,
  options: { checkpoints: boolean; fill: (text: string) => string },
): ArchiveInfo[] {
  if (values.prefix !== undefined && values.glob_archives !== undefined) {
    throw usageError("--prefix and --glob-archives cannot be used together");
  }
  if (values.first && values.last) throw usageError("--first and --last cannot be used together");
  let archives = [...manifest.archives.values()];
  if (!options.checkpoints) archives = archives.filter((info) => !info.name.includes(".checkpoint"));
  const glob = values.prefix === undefined ? values.glob_archives : `${values.prefix}*`;
  if (glob !== undefined) {
    const pattern = globToRegExp(options.fill(glob), "sh");
    archives = archives.filter((info) => pattern.test(info.name));
  }
  const keys = values.sort_by as ("time" | "name" | "id")[];
  const rank = (info: ArchiveInfo, key: "time" | "name" | "id"): string =>
    key === "id" ? hexOfId(info.id) : info[key];
  archives.sort((a, b) => {
    for (const key of keys) {
      const [x, y] = [rank(a, key), rank(b, key)];
      if (x !== y) return x < y ? -1 : 1;
    }
    return 0;
  });
  if (values.first) return archives.slice(0, values.first);
  if (values.last) return archives.slice(Math.max(0, archives.length - values.last));
  return archives;
}
