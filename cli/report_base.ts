/** What both renderers of events share: which levels are shown, and what the warnings mean for the exit code. */
import { WARNING_EXIT_CODES, type WarningCode } from "../core/errors.ts";
import type { LogLevel, LogMessageEvent, QuestionEvent, Reporter, ReportEvent } from "../core/report.ts";

export const LEVELS: Record<LogLevel, number> = { DEBUG: 0, INFO: 1, WARNING: 2, ERROR: 3, CRITICAL: 4 };

export interface ReporterOptions {
  level: LogLevel;
  progress: boolean;
  /** Status letters to show; null shows none, "" all. */
  fileStatus: string | null;
  iec: boolean;
}

/** Messages under this name are a command's output rather than its log: always shown. */
const OUTPUT_LOGGER = "borg.output";

/** A line of output, under the name that borg gives to its kind ("list", "stats"). */
export function outputLine(reporter: Reporter, kind: string, message: string): void {
  reporter.emit({ type: "log_message", levelname: "INFO", name: `${OUTPUT_LOGGER}.${kind}`, message });
}

export abstract class CliReporter implements Reporter {
  readonly #warningCodes = new Set<number>();

  /** `write` takes one complete piece of output for standard error. */
  constructor(protected readonly write: (text: string) => void, protected options: ReporterOptions) {}

  get progress(): boolean {
    return this.options.progress;
  }

  get fileStatus(): boolean {
    return this.options.fileStatus !== null;
  }

  /** The command knows only after parsing which status letters are wanted. */
  setFileStatus(letters: string | null): void {
    this.options = { ...this.options, fileStatus: letters };
  }

  /** How many bytes of files an archive in the making will probably have. */
  setArchiveTotal(_bytes: number | null): void {}

  emit(event: ReportEvent): void {
    if (event.type === "log_message" && !this.#shown(event)) return;
    if (event.type === "file_status") {
      const letters = this.options.fileStatus;
      if (letters === null || (letters !== "" && !letters.includes(event.status))) return;
    }
    if (
      event.type === "progress_percent" || event.type === "progress_message" ||
      event.type === "archive_progress"
    ) {
      if (!this.options.progress) return;
    }
    this.render(event);
  }

  #shown(event: LogMessageEvent): boolean {
    return event.name.startsWith(OUTPUT_LOGGER) || LEVELS[event.levelname] >= LEVELS[this.options.level];
  }

  warn(code: WarningCode, path: string, message: string): void {
    this.#warningCodes.add(WARNING_EXIT_CODES[code]);
    this.emit({
      type: "log_message",
      levelname: "WARNING",
      name: "alcove",
      message: `${path}: ${message}`,
      msgid: code,
    });
  }

  /** Shows a question whatever the level; the answer is read by who asks. */
  question(event: QuestionEvent): void {
    this.finish();
    this.render(event);
  }

  /** Counts a warning that was shown already. */
  countWarning(code: WarningCode = "BorgWarning"): void {
    this.#warningCodes.add(WARNING_EXIT_CODES[code]);
  }

  /** 0 without warnings; else 1, or with `modern` the one code that all warnings share. */
  exitCode(modern: boolean): number {
    if (this.#warningCodes.size === 0) return 0;
    const [only, ...more] = this.#warningCodes;
    return modern && more.length === 0 ? only! : 1;
  }

  /** Ends a progress line, so that what follows starts on a fresh one. */
  abstract finish(): void;

  protected abstract render(event: ReportEvent): void;
}
