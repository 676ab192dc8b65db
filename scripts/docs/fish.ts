/** Completion for fish. */
import type { OptionSpec } from "../../cli/spec.ts";
import { firstWords, helpWords, type Program, shown, takesValue } from "./specs.ts";

const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function optionLine(condition: string, option: OptionSpec): string {
  const flags = option.flags.map((flag) =>
    flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`
  );
  const value = option.choices
    ? ` -x -a ${quote(option.choices.join(" "))}`
    : takesValue(option)
    ? " -r"
    : "";
  return `complete -c alcove${condition} ${flags.join(" ")}${value} -d ${quote(option.help)}`;
}

export function fishCompletion(program: Program): string {
  const valueFlags = program.common.filter(takesValue).flatMap(({ flags }) => [...flags]);
  const families = program.families.map(({ name }) => name);
  const at = (command: string) => ` -n ${quote(`__alcove_at ${quote(command)}`)}`;
  const words = (command: string, list: readonly { name: string; summary: string }[]) =>
    list.map(({ name, summary }) =>
      `complete -c alcove${at(command)} -f -a ${quote(name)} -d ${quote(summary)}`
    );
  return `# fish completion for alcove; made from the program's own list of commands and options.
# To use it: put this file into ~/.config/fish/completions.

# The command on the line before the cursor, "key export" for one of a family.
function __alcove_command
    set -l words (commandline -opc)
    set -l found
    set -l skip 0
    for word in $words[2..-1]
        if test $skip -eq 1
            set skip 0
            continue
        end
        switch $word
            case ${valueFlags.map(quote).join(" ")}
                set skip 1
            case '-*'
                continue
            case '*'
                set -a found $word
                if test (count $found) -eq 2; or not contains -- $word ${families.join(" ")}
                    break
                end
        end
    end
    string join ' ' -- $found
end

function __alcove_at
    set -l now (__alcove_command)
    test "$now" = "$argv[1]"
end

complete -c alcove -n '__alcove_at ""' -s V -l version -d 'show the version'
${program.common.map((option) => optionLine("", option)).join("\n")}
${words("", firstWords(program)).join("\n")}
${program.families.flatMap(({ name, members }) => words(name, members)).join("\n")}
${words("help", helpWords(program)).join("\n")}
${
    program.commands.flatMap((spec) =>
      spec.options.filter(shown).map((option) => optionLine(at(spec.name), option))
    ).join("\n")
  }
`;
}
