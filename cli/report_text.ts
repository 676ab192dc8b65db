/** Events as lines for people: log lines, file status lines, and one live progress line on a terminal. */
import type { ArchiveProgressEvent, ReportEvent } from "../core/report.ts";
import { formatSize } from "./format_size.ts";
import { CliReporter, type ReporterOptions } from "./report_base.ts";

export interface TextOptions extends ReporterOptions {
  /** Standard error is a terminal: progress overwrites itself. */
  terminal: boolean;
  /** Columns of the terminal. */
  columns: () => number;
}

export class TextReporter extends CliReporter {
  #liveLength = 0;
  #archiveTotal: number | null = null;
  readonly #terminal: boolean;
  readonly #columns: () => number;

  constructor(write: (text: string) => void, options: TextOptions) {
    super(write, options);
    this.#terminal = options.terminal;
    this.#columns = options.columns;
  }

  protected override render(event: ReportEvent): void {
    switch (event.type) {
      case "log_message":
        return this.#line(event.message);
      case "file_status":
        return this.#line(`${event.status} ${event.path}`);
      case "question_prompt":
      case "question_prompt_retry":
        return this.write(event.message);
      // Also ends the line of the question where nobody typed an answer.
      case "question_env_answer":
      case "question_accepted_false":
      case "question_invalid_answer":
        return this.write(`${event.message}\n`);
      case "archive_progress":
        return event.finished ? this.finish() : this.#live(this.#archiveProgress(event));
      default:
        return event.finished ? this.finish() : this.#live(event.message ?? "");
    }
  }

  #archiveProgress(event: ArchiveProgressEvent): string {
    const iec = this.options.iec;
    const sizes =
      `${this.#share(event.original_size)}${formatSize(event.original_size, iec)} O ${
        formatSize(event.compressed_size, iec)
      } C ` +
      `${formatSize(event.deduplicated_size, iec)} D ${event.nfiles} N `;
    return sizes + shorten(event.path, Math.max(10, this.#columns() - sizes.length - 1));
  }

  /** Borg's line does not have it; JSON, which programs read, is left as borg's. */
  #share(size: number): string {
    if (this.#archiveTotal === null) return "";
    // More than there was last time: the end is not known after all.
    const percent = 100 * size / this.#archiveTotal;
    return percent >= 100 ? " >99% " : `${Math.floor(percent).toString().padStart(4)}% `;
  }

  override setArchiveTotal(bytes: number | null): void {
    this.#archiveTotal = bytes;
  }

  #line(text: string): void {
    this.finish();
    this.write(`${text}\n`);
  }

  #live(text: string): void {
    if (!this.#terminal) return this.write(`${text}\n`);
    const shown = [...text].slice(0, this.#columns() - 1).join("");
    this.write(`\r${shown}${" ".repeat(Math.max(0, this.#liveLength - shown.length))}\r`);
    this.#liveLength = shown.length;
  }

  override finish(): void {
    if (this.#liveLength === 0) return;
    this.write(`\r${" ".repeat(this.#liveLength)}\r`);
    this.#liveLength = 0;
  }
}

/** The end of a path says more than its beginning, but both help: the middle is left out. */
function shorten(path: string, width: number): string {
  const characters = [...path.replace(/\p{Cc}/gu, "?")];
  if (characters.length <= width) return characters.join("");
  const head = Math.floor((width - 3) / 2);
  return `${characters.slice(0, head).join("")}...${
    characters.slice(characters.length - (width - 3 - head)).join("")
  }`;
}
