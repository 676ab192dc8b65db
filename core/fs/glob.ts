/**
 * Globs as regular expressions. "sh" globs know `**` + `/` for any number of folders, and their `*` and `?` stop at a
 * slash; "fm" globs are Python's fnmatch, where `*` and `?` match anything (borg docs, usage/help, "patterns").
 */

export type GlobDialect = "sh" | "fm";

/** The regular expression for `glob`, matching from start to end. */
export function globToRegExp(glob: string, dialect: GlobDialect, options: { suffix?: string } = {}): RegExp {
  const any = dialect === "sh" ? "[^/]" : "[^]";
  let source = "";
  for (let i = 0; i < glob.length;) {
    const char = glob[i]!;
    if (char === "*") {
      if (dialect === "sh" && glob.startsWith("**/", i)) {
        source += "(?:[^/]*/)*";
        i += 3;
      } else {
        source += `${any}*`;
        i++;
      }
    } else if (char === "?") {
      source += any;
      i++;
    } else if (char === "[") {
      const end = setEnd(glob, i);
      if (end < 0) {
        source += "\\[";
        i++;
      } else {
        source += setSource(glob.slice(i + 1, end));
        i = end + 1;
      }
    } else {
      source += char.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
      i++;
    }
  }
  return new RegExp(`^(?:${source})${options.suffix ?? ""}$`, "s");
}

/** Index of the bracket that ends the set that begins at `start`, or -1; a bracket right after "[" or "[!" is literal. */
function setEnd(glob: string, start: number): number {
  let i = start + 1;
  if (glob[i] === "!") i++;
  if (glob[i] === "]") i++;
  return glob.indexOf("]", i);
}

function setSource(set: string): string {
  const negated = set.startsWith("!");
  const body = (negated ? set.slice(1) : set).replace(/[\\[\]^]/g, "\\$&");
  return `[${negated ? "^" : ""}${body}]`;
}
