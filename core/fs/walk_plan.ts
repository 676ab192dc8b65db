/** What a walk is to do, as plain data: it can be sent to another thread (`walk_ahead.ts`). */
import type { Attributes, Files } from "../platform/mod.ts";
import { parsePattern, PathMatcher, type Rule, type Verdict } from "./patterns.ts";
import { type TagOptions, tagsOf } from "./tag_files.ts";
import type { WalkOptions } from "./walk.ts";

export interface WalkPlan {
  root: string;
  oneFileSystem: boolean;
  /** Files and folders that are passed over without a word. */
  skip: { dev: number; ino: bigint }[];
  rules: PlannedRule[];
  /** Which folders say of themselves that they need no backup; null: none are looked for. */
  tags: TagOptions | null;
  keepTags: boolean;
  /** Leaves out what has one of these file flags. */
  excludeFlags: number;
}

/** A {@link Rule} before its pattern is compiled. */
export interface PlannedRule {
  text: string;
  verdict: Verdict;
}

export function planRules(rules: readonly Rule[]): PlannedRule[] {
  return rules.map(({ pattern, verdict }) => ({ text: withStyle(pattern), verdict }));
}

/** The text with its style, which it may have from where it stood. */
function withStyle({ text, style }: Rule["pattern"]): string {
  return text.startsWith(`${style}:`) ? text : `${style}:${text}`;
}

/** Options of a walker for `plan`; callbacks are the caller's to add. */
export function walkOptions(plan: WalkPlan, files: Files, attributes: Attributes): WalkOptions {
  const { root, oneFileSystem, skip, rules, tags, keepTags, excludeFlags } = plan;
  const options: WalkOptions = { files, roots: [root], oneFileSystem, skip, keepTags };
  if (rules.length > 0) {
    const matcher = new PathMatcher(
      rules.map(({ text, verdict }) => ({ pattern: parsePattern(text, "fm"), verdict })),
    );
    options.matcher = (path) => matcher.match(path);
  }
  if (tags !== null) options.tagsOf = (folder) => tagsOf(files, folder, tags);
  if (excludeFlags !== 0) {
    options.leaveOut = (path, stat) => (attributes.flags(path, stat) & excludeFlags) !== 0;
  }
  return options;
}
