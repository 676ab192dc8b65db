/** The options that choose paths, in the order in which they stand on the command line. */
import { PathMatcher, PatternLineError, patternLines, RuleList } from "../core/fs/mod.ts";
import { decodeText } from "../core/bytes/mod.ts";
import { OsError } from "../core/errors.ts";
import type { CommandContext } from "./context.ts";
import type { OptionSpec, PositionalSpec } from "./spec.ts";
import { commandError, parsePath, usageError } from "./values.ts";

/** One of the pattern options as parsed; the order among them is kept because they share one name. */
interface PatternOption {
  kind: "exclude" | "exclude-from" | "pattern" | "patterns-from";
  value: string;
}

export interface PatternValues {
  patterns: PatternOption[];
}

const group = "include and exclude";
const option = (kind: PatternOption["kind"], flags: string[], metavar: string, help: string): OptionSpec => ({
  flags,
  name: "patterns",
  metavar,
  repeat: "append",
  parse: (value) => ({ kind, value }),
  group,
  help,
});

export const PATTERN_OPTIONS: readonly OptionSpec[] = [
  option("exclude", ["-e", "--exclude"], "PATTERN", "leave out what matches (fm: style by default)"),
  option("exclude-from", ["--exclude-from"], "FILE", "read such patterns from a file, one in a line"),
  option(
    "pattern",
    ["--pattern"],
    "LINE",
    "include (+), exclude (-), exclude without looking below (!) what matches",
  ),
  option("patterns-from", ["--patterns-from"], "FILE", "read such lines from a file"),
];

/** What of an archive is meant: the last positional of commands that take a part of one. */
export const PATHS_POSITIONAL: PositionalSpec = {
  name: "paths",
  metavar: "PATH",
  count: "*",
  parse: parsePath,
  help: "only these; patterns are understood",
};

function readText(context: CommandContext, path: string): string {
  try {
    return decodeText(context.files.readFile(path));
  } catch (error) {
    if (error instanceof OsError) throw usageError(`Cannot read the pattern file: ${error.message}`);
    throw error;
  }
}

/** The rules of the options, and the roots that pattern lines name. Throws a sentence on a bad pattern. */
export function collectRules(context: CommandContext, values: PatternValues): RuleList {
  const list = new RuleList();
  try {
    for (const { kind, value } of values.patterns) {
      if (kind === "exclude") list.addExclude(value);
      else if (kind === "pattern") list.addLine(value);
      else if (kind === "patterns-from") list.addFile(readText(context, value));
      else for (const line of patternLines(readText(context, value))) list.addExclude(line);
    }
  } catch (error) {
    if (error instanceof PatternLineError) throw commandError(`Cannot use a pattern: ${error.message}`);
    if (error instanceof RangeError) throw usageError(`Cannot use a pattern: ${error.message}`);
    throw error;
  }
  return list;
}

/** Matcher for extract and list: rules first, then the paths of the command line. */
export function buildMatcher(
  context: CommandContext,
  values: PatternValues,
  paths: readonly string[],
): PathMatcher {
  const matcher = new PathMatcher(collectRules(context, values).rules);
  try {
    matcher.addIncludePaths(paths);
  } catch (error) {
    if (error instanceof RangeError) throw usageError(`Cannot use a path: ${error.message}`);
    throw error;
  }
  return matcher;
}
