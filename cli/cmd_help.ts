/** `help`: the program's page, a command's, a family's, or a topic's. */
import { UsageError } from "../core/errors.ts";
import { nearest } from "./args.ts";
import { COMMANDS } from "./commands.ts";
import type { CommandContext } from "./context.ts";
import { commandHelp, descriptionText, familyHelp, mainHelp, topicHelp } from "./help.ts";
import { HELP_TOPICS } from "./help_topics.ts";
import type { Command, CommandSpec } from "./spec.ts";

interface HelpValues {
  topic: string[];
  epilog_only: boolean;
  usage_only: boolean;
}

const spec: CommandSpec = {
  name: "help",
  summary: "explain a command or a topic",
  description: `Shows the page of a command, as COMMAND --help does, or of a topic: ${
    HELP_TOPICS.map(({ name }) => name).join(", ")
  }.`,
  options: [
    { flags: ["--epilog-only"], name: "epilog_only", help: "show only the description of the command" },
    { flags: ["--usage-only"], name: "usage_only", help: "leave out the description of the command" },
  ],
  positionals: [{ name: "topic", metavar: "TOPIC", count: "*", help: "command or topic" }],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as HelpValues;
  context.print(await page(values.topic.join(" "), values));
}

async function page(name: string, { epilog_only, usage_only }: HelpValues): Promise<string> {
  if (name === "") return mainHelp(COMMANDS);
  const topic = HELP_TOPICS.find((topic) => topic.name === name);
  if (topic) return topicHelp(topic);
  const entry = COMMANDS.find((command) => command.name === name);
  if (entry) {
    const { command } = await entry.load();
    if (epilog_only) return `${descriptionText(command.spec.description)}\n`;
    return commandHelp(usage_only ? { ...command.spec, description: "" } : command.spec);
  }
  const family = COMMANDS.filter((command) => command.name.startsWith(`${name} `));
  if (family.length > 0) return familyHelp(name, family);
  const commands = COMMANDS.map((command) => command.name);
  const topics = HELP_TOPICS.map((topic) => topic.name);
  const near = nearest(name, [...commands, ...topics]);
  throw new UsageError("Error", [
    near
      ? `alcove help: there is no help on '${name}' (did you mean ${near}?)`
      : `alcove help: there is no help on '${name}'; commands: ${commands.join(", ")}; topics: ${
        topics.join(", ")
      }`,
  ]);
}

export const command: Command = { spec, run };
