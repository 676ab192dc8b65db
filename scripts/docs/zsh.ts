/** Completion for zsh, by its own _arguments. */
import type { CommandSpec, OptionSpec } from "../../cli/spec.ts";
import { firstWords, helpWords, type Program, shown, takesValue } from "./specs.ts";

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** Brackets and colons part the fields of a specification. */
const field = (text: string): string => text.replace(/[\\[\]:]/g, "\\$&");

function optionSpecs(option: OptionSpec): string[] {
  const { flags, metavar, choices, help, repeat } = option;
  let value = "";
  if (takesValue(option)) {
    value = `:${field(metavar ?? "value")}:${choices ? `(${choices.join(" ")})` : "_files"}`;
  }
  const others = flags.length > 1 && !repeat ? `(${flags.join(" ")})` : "";
  return flags.map((flag) => {
    const form = flag.startsWith("--") && value ? `${flag}=` : value ? `${flag}+` : flag;
    return quote(`${repeat ? "*" : others}${form}[${field(help)}]${value}`);
  });
}

const functionName = (spec: CommandSpec): string => `_alcove_${spec.name.replace(/[^a-z]/g, "_")}`;

function commandFunction(spec: CommandSpec): string {
  const positionals = spec.positionals.map(({ metavar, count }, i) => {
    const place = count === "*" || count === "+" ? "*" : `${i + 1}`;
    return quote(`${place}:${field(metavar)}:${spec.name === "help" ? "_alcove_topics" : "_files"}`);
  });
  const lines = [...spec.options.filter(shown).flatMap(optionSpecs), ...positionals];
  return `${functionName(spec)}() {
  _arguments -s -S $_alcove_common${lines.map((line) => ` \\\n    ${line}`).join("")}
}
`;
}

function describe(name: string, words: readonly { name: string; summary: string }[]): string {
  return `${name}() {
  local -a words=(
${words.map((word) => `    ${quote(`${word.name}:${field(word.summary)}`)}`).join("\n")}
  )
  _describe 'command' words
}
`;
}

export function zshCompletion(program: Program): string {
  const single = program.commands.filter(({ name }) => !name.includes(" "));
  const branches = [
    ...single.map((spec) => `        ${spec.name}) ${functionName(spec)} ;;`),
    ...program.families.map(({ name }) => `        ${name}) _alcove_family_${name} ;;`),
  ];
  const families = program.families.map(({ name, members }) =>
    `${describe(`_alcove_members_${name}`, members)}
_alcove_family_${name}() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  _arguments -C $_alcove_common '1: :_alcove_members_${name}' '*:: :->member'
  [[ $state == member ]] || return
  case $words[1] in
${
      members.map((member) =>
        `    ${member.name}) _alcove_${`${name} ${member.name}`.replace(/[^a-z]/g, "_")} ;;`
      )
        .join("\n")
    }
  esac
}
`
  );
  return `#compdef alcove
# zsh completion for alcove; made from the program's own list of commands and options.
# To use it: put this file, as _alcove, into a folder of $fpath.

typeset -ga _alcove_common=(
${program.common.flatMap(optionSpecs).map((line) => `  ${line}`).join("\n")}
)

${describe("_alcove_commands", firstWords(program))}
${describe("_alcove_topics", helpWords(program))}
${program.commands.map(commandFunction).join("\n")}
${families.join("\n")}
_alcove() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  _arguments -C $_alcove_common '(-V --version)'{-V,--version}'[show the version]' \\
    '1: :_alcove_commands' '*:: :->command'
  case $state in
    command)
      case $words[1] in
${branches.join("\n")}
      esac
      ;;
  esac
}

if [[ $funcstack[1] == _alcove ]]; then
  _alcove "$@"
else
  compdef _alcove alcove
fi
`;
}
