/** What pages and completions are made of: the commands' specs, as shells and readers see them. */
import { COMMON_OPTIONS } from "../../cli/common_options.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { HELP_TOPICS } from "../../cli/help_topics.ts";
import type { CommandSpec, OptionSpec } from "../../cli/spec.ts";

export interface Family {
  readonly name: string;
  /** Second words with the commands' summaries. */
  readonly members: readonly { name: string; summary: string }[];
}

export interface Program {
  readonly commands: readonly CommandSpec[];
  readonly families: readonly Family[];
  /** With --help, which every command takes. */
  readonly common: readonly OptionSpec[];
}

const HELP: OptionSpec = { flags: ["-h", "--help"], name: "help", help: "show this help" };

export async function loadProgram(): Promise<Program> {
  const commands: CommandSpec[] = [];
  for (const entry of COMMANDS) commands.push((await entry.load()).command.spec);
  commands.sort((a, b) => a.name < b.name ? -1 : 1);
  const families = new Map<string, { name: string; summary: string }[]>();
  for (const { name, summary } of commands) {
    const [family, member] = name.split(" ");
    if (member) families.set(family!, [...families.get(family!) ?? [], { name: member, summary }]);
  }
  return {
    commands,
    families: [...families].map(([name, members]) => ({ name, members })),
    common: [HELP, ...COMMON_OPTIONS.filter(shown)],
  };
}

export const shown = (option: OptionSpec): boolean => !option.hidden;
export const takesValue = (option: OptionSpec): boolean =>
  option.metavar !== undefined || option.choices !== undefined;

/** Options of a command under their headings, without those that all commands share. */
export function optionGroups(spec: CommandSpec): [string, OptionSpec[]][] {
  const groups = new Map<string, OptionSpec[]>();
  for (const option of spec.options.filter(shown)) {
    const name = option.group ?? "options";
    groups.set(name, [...groups.get(name) ?? [], option]);
  }
  return [...groups];
}

/** First words that stand behind the program's name, with what they do. */
export function firstWords(program: Program): { name: string; summary: string }[] {
  const single = program.commands.filter(({ name }) => !name.includes(" "));
  const families = program.families.map(({ name, members }) => ({
    name,
    summary: members.map((member) => member.name).join(", "),
  }));
  return [...single, ...families].map(({ name, summary }) => ({ name, summary }))
    .sort((a, b) => a.name < b.name ? -1 : 1);
}

export const TOPICS = HELP_TOPICS;

/** Words that `help` explains. */
export function helpWords(program: Program): { name: string; summary: string }[] {
  return [...firstWords(program), ...TOPICS.map(({ name, summary }) => ({ name, summary }))];
}
