/**
 * Which paths are meant: borg's pattern language (docs, usage/help, "patterns"). A pattern has a style by its prefix:
 * `fm:` fnmatch, `sh:` shell, `re:` regular expression, `pp:` path prefix, `pf:` full path. The first pattern that matches
 * decides; full paths are looked up before all others.
 */
import { posix } from "node:path";
import { globToRegExp } from "./glob.ts";

export type PatternStyle = "fm" | "sh" | "re" | "pp" | "pf";
const STYLES: ReadonlySet<string> = new Set(["fm", "sh", "re", "pp", "pf"]);

/** What a matching pattern says of a path. */
export type Verdict = "include" | "exclude" | "exclude-no-recurse";

export interface Pattern {
  /** As typed. */
  readonly text: string;
  readonly style: PatternStyle;
  /** The normalised full path of a "pf" pattern. */
  readonly fullPath?: string;
  /** `path` has no leading slash. */
  matches(path: string): boolean;
}

const noLeadingSlash = (path: string): string => path.replace(/^\/+/, "");

/** Like Python's normpath: no empty, "." or inner ".." elements, no slash at the end. */
function normalize(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 ? normal.replace(/\/+$/, "") : normal;
}

/** A line of a pattern file, or of `--pattern`, that says nothing that can be done: borg has an exit code for it. */
export class PatternLineError extends RangeError {
  override readonly name = "PatternLineError";
}

/** Throws RangeError where the text is no pattern. `fallback`: the style of a pattern without a prefix. */
export function parsePattern(text: string, fallback: PatternStyle): Pattern {
  let style = fallback;
  let body = text;
  const prefix = /^([a-zA-Z0-9]{2}):(.*)$/s.exec(text);
  if (prefix) {
    if (!STYLES.has(prefix[1]!)) throw new RangeError(`unknown pattern style: ${prefix[1]}`);
    style = prefix[1] as PatternStyle;
    body = prefix[2]!;
  }
  return { text, style, ...compile(style, body) };
}

function compile(style: PatternStyle, body: string): Pick<Pattern, "matches" | "fullPath"> {
  switch (style) {
    case "pf": {
      const fullPath = noLeadingSlash(normalize(body));
      return { fullPath, matches: (path) => path === fullPath };
    }
    case "pp": {
      const start = noLeadingSlash(`${normalize(body).replace(/\/+$/, "")}/`);
      // "." means everything below the root of the archive.
      if (start === "./") return { matches: () => true };
      return { matches: (path) => `${path}/`.startsWith(start) };
    }
    case "re": {
      const regExp = parseRegExp(body);
      return { matches: (path) => regExp.test(path) };
    }
    default: {
      // A slash at the end means the contents of the folder, but not the folder itself.
      const inner = style === "sh" ? "**/*" : "*";
      const glob = body.endsWith("/") ? `${normalize(body)}/${inner}/` : `${normalize(body)}/${inner}`;
      const regExp = globToRegExp(noLeadingSlash(glob), style);
      return { matches: (path) => regExp.test(`${path}/`) };
    }
  }
}

function parseRegExp(body: string): RegExp {
  try {
    return new RegExp(body, "u");
  } catch {
    try {
      return new RegExp(body);
    } catch (error) {
      throw new RangeError(`not a regular expression: '${body}' (${(error as Error).message})`, {
        cause: error,
      });
    }
  }
}

/** One rule: a pattern with what it decides. */
export interface Rule {
  readonly pattern: Pattern;
  readonly verdict: Verdict;
}

/** Reads the lines of an exclude or pattern file: comments and empty lines are dropped, blanks around are cut. */
export function patternLines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
}

/** Collects rules, and roots, from options in the order in which they stand on the command line. */
export class RuleList {
  readonly rules: Rule[] = [];
  /** Recursion roots that pattern lines name. */
  readonly roots: string[] = [];

  /** `--exclude PATTERN`, and a line of `--exclude-from`. */
  addExclude(text: string): void {
    this.rules.push({ pattern: parsePattern(text, "fm"), verdict: "exclude-no-recurse" });
  }

  /** `--pattern LINE`; answers the style that later lines of the same file default to. */
  addLine(line: string, style: PatternStyle = "sh"): PatternStyle {
    const command = line[0] ?? "";
    const value = line.slice(1).trimStart();
    if (!"-!+RrPp".includes(command) || command === "") {
      throw new PatternLineError(`a pattern line must start with one of + - ! R P: '${line}'`);
    }
    if (value === "") throw new PatternLineError(`a pattern line must have a value: '${line}'`);
    if (command === "R" || command === "r") this.roots.push(value);
    else if (command === "P" || command === "p") {
      if (!STYLES.has(value)) throw new PatternLineError(`unknown pattern style: ${value}`);
      return value as PatternStyle;
    } else {
      const verdict = command === "+" ? "include" : command === "-" ? "exclude" : "exclude-no-recurse";
      this.rules.push({ pattern: parsePattern(value, style), verdict });
    }
    return style;
  }

  /** `--patterns-from FILE`: `text` is the file's contents. */
  addFile(text: string): void {
    let style: PatternStyle = "sh";
    for (const line of patternLines(text)) style = this.addLine(line, style);
  }
}

export class PathMatcher {
  readonly #full = new Map<string, Verdict>();
  readonly #rules: Rule[] = [];
  readonly #included = new Map<Pattern, boolean>();
  #fallback: Verdict;

  /** `fallback`: what a path is that no pattern matches. */
  constructor(rules: readonly Rule[] = [], fallback: Verdict = "include") {
    this.#fallback = fallback;
    for (const rule of rules) this.#add(rule);
  }

  #add(rule: Rule): void {
    if (rule.pattern.fullPath !== undefined) this.#full.set(rule.pattern.fullPath, rule.verdict);
    else this.#rules.push(rule);
  }

  /** Paths named on the command line of extract and list: only they, and what is below, are meant. */
  addIncludePaths(paths: readonly string[]): void {
    for (const path of paths) {
      const pattern = parsePattern(path, "pp");
      this.#add({ pattern, verdict: "include" });
      if (pattern.fullPath === undefined) this.#included.set(pattern, false);
    }
    this.#fallback = paths.length > 0 ? "exclude" : "include";
  }

  /** Adds a rule behind those that are there. */
  addRule(rule: Rule): void {
    this.#add(rule);
  }

  get empty(): boolean {
    return this.#rules.length === 0 && this.#full.size === 0;
  }

  match(path: string): Verdict {
    const plain = path.startsWith("/") ? noLeadingSlash(path) : path;
    // Asking a Map costs the hash of the path, for a million paths half a second.
    const full = this.#full.size > 0 ? this.#full.get(plain) : undefined;
    if (full !== undefined) return full;
    for (const { pattern, verdict } of this.#rules) {
      if (!pattern.matches(plain)) continue;
      if (this.#included.has(pattern)) this.#included.set(pattern, true);
      return verdict;
    }
    return this.#fallback;
  }

  /** Those of {@link addIncludePaths} that never matched: probably typing errors. */
  unmatched(): string[] {
    return [...this.#included].filter(([, matched]) => !matched).map(([pattern]) => pattern.text);
  }
}
