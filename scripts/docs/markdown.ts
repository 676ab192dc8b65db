/** Usage pages in Markdown, one for each command and topic, and their index. */
import { optionForms, usageLine } from "../../cli/help.ts";
import type { CommandSpec, OptionSpec } from "../../cli/spec.ts";
import { optionGroups, type Program, TOPICS } from "./specs.ts";

const escape = (text: string): string => text.replace(/[\\`*_<>|[\]]/g, "\\$&");

/** Wrapped paragraphs become flowing ones, lines that begin with spaces become blocks of code. */
export function markdownText(text: string): string {
  return text.trim().split("\n\n").map((part) => {
    const lines = part.split("\n");
    const from = lines.findIndex((line) => line.startsWith(" "));
    if (from < 0) return escape(lines.join("\n"));
    const head = lines.slice(0, from);
    const code = ["```", ...lines.slice(from).map((line) => line.replace(/^ {2}/, "")), "```"].join("\n");
    return [...(head.length > 0 ? [escape(head.join("\n"))] : []), code].join("\n\n");
  }).join("\n\n");
}

function optionTable(options: readonly OptionSpec[]): string {
  const rows = options.map((option) => {
    const choices = option.choices && option.metavar ? ` (${option.choices.join(", ")})` : "";
    return `| \`${optionForms(option).replaceAll("|", "\\|")}\` | ${escape(option.help + choices)} |`;
  });
  return ["| option | meaning |", "| --- | --- |", ...rows].join("\n");
}

export function commandPage(spec: CommandSpec): string {
  const parts = [
    `# alcove ${spec.name}`,
    `${escape(spec.summary)}.`,
    `\`\`\`\n${usageLine(spec).replace("usage: ", "")}\n\`\`\``,
    markdownText(spec.description),
  ];
  if (spec.positionals.length > 0) {
    const rows = spec.positionals.map(({ metavar, help }) => `| \`${metavar}\` | ${escape(help)} |`);
    parts.push("## Arguments", ["| argument | meaning |", "| --- | --- |", ...rows].join("\n"));
  }
  for (const [name, options] of optionGroups(spec)) {
    parts.push(`## ${name[0]!.toUpperCase()}${name.slice(1)}`, optionTable(options));
  }
  parts.push("All commands take the [common options](common-options.md), too.");
  return `${parts.join("\n\n")}\n`;
}

export const fileName = (name: string): string => name.replaceAll(" ", "-");

/** File names, and what is in them. */
export function markdownPages(program: Program): Map<string, string> {
  const pages = new Map<string, string>();
  const line = (name: string, summary: string) => `- [${name}](${fileName(name)}.md): ${escape(summary)}`;
  pages.set(
    "index.md",
    [
      "# Usage",
      program.commands.map(({ name, summary }) => line(name, summary)).join("\n"),
      "## Topics",
      [
        ...TOPICS.map(({ name, summary }) => line(name, summary)),
        line("common-options", "what all commands take"),
      ]
        .join("\n"),
    ].join("\n\n") + "\n",
  );
  pages.set("common-options.md", `# Common options\n\n${optionTable(program.common)}\n`);
  for (const spec of program.commands) pages.set(`${fileName(spec.name)}.md`, commandPage(spec));
  for (const { name, summary, text } of TOPICS) {
    pages.set(`${name}.md`, `# ${name}\n\n${escape(summary)}.\n\n${markdownText(text)}\n`);
  }
  return pages;
}
