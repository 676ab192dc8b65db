/** Completion for bash, without help of the bash-completion package. */
import type { OptionSpec } from "../../cli/spec.ts";
import { firstWords, helpWords, type Program, shown, takesValue } from "./specs.ts";

const flagsOf = (options: readonly OptionSpec[]): string => options.flatMap(({ flags }) => flags).join(" ");
const valueFlags = (options: readonly OptionSpec[]): string[] =>
  options.filter(takesValue).flatMap(({ flags }) => [...flags]);

export function bashCompletion(program: Program): string {
  const names = (words: readonly { name: string }[]) => words.map(({ name }) => name).join(" ");
  const families = program.families.map(({ name }) => name).join("|");
  const branches = program.commands.map((spec) => {
    const options = spec.options.filter(shown);
    const choices = options.filter((option) => option.choices).map((option) =>
      `        ${option.flags.join("|")}) values="${option.choices!.join(" ")}" ;;`
    );
    const values = valueFlags(options.filter((option) => !option.choices));
    const lines = [
      ...choices,
      ...(values.length > 0 ? [`        ${values.join("|")}) free=1 ;;`] : []),
    ];
    return [
      `    "${spec.name}")`,
      `      options="${flagsOf(options)}"`,
      ...(lines.length > 0 ? ['      case "$before" in', ...lines, "      esac"] : []),
      "      ;;",
    ].join("\n");
  });
  return `# bash completion for alcove; made from the program's own list of commands and options.
# To use it: source this file, or put it where the bash-completion package looks (as "alcove").

_alcove() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="" options="" values="" free="" word at
  local common="${flagsOf(program.common)}"
  COMPREPLY=()
  # "--option=value" comes as three words.
  if [ "$current" = "=" ]; then
    current=""
  elif [ "$before" = "=" ]; then
    before="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    word="\${COMP_WORDS[at]}"
    case "$word" in
      ${valueFlags(program.common).join("|")})
        [ "\${COMP_WORDS[at+1]}" = "=" ] && at=$((at + 1))
        at=$((at + 1))
        ;;
      -*|=) ;;
      *)
        if [ -z "$command" ]; then
          command="$word"
          case "$command" in
            ${families}) ;;
            *) break ;;
          esac
        else
          command="$command $word"
          break
        fi
        ;;
    esac
  done
  case "$command" in
    "") values="${names(firstWords(program))}" ;;
${program.families.map(({ name, members }) => `    "${name}") values="${names(members)}" ;;`).join("\n")}
    "help") values="${names(helpWords(program))}" ;;
  esac
  case "$command" in
${branches.join("\n")}
  esac
  case "$before" in
    ${valueFlags(program.common).join("|")}) free=1 ;;
  esac
  # Nothing found: readline goes on with the names of files.
  [ -n "$free" ] && return
  case "$current" in
    -*) values="$options $common" ;;
  esac
  [ -n "$values" ] && COMPREPLY=($(compgen -W "$values" -- "$current"))
}

complete -o bashdefault -o default -F _alcove alcove
`;
}
