/**
 * The option grammar of every command against borg 1.4's own parser: first the tables (which options there are, under which
 * names, with a value or without, which values, which exclude each other), then command lines made from the tables: each
 * option with and without a value, with a wrong one, twice, joined to its letter, and abbreviated as far as it goes and by
 * one letter more.
 */
import assert from "node:assert/strict";
import { COMMANDS } from "../../cli/commands.ts";
import { COMMON_OPTIONS } from "../../cli/common_options.ts";
import type { OptionSpec } from "../../cli/spec.ts";
import { borg14PythonTest } from "../fixtures/borg14.ts";
import { type BorgArgument, borgParse, borgTables, ownParse } from "../fixtures/command_lines.ts";

/** Not here: mounting is not built yet. */
const MISSING = ["mount", "umount"];
/** Words that borg prints the help for, and no commands. */
const FAMILIES = ["", "benchmark", "debug", "key"];
/** What borg does not have. */
const MORE_COMMANDS = ["benchmark cpu"];
const MORE_OPTIONS = ["extract --continue"];

/**
 * A value that is taken and some that are not, by how borg reads them (or "" for all others). What a command here says of
 * patterns and times it says after its command line is parsed: exit_codes_test.ts.
 */
const VALUES: Record<string, [good: string, ...bad: string[]]> = {
  "": ["x"],
  int: ["3", "x", "1.5", ""],
  positive_int_validator: ["3", "0", "-1", "x"],
  "<lambda>": ["0022", "9", "x"],
  SortBySpec: ["name,id", "x", "name,x"],
  diff_sort_spec_validator: [">path", "x", "path,,size"],
  ArgparseExcludeFileAction: ["/dev/null"],
  ArgparsePatternAction: ["+x"],
  ArgparsePatternFileAction: ["/dev/null"],
  FilesCacheMode: ["mtime,size", "x", "ctime,mtime,size", ""],
  timestamp: ["2020-01-02T03:04:05"],
  ChunkerParams: ["10,16,12,4095", "1,2", "x", "fixed"],
  CompressionSpec: ["zlib,3", "x", "zlib,99", "lz4,1"],
  parse_storage_quota: ["1G", "x", "1"],
  interval: ["1d", "x", "d", "0d", "1h"],
};

/** Positionals that stand for one place each, by their names in borg's usage. */
const PLACES: Record<string, string> = {
  ARCHIVE: "r::a",
  "REPO::ARCHIVE1": "r::a",
  REPOSITORY: "r",
  REPOSITORY_OR_ARCHIVE: "r",
  PATH: "s",
};

/** Options that some commands refuse beside something else, after parsing: exit_codes_test.ts. */
const LATER = ["--bypass-lock", "--paths-from-stdin"];

const takesValue = (option: OptionSpec): boolean =>
  option.metavar !== undefined || option.choices !== undefined;
const flagsOf = (rows: readonly { flags: readonly string[] }[]): string[] =>
  rows.flatMap(({ flags }) => flags);

/** An option in one line: names, whether a value follows, its choices. */
const inShort = (flags: readonly string[], value: boolean, choices: readonly string[] | null): string =>
  [...flags].sort().join(" ") + (value ? "=" : "") + (choices?.toSorted().join("|") ?? "");

/** The shortest beginnings of `flag` that name no other option of `all`, and one letter less, which does. */
function abbreviations(flag: string, all: readonly string[]): string[] {
  const others = all.filter((other) => other !== flag);
  let length = 3;
  while (length < flag.length && others.some((other) => other.startsWith(flag.slice(0, length)))) length++;
  return [flag.slice(0, length), flag.slice(0, length - 1)].filter((text) =>
    text.length > 2 && !all.includes(text)
  );
}

/** Command lines that try one option, before the positionals `places`. */
function linesFor(option: BorgArgument, all: readonly string[], places: readonly string[]): string[][] {
  const [good, ...bad] = option.choices ? [option.choices[0]!, "x"] : VALUES[option.type] ?? VALUES[""]!;
  const lines: string[][] = [];
  for (const flag of option.flags) {
    const long = flag.startsWith("--");
    const joined = (value: string) => `${flag}${long ? "=" : ""}${value}`;
    if (option.value) {
      lines.push([joined(good), ...places], [flag, good, ...places], [...places, flag]);
      lines.push([joined(good), joined(good), ...places]);
      for (const value of bad) lines.push([flag, value, ...places]);
    } else lines.push([flag, ...places], [flag, flag, ...places], [joined("x"), ...places]);
    if (!long) continue;
    for (const short of abbreviations(flag, all)) {
      lines.push([option.value ? `${short}=${good}` : short, ...places]);
    }
  }
  return lines;
}

borg14PythonTest("every command has the options of borg 1.4", async (python) => {
  const tables = borgTables(python);
  const names = COMMANDS.map(({ name }) => name).filter((name) => !MORE_COMMANDS.includes(name));
  assert.deepEqual(
    names.sort(),
    Object.keys(tables).filter((name) => ![...MISSING, ...FAMILIES].includes(name)).sort(),
  );
  for (const { name, load } of COMMANDS) {
    const table = tables[name];
    if (table === undefined) continue;
    const { spec } = (await load()).command;
    const more = spec.options.filter(({ flags }) => MORE_OPTIONS.includes(`${name} ${flags.at(-1)}`));
    const options = [...spec.options, ...COMMON_OPTIONS].filter((option) => !more.includes(option));
    assert.deepEqual(
      options.map((option) => inShort(option.flags, takesValue(option), option.choices ?? null)).sort(),
      table.filter(({ flags }) => flags.length > 0 && !flags.includes("--help"))
        .map(({ flags, value, choices }) => inShort(flags, value, choices)).sort(),
      name,
    );
    for (const { flags, exclusive } of options) {
      const others = options.filter((other) => exclusive !== undefined && other.exclusive === exclusive);
      const excluded = others.filter((other) => other.flags !== flags).map((other) => other.flags.at(-1)!);
      const theirs: BorgArgument = table.find((row) => row.flags.includes(flags.at(-1)!))!;
      assert.deepEqual(excluded.sort(), theirs.excludes, `${name} ${flags}`);
    }
  }
});

borg14PythonTest("every option of every command is taken and refused as by borg 1.4", async (python) => {
  const tables = borgTables(python);
  const common = new Set(flagsOf(COMMON_OPTIONS));
  const lines: string[][] = [];
  for (const [command, table] of Object.entries(tables)) {
    if ([...MISSING, ...FAMILIES].includes(command)) continue;
    const options = table.filter(({ flags }) => flags.length > 0 && !flags.includes("--help"));
    const places = table.filter(({ flags, count, metavar }) =>
      flags.length === 0 && (count !== "*" || metavar === "PATH")
    )
      .map(({ metavar }) => PLACES[metavar ?? ""] ?? "00");
    for (const option of options) {
      if (LATER.includes(option.flags[0]!)) continue;
      const made = linesFor(option, flagsOf(options), places);
      // The common ones are the same everywhere: what differs is what they may be abbreviated to.
      const chosen = common.has(option.flags[0]!) && command !== "list" ? made.slice(-2) : made;
      const needed = command === "init" && option.name !== "encryption" ? ["-e", "none"] : [];
      lines.push(...chosen.map((line) => [...command.split(" "), ...needed, ...line]));
    }
  }
  const theirs = borgParse(lines, python);
  const wrong: string[] = [];
  for (const [i, line] of lines.entries()) {
    const [own, borg] = [await ownParse(line), theirs[i]!].map((parsed) =>
      typeof parsed === "number" ? parsed : "taken"
    );
    if (own !== borg) wrong.push(`${line.join(" ")}: ${own}, borg ${borg}`);
  }
  assert.deepEqual(wrong, []);
});
