/**
 * What happens while a command runs, as typed events. Core emits, the command line renders: as text
 * (`cli/report_text.ts`) or as the JSON lines of borg's front-end protocol (`cli/report_json.ts`; borg docs,
 * internals/frontends.rst). Field names are borg's, so the JSON renderer has nothing to translate.
 */
import type { ErrorCode, WarningCode } from "./errors.ts";

export type LogLevel = "DEBUG" | "INFO" | "WARNING" | "ERROR" | "CRITICAL";

/** One step of a long operation with a known end. `message` is ready to print. */
export interface ProgressPercentEvent {
  type: "progress_percent";
  operation: number;
  msgid: string;
  finished: boolean;
  message?: string;
  current?: number;
  total?: number;
  info?: string[];
}

/** One step of a long operation without a known end. */
export interface ProgressMessageEvent {
  type: "progress_message";
  operation: number;
  msgid: string;
  finished: boolean;
  message?: string;
}

/** How far `create` is; sizes in bytes. */
export interface ArchiveProgressEvent {
  type: "archive_progress";
  original_size: number;
  compressed_size: number;
  deduplicated_size: number;
  nfiles: number;
  path: string;
  finished: boolean;
}

/** The status letter of one file (A M U C E d b c h s f i - x ?). */
export interface FileStatusEvent {
  type: "file_status";
  status: string;
  path: string;
}

export interface LogMessageEvent {
  type: "log_message";
  levelname: LogLevel;
  name: string;
  message: string;
  msgid?: ErrorCode | WarningCode | string;
}

/** A question to the person, the answer that the environment gave in advance, and what comes of an answer. */
export interface QuestionEvent {
  type:
    | "question_prompt"
    | "question_prompt_retry"
    | "question_env_answer"
    | "question_accepted_false"
    | "question_invalid_answer";
  /** A person is to answer: not where the environment has. */
  is_prompt: boolean;
  msgid: string;
  message: string;
  env_var?: string;
}

export type ReportEvent =
  | ProgressPercentEvent
  | ProgressMessageEvent
  | ArchiveProgressEvent
  | FileStatusEvent
  | LogMessageEvent
  | QuestionEvent;

/**
 * Receives events. `progress` and `fileStatus` tell whether such events would be shown at all, so a hot loop need not
 * build them.
 */
export interface Reporter {
  readonly progress: boolean;
  readonly fileStatus: boolean;
  emit(event: ReportEvent): void;
  /** A per-file warning: shown, counted, and reflected in the exit code. */
  warn(code: WarningCode, path: string, message: string): void;
}

/** Shorthand for a log line from core. */
export function log(reporter: Reporter, levelname: LogLevel, message: string, msgid?: string): void {
  reporter.emit({ type: "log_message", levelname, name: "alcove", message, ...(msgid ? { msgid } : {}) });
}

/** Swallows everything; for tests and for library users who do not care. */
export const silentReporter: Reporter = {
  progress: false,
  fileStatus: false,
  emit() {},
  warn() {},
};
