/**
 * From argv to a command and its values. The grammar is that of Python's argparse, which borg's users know (prefix
 * abbreviations, `--option=value`, joined short options): the npm package argparse is its port. Only the parser of the
 * command that was named is built. Pure: it prints nothing and does not exit.
 */
import argparse from "argparse";
import { UsageError } from "../core/errors.ts";
import { COMMON_OPTIONS } from "./common_options.ts";
import type { CommandSpec, OptionSpec, PositionalSpec, Values } from "./spec.ts";

/** The part of argparse's untyped interface that is used here. */
interface Parser {
  add_argument(...args: unknown[]): void;
  add_mutually_exclusive_group(): Pick<Parser, "add_argument">;
  parse_args(args: string[]): Values;
  error(message: string): never;
  exit(status: number, message?: string): never;
}

const { ArgumentParser } = argparse as unknown as { ArgumentParser: new (options: object) => Parser };

/** What argv asks for before any command's own options are looked at. */
export interface Invocation {
  /** Name of the command as typed, "benchmark cpu" for one of a family, null where there is none. */
  command: string | null;
  /** Arguments for the command's parser; common options that stood before the command come first. */
  rest: string[];
  help: boolean;
  version: boolean;
}

/** Whether the option `flag` (perhaps abbreviated, without "=value") wants the next word as its value. */
function takesValue(flag: string, options: readonly OptionSpec[]): boolean {
  const wants = (option: OptionSpec): boolean => option.metavar !== undefined || option.choices !== undefined;
  if (flag.startsWith("--")) {
    const exact = options.find((option) => option.flags.includes(flag));
    if (exact) return wants(exact);
    const matches = options.filter((option) => option.flags.some((known) => known.startsWith(flag)));
    return matches.length > 0 && matches.every(wants);
  }
  // Of joined short options the first that takes a value takes the rest of the word, if there is any.
  for (let i = 1; i < flag.length; i++) {
    const option = options.find((option) => option.flags.includes(`-${flag[i]}`));
    if (option && wants(option)) return i === flag.length - 1;
  }
  return false;
}

/** The option that `flag` names, perhaps abbreviated. */
function optionOf(flag: string, options: readonly OptionSpec[]): OptionSpec | undefined {
  const exact = options.find((option) => option.flags.includes(flag));
  if (exact) return exact;
  const matches = options.filter((option) => option.flags.some((known) => known.startsWith(flag)));
  return matches.length === 1 ? matches[0] : undefined;
}

/** Whether `word` is an option whose value may be left out, and is. */
function leavesOutValue(word: string, next: string | undefined, options: readonly OptionSpec[]): boolean {
  if (word.includes("=") || !word.startsWith("--") || optionOf(word, options)?.optional === undefined) {
    return false;
  }
  return next === undefined || next.startsWith("-");
}

/**
 * Options first, then the rest: argparse by itself gives up on a list of paths that an option interrupts
 * (`create ARCHIVE --stats PATH`).
 */
function optionsFirst(args: readonly string[], options: readonly OptionSpec[]): string[] {
  const flags: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === "--") {
      rest.push(...args.slice(i + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") rest.push(word);
    else if (leavesOutValue(word, args[i + 1], options)) {
      flags.push(`${word}=${optionOf(word, options)!.optional}`);
    } else {
      const separate = !word.includes("=") && takesValue(word, options) && i + 1 < args.length;
      // Joined, so that a value may begin with a dash (`--pattern -tmp`).
      if (separate) flags.push(`${word}${word.startsWith("--") ? "=" : ""}${args[++i]}`);
      else flags.push(word);
    }
  }
  return rest.length > 0 ? [...flags, "--", ...rest] : flags;
}

/**
 * Finds the command among `argv`: the first word that is no option and no value of a common option, and where `names` knows
 * a family of that name, the next such word with it, if it is one of them.
 */
export function findCommand(argv: readonly string[], names: readonly string[] = []): Invocation {
  const first = findWord(argv);
  if (!names.some((name) => name.startsWith(`${first.command} `))) return first;
  const second = findWord(first.rest);
  const name = `${first.command} ${second.command}`;
  const flags = { help: first.help || second.help, version: first.version || second.version };
  return names.includes(name) ? { command: name, rest: second.rest, ...flags } : { ...first, ...flags };
}

function findWord(argv: readonly string[]): Invocation {
  const before: string[] = [];
  let help = false;
  let version = false;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (!word.startsWith("-") || word === "-") {
      return { command: word, rest: [...before, ...argv.slice(i + 1)], help, version };
    }
    if (word === "-h" || word === "--help") help = true;
    else if (word === "-V" || word === "--version") version = true;
    else {
      before.push(word);
      if (!word.includes("=") && takesValue(word, COMMON_OPTIONS) && i + 1 < argv.length) {
        before.push(argv[++i]!);
      }
    }
  }
  return { command: null, rest: before, help, version };
}

/**
 * Values of `spec`'s options and positionals, common options included. Throws UsageError with one sentence. The key
 * "help" is true where help was asked for; then nothing else is checked.
 */
export function parseCommandArgs(spec: CommandSpec, args: string[]): Values {
  const parser = new ArgumentParser({ prog: `alcove ${spec.name}`, add_help: false, allow_abbrev: true });
  parser.error = (message: string): never => {
    throw new UsageError("Error", [`alcove ${spec.name}: ${suggest(message, spec)}`]);
  };
  parser.exit = (_status: number, message = ""): never => parser.error(message);
  parser.add_argument("-h", "--help", { dest: "help", action: "store_true" });
  const typed = (option: OptionSpec) => option.flags.some((flag) => args.includes(flag));
  const known = [...spec.options, ...COMMON_OPTIONS].filter((option) => !option.exact || typed(option));
  const groups = new Map<string, Pick<Parser, "add_argument">>();
  for (const option of known) {
    const { exclusive } = option;
    if (exclusive === undefined) addOption(parser, option);
    else {
      if (!groups.has(exclusive)) groups.set(exclusive, parser.add_mutually_exclusive_group());
      addOption(groups.get(exclusive)!, option);
    }
  }
  const [own, others] = splitRemainder(spec, args, known);
  const end = own.indexOf("--");
  const options = end < 0 ? own : own.slice(0, end);
  if (options.includes("-h") || options.includes("--help")) return { help: true };
  const remainder = spec.positionals.find((positional) => positional.count === "...");
  for (const positional of spec.positionals) {
    if (positional !== remainder) addPositional(parser, positional);
  }
  const values = { ...parser.parse_args(optionsFirst(own, known)) };
  for (const option of known) {
    if (!option.once) continue;
    const given = values[option.name] as unknown[];
    // As in borg, what the option is without being given may be said before.
    if (given.slice(0, -1).some((value) => JSON.stringify(value) !== JSON.stringify(option.default))) {
      parser.error(`argument ${option.flags.join("/")}: There can be only one.`);
    }
    values[option.name] = given.length === 0 ? option.default : given.at(-1);
  }
  if (values["stats"] && values["quick_stats"]) {
    parser.error("--stats and --quick-stats are mutually exclusive.");
  }
  return remainder ? { ...values, [remainder.name]: others } : values;
}

/** Where the last positional takes all words that follow ("..."), the words up to it, and those. */
function splitRemainder(
  spec: CommandSpec,
  args: readonly string[],
  options: readonly OptionSpec[],
): [string[], string[]] {
  const before = spec.positionals.findIndex((positional) => positional.count === "...");
  if (before < 0) return [[...args], []];
  let count = 0;
  let optionsEnd = false;
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === "--" && !optionsEnd) optionsEnd = true;
    else if (optionsEnd || !word.startsWith("-") || word === "-") {
      if (++count < before) continue;
      // argparse takes a "--" right behind as the end of options.
      const next = !optionsEnd && args[i + 1] === "--" ? i + 2 : i + 1;
      return [args.slice(0, i + 1), args.slice(next)];
    } else if (!word.includes("=") && takesValue(word, options)) i++;
  }
  return [[...args], []];
}

function addOption(parser: Pick<Parser, "add_argument">, option: OptionSpec): void {
  const settings: Record<string, unknown> = { dest: option.name };
  if (option.metavar !== undefined || option.choices) {
    settings["metavar"] = option.metavar;
    const collect = option.repeat === "append" || option.once === true;
    settings["action"] = collect ? "append" : "store";
    settings["default"] = option.once ? [] : option.default ?? (collect ? [] : undefined);
    if (option.parse) settings["type"] = converter(option.parse);
    if (option.choices) settings["choices"] = option.choices;
    if (option.required) settings["required"] = true;
  } else if (option.repeat === "count") {
    settings["action"] = "count";
    settings["default"] = 0;
  } else {
    settings["action"] = "store_const";
    settings["const"] = option.constant ?? true;
    settings["default"] = option.default ?? false;
  }
  parser.add_argument(...option.flags, settings);
}

function addPositional(parser: Parser, positional: PositionalSpec): void {
  const settings: Record<string, unknown> = { metavar: positional.metavar };
  if (positional.count) settings["nargs"] = positional.count;
  if (positional.parse) settings["type"] = converter(positional.parse);
  if (positional.default !== undefined) settings["default"] = positional.default;
  parser.add_argument(positional.name, settings);
}

/** argparse shows the message of a TypeError that is thrown by a converter as "argument X: message" only by its own class. */
function converter(parse: (text: string) => unknown): (text: string) => unknown {
  const { ArgumentTypeError } = argparse as unknown as { ArgumentTypeError: new (message: string) => Error };
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof RangeError || error instanceof UsageError) {
        throw new ArgumentTypeError(error.message);
      }
      throw error;
    }
  };
}

/** A sentence for each deprecated option among `args`, typed by its full long name, as borg warns of it. */
export function deprecations(spec: CommandSpec, args: readonly string[]): string[] {
  const known = [...spec.options, ...COMMON_OPTIONS];
  const [own] = splitRemainder(spec, args, known);
  const end = own.indexOf("--");
  const sentences: string[] = [];
  for (const word of end < 0 ? own : own.slice(0, end)) {
    const flag = word.split("=", 1)[0]!;
    const option = flag.startsWith("--") && known.find(({ flags }) => flags.includes(flag));
    if (option && option.deprecated) sentences.push(`${flag} is deprecated, ${option.deprecated}.`);
  }
  return sentences;
}

/** Adds the option that was probably meant to argparse's message about an unknown one. */
function suggest(message: string, spec: CommandSpec): string {
  const unknown = /^unrecognized arguments: (--[^\s=]+)/.exec(message)?.[1];
  if (!unknown) return message;
  const known = [...spec.options, ...COMMON_OPTIONS].flatMap((option) => option.flags);
  const near = nearest(unknown, known);
  return near ? `${message} (did you mean ${near}?)` : message;
}

/** The candidate closest to `word` by edit distance, if it is close enough to be a typing error. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + cost));
    }
    previous = row;
  }
  return previous[b.length]!;
}
