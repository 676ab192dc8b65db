/**
 * The program, called by `main.ts`. Reads the process's surroundings once, finds and runs the command, and is the only
 * place that exits: the table error -> exit code is here (legacy: 0, 1, 2; BORG_EXIT_CODES=modern: the error's own).
 */
import process from "node:process";
import { AppError, OsError, UsageError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import {
  Host,
  isTerminal,
  nowMs,
  nowUs,
  onSignal,
  openFiles,
  setUmask,
  signalExitCode,
  sleep,
  type StopSignal,
} from "../core/platform/mod.ts";
import { terminalWidth, Users, writeStderr, writeStdout } from "../core/platform/mod.ts";
import { encodeText } from "../core/bytes/mod.ts";
import { deprecations, findCommand, nearest, parseCommandArgs } from "./args.ts";
import { COMMANDS } from "./commands.ts";
import type { CommonValues } from "./common_options.ts";
import type { CommandContext } from "./context.ts";
import { commandHelp, familyHelp, mainHelp } from "./help.ts";
import { PassphraseDescriptor } from "./passphrase_descriptor.ts";
import { JsonReporter } from "./report_json.ts";
import { type CliReporter, outputLine, type ReporterOptions } from "./report_base.ts";
import { TextReporter } from "./report_text.ts";
import type { Command, Values } from "./spec.ts";
import { systemInformation } from "./system_information.ts";
import { versionLine } from "./version.ts";

const EXIT_ERROR = 2;
/** How long giving back a lock may take when a signal ends the process, in turns of the event loop and their length. */
const SIGNAL_GRACE_TURNS = 20;
const SIGNAL_GRACE_TURN_MS = 100;

const env = (name: string): string | undefined => process.env[name];
const modern = env("BORG_EXIT_CODES") === "modern";

/** Who read our text has left, because they had what they wanted (`| head`). */
class ReaderLeft extends Error {}

const isClosedPipe = (error: unknown): boolean => error instanceof OsError && error.code === "EPIPE";
const printBytes = (bytes: Uint8Array): void => {
  try {
    writeStdout(bytes);
  } catch (error) {
    throw isClosedPipe(error) ? new ReaderLeft() : error;
  }
};
const print = (text: string): void => {
  try {
    printBytes(encodeText(text));
  } catch (error) {
    if (!(error instanceof ReaderLeft)) throw error;
  }
};
const printError = (text: string): void => {
  try {
    writeStderr(encodeText(text));
  } catch (error) {
    // Whoever read our messages has left; that is no reason to stop a backup.
    if (!(error instanceof OsError)) throw error;
  }
};

/** Runs the command line; answers the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const zone = env("TZ");
  // What is no name of a zone, the engine takes for UTC.
  if (zone !== undefined && !/^[A-Za-z_]+(\/[A-Za-z_-]+)*$/.test(zone)) {
    const { useTimeZone } = await import("./time_zone.ts");
    useTimeZone(zone, (name) => process.env["TZ"] = name);
  }
  const invocation = findCommand(argv, COMMANDS.map((command) => command.name));
  if (invocation.version) {
    print(`${versionLine("alcove")}\n`);
    return 0;
  }
  const name = invocation.command;
  if (name === null) {
    print(mainHelp(COMMANDS));
    return 0;
  }
  const entry = COMMANDS.find((command) => command.name === name);
  if (!entry) {
    const family = COMMANDS.filter((command) => command.name.startsWith(`${name} `));
    if (family.length > 0) {
      const member = invocation.rest.find((word) => !word.startsWith("-"));
      if (member !== undefined && !invocation.help) throw unknownMember(name, member, family);
      print(familyHelp(name, family));
      return 0;
    }
    const near = nearest(name, COMMANDS.map((command) => command.name));
    const hint = near ? `, did you mean ${near}?` : "; alcove --help lists the commands";
    throw new AppError("Error", [`alcove: there is no command '${name}'${hint}`]);
  }
  const { command } = await entry.load();
  const values = parseCommandArgs(command.spec, invocation.rest);
  if (invocation.help || values["help"] === true) {
    print(commandHelp(command.spec));
    return 0;
  }
  return await runCommand(command, values, { argv, warnings: deprecations(command.spec, invocation.rest) });
}

function unknownMember(family: string, word: string, commands: readonly { name: string }[]): UsageError {
  const names = commands.map((command) => command.name.slice(family.length + 1));
  const near = nearest(word, names);
  const hint = near ? `did you mean ${near}?` : `there are: ${names.join(", ")}`;
  return new UsageError("Error", [
    `alcove ${family}: there is no command '${family} ${word}', ${hint}`,
  ]);
}

async function runCommand(
  command: Command,
  values: Values,
  { argv, warnings }: { argv: readonly string[]; warnings: readonly string[] },
): Promise<number> {
  const common = values as unknown as CommonValues;
  setUmask(common.umask);
  const reporter = makeReporter(common);
  const context = makeContext(common, reporter, { argv, stopsAt: (signal) => stopsAt(signal, command) });
  for (const warning of warnings) log(reporter, "WARNING", warning);
  if (env("BORG_LOGGING_CONF")) {
    log(
      reporter,
      "WARNING",
      "BORG_LOGGING_CONF has no effect: it is for Python's logging. Use the options for levels, and --log-json.",
    );
  }
  if (common.show_version) outputLine(reporter, "show-version", versionLine("alcove"));
  let code: number;
  let profiled: (() => Promise<void>) | null = null;
  try {
    if (common.debug_profile !== undefined) {
      profiled = await (await import("./profile.ts")).startProfile(context, common.debug_profile);
    }
    code = await command.run(context, values) ?? reporter.exitCode(modern);
  } catch (thrown) {
    const error = firstFailure(thrown);
    reporter.finish();
    code = context.stoppedBy ?? (error instanceof ReaderLeft ? reporter.exitCode(modern) : exitCode(error));
    if (context.ending) await new Promise(() => {}); // the signal's handler exits
    reportError(error, reporter);
  }
  await profiled?.();
  reporter.finish();
  if (common.show_rc) {
    const level = code === 0 ? "INFO" : code === 1 || (code >= 100 && code < 128) ? "WARNING" : "ERROR";
    const word = { INFO: "success", WARNING: "warning", ERROR: "error" }[level];
    reporter.emit({
      type: "log_message",
      levelname: level,
      name: "borg.output.show-rc",
      message: `terminating with ${word} status, rc ${code}`,
    });
  }
  return code;
}

function makeReporter(common: CommonValues): CliReporter {
  const options: ReporterOptions = {
    level: common.log_level,
    progress: common.progress,
    fileStatus: null,
    iec: common.iec,
  };
  if (common.log_json) return new JsonReporter(printError, { ...options, nowSeconds: () => nowMs() / 1000 });
  const terminal = isTerminal(2);
  return new TextReporter(printError, { ...options, terminal, columns: () => terminalWidth() });
}

interface MainContext extends CommandContext {
  /** Exit code of the signal that asked for a stop. */
  stoppedBy: number | null;
  /** The process is about to end: what fails now is not worth a word. */
  ending: boolean;
}

/**
 * A server on the client's own machine hears its Ctrl-C too, and must outlive it: the client is saving a checkpoint. (The
 * client lets it ignore SIGINT, but the runtime does not.)
 */
function stopsAt(signal: StopSignal, { spec }: Command): boolean {
  return signal !== "SIGINT" || spec.name !== "serve" || isTerminal(0);
}

function makeContext(
  common: CommonValues,
  reporter: CliReporter,
  { argv, stopsAt }: { argv: readonly string[]; stopsAt(signal: StopSignal): boolean },
): MainContext {
  const files = openFiles();
  const users = new Users(files);
  const host = new Host({ hostId: env("BORG_HOST_ID"), users });
  const descriptor = env("BORG_PASSPHRASE_FD");
  const startUs = nowUs();
  const cleanUps = new Set<() => void | Promise<void>>();
  /** Whether the first Ctrl-C only asks the command to stop. */
  let clean = false;
  const context: MainContext = {
    files,
    users,
    host,
    env,
    environment: () => ({ ...process.env }) as Record<string, string>,
    passphraseDescriptor: descriptor === undefined ? null : new PassphraseDescriptor(files, descriptor),
    common,
    reporter,
    argv: ["alcove", ...argv],
    cwd: process.cwd(),
    print,
    printBytes,
    printData: writeStdout,
    nowUs,
    startUs,
    stoppedBy: null,
    ending: false,
    interrupted: () => context.stoppedBy !== null,
    atSignal(cleanUp) {
      cleanUps.add(cleanUp);
      return { [Symbol.dispose]: () => void cleanUps.delete(cleanUp) };
    },
    stopCleanly() {
      clean = true;
    },
  };
  onSignal((signal) => {
    if (!stopsAt(signal)) return;
    const code = signalExitCode(signal);
    if (signal === "SIGINT" && clean && context.stoppedBy === null) {
      context.stoppedBy = code;
      reporter.finish();
      const message = "Stopping: saving a checkpoint first. Once more to stop at once.";
      reporter.emit({ type: "log_message", levelname: "WARNING", name: "alcove", message });
      return;
    }
    if (context.ending) process.exit(code);
    context.ending = true;
    context.stoppedBy = code;
    reporter.finish();
    // The store rolls back and gives its lock back; whatever else is under way finds it closed.
    const done = Promise.allSettled([...cleanUps].map((cleanUp) => cleanUp()));
    Promise.race([done, grace()]).then(() => process.exit(code));
  });
  return context;
}

/** Time for what a signal leaves to do. Where the whole process stands still, its one step counts, not how long it lasts. */
async function grace(): Promise<void> {
  for (let turn = 0; turn < SIGNAL_GRACE_TURNS; turn++) await sleep(SIGNAL_GRACE_TURN_MS);
}

/** What went wrong first, where ending the work then failed, too. */
function firstFailure(error: unknown): unknown {
  while (error instanceof Error && error.name === "SuppressedError" && "suppressed" in error) {
    error = error.suppressed;
  }
  return error;
}

function exitCode(error: unknown): number {
  return error instanceof AppError && modern ? error.exitCode : EXIT_ERROR;
}

/** One sentence for what is expected, a stack for what is a bug. */
function reportError(error: unknown, reporter: CliReporter): void {
  if (error instanceof ReaderLeft || isClosedPipe(error)) return;
  const expected = error instanceof AppError || error instanceof OsError;
  reporter.emit({
    type: "log_message",
    levelname: "ERROR",
    name: "alcove",
    message: expected
      ? error.message
      : `This is a bug in Alcove, please report it: ${(error as Error)?.stack ?? error}\n\n${
        systemInformation(env, ["alcove", ...process.argv.slice(2)])
      }`,
    ...(error instanceof AppError ? { msgid: error.code } : {}),
  });
}

/** Runs the program with the arguments of the process, and exits. */
export async function runAndExit(): Promise<never> {
  let code: number;
  try {
    code = await main(process.argv.slice(2));
  } catch (error) {
    code = exitCode(error);
    const expected = error instanceof AppError || error instanceof OsError;
    printError(`${expected ? error.message : (error as Error)?.stack ?? error}\n`);
  }
  process.exit(code);
}
