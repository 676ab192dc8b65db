/** Manual pages in the man(7) language, one for each command and topic, and alcove(1) itself. */
import { usageLine } from "../../cli/help.ts";
import type { CommandSpec, OptionSpec } from "../../cli/spec.ts";
import { VERSION } from "../../cli/version.ts";
import { fileName } from "./markdown.ts";
import { optionGroups, type Program, TOPICS } from "./specs.ts";

/** Text that roff takes literally: its own characters escaped, what is not ASCII as a code point. */
function roff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha").replaceAll("~", "\\(ti")
    .replace(
      /[^\0-\x7f]/gu,
      (character) => `\\[u${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`,
    )
    .replace(/^\./gm, "\\&.");
}

function paragraphs(text: string): string[] {
  const lines: string[] = [];
  for (const part of text.trim().split("\n\n")) {
    const [flowing, fixed]: [string[], string[]] = [[], []];
    for (const line of part.split("\n")) {
      (line.startsWith(" ") || fixed.length > 0 ? fixed : flowing).push(line);
    }
    if (flowing.length > 0) lines.push(".PP", ...flowing.map(roff));
    if (fixed.length > 0) lines.push(".PP", ".nf", ...fixed.map(roff), ".fi");
  }
  // A heading has opened the first one.
  return lines[0] === ".PP" ? lines.slice(1) : lines;
}

function option({ flags, metavar, choices, help }: OptionSpec): string[] {
  const value = metavar ?? choices?.join("|");
  const forms = flags.map((flag) => `\\fB${roff(flag)}\\fP${value ? ` \\fI${roff(value)}\\fP` : ""}`);
  const which = choices && metavar ? ` (${choices.join(", ")})` : "";
  return [".TP", forms.join(", "), roff(help + which)];
}

const head = (name: string, summary: string): string[] => [
  `.TH "${name.toUpperCase()}" "1" "" "Alcove ${VERSION}" "Alcove"`,
  ".SH NAME",
  `${roff(name)} \\- ${roff(summary)}`,
];
const page = (lines: readonly string[]): string => `${lines.join("\n")}\n`;

function commandPage(spec: CommandSpec): string {
  const lines = [
    ...head(`alcove-${fileName(spec.name)}`, spec.summary),
    ".SH SYNOPSIS",
    roff(usageLine(spec).replace("usage: ", "")),
    ".SH DESCRIPTION",
    ...paragraphs(spec.description),
  ];
  if (spec.positionals.length > 0) {
    lines.push(".SH ARGUMENTS");
    for (const { metavar, help } of spec.positionals) {
      lines.push(".TP", `\\fI${roff(metavar)}\\fP`, roff(help));
    }
  }
  for (const [name, options] of optionGroups(spec)) {
    lines.push(`.SH ${roff(name.toUpperCase())}`, ...options.flatMap(option));
  }
  lines.push(".SH SEE ALSO", "\\fBalcove\\fP(1) for the common options");
  return page(lines);
}

/** File names, and what is in them. */
export function manPages(program: Program): Map<string, string> {
  const pages = new Map<string, string>();
  const commands = program.commands.flatMap(({ name, summary }) => [
    ".TP",
    `\\fBalcove\\-${roff(fileName(name))}\\fP(1)`,
    roff(summary),
  ]);
  const topics = TOPICS.flatMap(({ name, summary }) => [
    ".TP",
    `\\fBalcove\\-${roff(name)}\\fP(1)`,
    roff(summary),
  ]);
  pages.set(
    "alcove.1",
    page([
      ...head("alcove", "deduplicating, encrypting backups, compatible with BorgBackup 1.x"),
      ".SH SYNOPSIS",
      "alcove [common options] \\fICOMMAND\\fP [options] [arguments]",
      ".SH COMMANDS",
      ...commands,
      ".SH TOPICS",
      ...topics,
      ".SH COMMON OPTIONS",
      ...program.common.flatMap(option),
    ]),
  );
  for (const spec of program.commands) pages.set(`alcove-${fileName(spec.name)}.1`, commandPage(spec));
  for (const { name, summary, text } of TOPICS) {
    const lines = [...head(`alcove-${name}`, summary), ".SH DESCRIPTION", ...paragraphs(text)];
    pages.set(`alcove-${name}.1`, page(lines));
  }
  return pages;
}
