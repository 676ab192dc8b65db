/** Help texts, made from the specs. */
import { COMMON_OPTIONS } from "./common_options.ts";
import { HELP_TOPICS, type HelpTopic } from "./help_topics.ts";
import type { CommandSpec, OptionSpec } from "./spec.ts";

const WIDTH = 100;
const INDENT = 28;

/** Words of `text` in lines of at most `width` characters. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  if (line !== "") lines.push(line);
  return lines;
}

function entry(left: string, help: string): string {
  const lines = wrap(help, WIDTH - INDENT);
  const head = left.length + 4 > INDENT
    ? [`  ${left}`]
    : [`  ${left}`.padEnd(INDENT) + (lines.shift() ?? "")];
  return [...head, ...lines.map((line) => " ".repeat(INDENT) + line)].join("\n");
}

/** An option as it is typed, with the word for its value behind each flag. */
export function optionForms(option: OptionSpec): string {
  const value = option.metavar ?? option.choices?.join("|");
  return option.flags.map((flag) => value === undefined ? flag : `${flag} ${value}`).join(", ");
}

function optionEntry(option: OptionSpec): string {
  const choices = option.choices && option.metavar ? ` (${option.choices.join(", ")})` : "";
  return entry(optionForms(option), option.help + choices);
}

export function usageLine(spec: CommandSpec): string {
  const required = spec.options.filter((option) => option.required).map((option) => {
    return `${option.flags.at(-1)} ${option.metavar ?? ""}`.trim();
  });
  const positionals = spec.positionals.map(({ metavar, count }) => {
    if (count === "?") return `[${metavar}]`;
    if (count === "*") return `[${metavar} ...]`;
    return count === "+" ? `${metavar} [${metavar} ...]` : metavar;
  });
  return ["usage: alcove", spec.name, "[options]", ...required, ...positionals].join(" ");
}

/** Paragraphs with their lines wrapped; lines that begin with spaces stay as they are. */
export function descriptionText(text: string): string {
  const lines: string[] = [];
  let flowing: string[] = [];
  const flow = (): void => {
    if (flowing.length > 0) lines.push(...wrap(flowing.join(" "), WIDTH));
    flowing = [];
  };
  for (const line of text.trim().split("\n")) {
    if (line !== "" && !line.startsWith(" ")) flowing.push(line);
    else {
      flow();
      lines.push(line);
    }
  }
  flow();
  return lines.join("\n");
}

export function topicHelp(topic: HelpTopic): string {
  return `${topic.name}: ${topic.summary}\n\n${descriptionText(topic.text.replace(/^\n/, ""))}\n`;
}

/** The page of one command: usage, description, positionals, options by group, common options. */
export function commandHelp(spec: CommandSpec): string {
  const parts = [
    usageLine(spec),
    ...(spec.description === "" ? [] : [descriptionText(spec.description)]),
  ];
  if (spec.positionals.length > 0) {
    parts.push(
      ["arguments:", ...spec.positionals.map(({ metavar, help }) => entry(metavar, help))].join("\n"),
    );
  }
  const groups = new Map<string, OptionSpec[]>();
  for (const option of spec.options) {
    if (option.hidden) continue;
    const name = option.group ?? "options";
    groups.set(name, [...groups.get(name) ?? [], option]);
  }
  for (const [name, options] of groups) parts.push([`${name}:`, ...options.map(optionEntry)].join("\n"));
  const common = COMMON_OPTIONS.filter((option) => !option.hidden);
  parts.push(
    ["common options:", entry("-h, --help", "show this help"), ...common.map(optionEntry)].join("\n"),
  );
  return `${parts.join("\n\n")}\n`;
}

/** The page of a family of commands. */
export function familyHelp(family: string, commands: readonly { name: string; summary: string }[]): string {
  return `usage: alcove ${family} COMMAND [options] [arguments]

commands:
${commands.map(({ name, summary }) => entry(name, summary)).join("\n")}
`;
}

/** The page of the program: what it is, the commands, how to go on. */
export function mainHelp(commands: readonly { name: string; summary: string }[]): string {
  return `usage: alcove [common options] COMMAND [options] [arguments]

Alcove makes deduplicated, compressed, encrypted backups. It reads and writes the repositories of
BorgBackup 1.x and takes its command line and environment variables.

commands:
${commands.map(({ name, summary }) => entry(name, summary)).join("\n")}

first steps:
  alcove init --encryption repokey-blake2 /path/to/repo
  alcove create --stats /path/to/repo::{hostname}-{now} ~/Documents
  alcove list /path/to/repo
  alcove extract /path/to/repo::ARCHIVE

  alcove COMMAND --help       tells all about a command
  alcove help TOPIC           explains ${HELP_TOPICS.map(({ name }) => name).join(", ")}
  alcove --version            shows the version
`;
}
