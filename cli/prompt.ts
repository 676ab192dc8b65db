/**
 * Questions to the person: passphrases and yes or no. Where a script has answered already, by borg's environment variables,
 * nobody is asked; where nobody is there to ask, the answer is no.
 */
import {
  childEnvironment,
  readLine,
  readPassphrase,
  runProgram,
  splitCommand,
  writeStderr,
} from "../core/platform/mod.ts";
import { encodeHex, encodeText, printable } from "../core/bytes/mod.ts";
import { KeyError, OsError } from "../core/errors.ts";
import { log, type QuestionEvent } from "../core/report.ts";
import type { CommandContext } from "./context.ts";

/** A passphrase that the environment gives: BORG_PASSPHRASE, BORG_PASSCOMMAND, BORG_PASSPHRASE_FD, in this order. */
export function environmentPassphrase(context: CommandContext): string | null {
  const direct = context.env("BORG_PASSPHRASE");
  if (direct !== undefined) return direct;
  const command = context.env("BORG_PASSCOMMAND");
  if (command !== undefined) return passcommand(context, command);
  return context.passphraseDescriptor?.read() ?? null;
}

function passcommand(context: CommandContext, text: string): string {
  const failed = (what: string, cause?: unknown): KeyError =>
    new KeyError("PasscommandFailure", [what], { cause });
  let words: string[];
  try {
    words = splitCommand(text);
  } catch (error) {
    throw failed((error as Error).message, error);
  }
  if (words.length === 0) throw failed("it is empty");
  try {
    const { exitCode, signal, stdout } = runProgram(words, { env: childEnvironment(context.environment()) });
    if (exitCode !== 0) throw failed(signal === null ? `exit code ${exitCode}` : `ended by ${signal}`);
    return new TextDecoder().decode(stdout).replace(/\n+$/, "");
  } catch (error) {
    if (error instanceof OsError) throw failed(error.message, error);
    throw error;
  }
}

/** Asks for the passphrase of an existing key. */
export async function askPassphrase(prompt: string): Promise<string> {
  const answer = await readPassphrase(prompt);
  if (answer === null) {
    throw new KeyError("NoPassphraseFailure", [
      "none was typed; where nobody can be asked, set BORG_PASSPHRASE, BORG_PASSCOMMAND or BORG_PASSPHRASE_FD",
    ]);
  }
  return answer;
}

/** Tries before a new passphrase is given up. */
const ATTEMPTS = 10;

/** The passphrase for a new key: BORG_NEW_PASSPHRASE, those of an existing key, or asked for twice. */
export async function newPassphrase(context: CommandContext): Promise<string> {
  const given = context.env("BORG_NEW_PASSPHRASE") ?? environmentPassphrase(context);
  if (given !== null) return given;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = await askPassphrase("Enter new passphrase: ");
    if (await askPassphrase("Enter same passphrase again: ") === first) {
      verifyPassphrase(context, first);
      return first;
    }
    context.reporter.emit({
      type: "log_message",
      levelname: "ERROR",
      name: "alcove",
      message: "The two passphrases differ, try again.",
    });
  }
  throw new KeyError("PasswordRetriesExceeded");
}

/** Shows a new passphrase to who wants to see whether it is what was meant (a keyboard may be set otherwise). */
function verifyPassphrase(context: CommandContext, passphrase: string): void {
  const message = "Do you want your passphrase to be displayed for verification? [yN]: ";
  if (askYes(context, { variable: "BORG_DISPLAY_PASSPHRASE", message, again: true })) {
    const bytes = encodeText(passphrase);
    const lines = [
      `Your passphrase (between double-quotes): "${passphrase}"`,
      "Make sure the passphrase displayed above is exactly what you wanted.",
    ];
    if (bytes.some((byte) => byte >= 0x80)) {
      lines.push(
        `Your passphrase (UTF-8 encoding in hex): ${encodeHex(bytes)}`,
        "It has characters that other keyboards and terminals may lack: keep the hexadecimal form too.",
      );
    }
    writeStderr(encodeText(`${lines.join("\n")}\n`));
  }
  log(context.reporter, "INFO", "Remember your passphrase. Your data will be inaccessible without it.");
}

export interface Question {
  /** Environment variable that answers instead of a person. */
  variable: string;
  /** The question, with what to type at its end. */
  message: string;
  /** The only answer that means yes, for what cannot be undone. */
  only?: string;
  /** Asks again where the answer is neither yes nor no. */
  again?: boolean;
}

/** The words that borg takes, letter by letter. Anything else is a no, or asked again. */
const YES = new Set(["Yes", "YES", "yes", "Y", "y", "1"]);
const NO = new Set(["No", "NO", "no", "N", "n", "0"]);
const DEFAULT = new Set(["Default", "DEFAULT", "default", "D", "d", ""]);
/** Answers that are neither yes nor no before it counts as no, where it is asked again. */
const RETRIES = 3;

/**
 * Whether the answer is yes. Asks on standard error, reads standard input. Front ends get borg's events: the question, even
 * where the environment has answered it, that answer, and what a no or a wrong answer leads to.
 */
export function askYes(context: CommandContext, question: Question): boolean {
  const { variable, message, only, again = false } = question;
  const tell = (type: QuestionEvent["type"], text: string, more: Partial<QuestionEvent> = {}): void =>
    context.reporter.question({ type, is_prompt: false, msgid: variable, message: text, ...more });
  /** Null: neither yes nor no. */
  const means = (answer: string): boolean | null => {
    if (only === undefined ? YES.has(answer) : answer === only) return true;
    if (DEFAULT.has(answer)) return false;
    if (NO.has(answer)) {
      if (!again) tell("question_accepted_false", "Aborting.");
      return false;
    }
    tell("question_invalid_answer", `Invalid answer, ${again ? "try again" : "aborting"}.`);
    return null;
  };
  const given = context.env(variable);
  tell("question_prompt", message, { is_prompt: given === undefined });
  if (given !== undefined) {
    tell("question_env_answer", `${printable(given)} (from ${variable})`, { env_var: variable });
    return means(given) ?? false;
  }
  for (let attempt = 1;; attempt++) {
    const meaning = means(readLine() ?? "No");
    if (meaning !== null || !again || attempt === RETRIES) return meaning ?? false;
    tell("question_prompt_retry", message, { is_prompt: true });
  }
}
