/** Completion for PowerShell 5 and later. */
import type { OptionSpec } from "../../cli/spec.ts";
import { firstWords, helpWords, type Program, shown, takesValue } from "./specs.ts";

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export function powershellCompletion(program: Program): string {
  const word = ({ name, summary }: { name: string; summary: string }) =>
    `@(${quote(name)}, ${quote(summary)})`;
  const list = (words: readonly { name: string; summary: string }[]) => `@(${words.map(word).join(", ")})`;
  const options = (all: readonly OptionSpec[]) =>
    list(all.flatMap(({ flags, help }) => flags.map((name) => ({ name, summary: help }))));
  const table = (entries: [string, string][]) =>
    entries.map(([name, value]) => `        ${quote(name)} = ${value}`).join("\n");
  const choices = program.commands.flatMap((spec) =>
    spec.options.filter((option) => option.choices).flatMap((option) =>
      option.flags.map((flag): [string, string] => [
        `${spec.name} ${flag}`,
        list(option.choices!.map((name) => ({ name, summary: name }))),
      ])
    )
  );
  const valueFlags = program.common.filter(takesValue).flatMap(({ flags }) => [...flags]);
  return `# PowerShell completion for alcove; made from the program's own list of commands and options.
# To use it: dot-source this file in your profile.

Register-ArgumentCompleter -Native -CommandName alcove -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # A comma in front keeps a list of one pair a list of pairs.
    $words = @{
${
    table([
      ["", list(firstWords(program))],
      ...program.families.map(({ name, members }): [string, string] => [name, list(members)]),
      ["help", list(helpWords(program))],
    ])
  }
    }
    $options = @{
${table(program.commands.map((spec) => [spec.name, `,${options(spec.options.filter(shown))}`]))}
    }
    $choices = @{
${table(choices)}
    }
    $common = ${options(program.common)}
    $families = @(${program.families.map(({ name }) => quote(name)).join(", ")})
    $takesValue = @(${valueFlags.map(quote).join(", ")})

    $typed = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        Select-Object -Skip 1 | ForEach-Object { $_.Extent.Text })
    $command = ''
    $skip = $false
    foreach ($word in $typed) {
        if ($skip) { $skip = $false; continue }
        if ($takesValue -ccontains $word) { $skip = $true; continue }
        if ($word.StartsWith('-')) { continue }
        if ($command -eq '') {
            $command = $word
            if ($families -cnotcontains $command) { break }
        } else {
            $command = "$command $word"
            break
        }
    }
    $last = if ($typed.Count -gt 0) { $typed[-1] } else { '' }
    $found = if ($choices.ContainsKey("$command $last")) {
        $choices["$command $last"]
    } elseif ($wordToComplete.StartsWith('-')) {
        @($options[$command] | ForEach-Object { $_ }) + $common
    } else {
        $words[$command]
    }
    $found | Where-Object { $_ -and $_[0].StartsWith($wordToComplete) } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1])
    }
}
`;
}
