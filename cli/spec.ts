/**
 * What a command is, as data. Parser, help and (later) man pages and completions are all made from these.
 */
import type { CommandContext } from "./context.ts";

export interface OptionSpec {
  /** As typed: "-s", "--stats". The last long one names the option in messages. */
  readonly flags: readonly string[];
  /** Key among the parsed values. */
  readonly name: string;
  readonly help: string;
  /** Present: the option takes a value, shown by this word. */
  readonly metavar?: string;
  /** Without a value: what it sets (default true). */
  readonly constant?: unknown;
  /** Present: the value may be left out, and is this one then. */
  readonly optional?: string;
  /** Repeated values are collected, or repeated flags counted. */
  readonly repeat?: "append" | "count";
  /** Converts a value; throws UsageError or RangeError with a sentence. */
  readonly parse?: (text: string) => unknown;
  readonly choices?: readonly string[];
  readonly default?: unknown;
  readonly required?: boolean;
  /** Of the options with the same word here only one may be given. */
  readonly exclusive?: string;
  /** Giving it twice is an error, not a change of mind. Takes a value. */
  readonly once?: boolean;
  /** Not by an abbreviation, and borg's options are abbreviated as if it were not there: it has no such option. */
  readonly exact?: boolean;
  /** Heading in the help. */
  readonly group?: string;
  /** Still accepted, but not shown. */
  readonly hidden?: boolean;
  /** What to do instead: a warning says so to whoever types the long name. */
  readonly deprecated?: string;
}

export interface PositionalSpec {
  readonly name: string;
  readonly metavar: string;
  readonly help: string;
  /** "...": the last one takes all words that follow, options too, as they are. */
  readonly count?: "?" | "*" | "+" | "...";
  readonly parse?: (text: string) => unknown;
  readonly default?: unknown;
}

export interface CommandSpec {
  /** "create", or "key export" for one of a family. */
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Paragraphs below the usage line. */
  readonly description: string;
  readonly options: readonly OptionSpec[];
  readonly positionals: readonly PositionalSpec[];
}

/** Parsed values by option and positional name. */
export type Values = Record<string, unknown>;

/** A module `cmd_<name>.ts` exports one of these as `command`. */
export interface Command {
  readonly spec: CommandSpec;
  /**
   * Does the work; failures are thrown. Warnings go to the reporter, which remembers them for the exit code, unless the
   * command answers an exit code of its own.
   */
  run(context: CommandContext, values: Values): Promise<number | void> | number | void;
}
