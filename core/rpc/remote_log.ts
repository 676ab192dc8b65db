/**
 * What a server writes to its standard error: one JSON object for each message (borg from 1.1 on), `$LOG LEVEL Remote: …`
 * (before), or plain text: ssh's own complaints, banners, a shell's noise. All of it is shown as "Remote: …" and made fit
 * for a terminal first, since the server is not trusted.
 */
import { decodeText } from "../bytes/mod.ts";
import type { LogLevel, Reporter } from "../report.ts";
import { harmless, harmlessLine } from "./remote_text.ts";

/** A line longer than that is shown in pieces. */
const MAX_LINE_BYTES = 64 << 10;
const LEVELS: readonly string[] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] satisfies LogLevel[];
const NEW_LINE = 10;
const CARRIAGE_RETURN = 13;
/** Operations of the server are counted apart from ours. */
const OPERATION_BASE = 1_000_000;

export class RemoteLog {
  #line = new Uint8Array(0);

  constructor(private readonly reporter: Reporter) {}

  /** Takes what has arrived, in whatever pieces. */
  push(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#line.length + bytes.length);
    all.set(this.#line);
    all.set(bytes, this.#line.length);
    let start = 0;
    for (let i = this.#line.length; i < all.length; i++) {
      const ends = all[i] === NEW_LINE || all[i] === CARRIAGE_RETURN;
      if (!ends && i - start < MAX_LINE_BYTES) continue;
      this.#take(all.subarray(start, ends ? i : i + 1));
      start = i + 1;
    }
    this.#line = all.slice(start);
  }

  /** Shows what came without an end of line. */
  end(): void {
    const line = this.#line;
    this.#line = new Uint8Array(0);
    this.#take(line);
  }

  #take(bytes: Uint8Array): void {
    const line = decodeText(bytes).trimEnd();
    if (line.trim() === "") return;
    if (line.startsWith("{") && this.#takeJson(line)) return;
    const old = /^\$LOG ([A-Z]+) (?:\S+ )??Remote: ?(.*)$/s.exec(line);
    if (old) this.#log(levelOf(old[1]), old[2]!);
    else this.#log("WARNING", line);
  }

  #takeJson(line: string): boolean {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(line);
    } catch {
      return false;
    }
    const text = typeof message["message"] === "string" ? message["message"] : "";
    switch (message["type"]) {
      case "log_message":
        this.#log(levelOf(message["levelname"]), text, message);
        return true;
      case "progress_percent":
      case "progress_message":
        if (this.reporter.progress) this.#progress(message["type"], text, message);
        return true;
      default:
        this.#log("WARNING", line);
        return true;
    }
  }

  #log(levelname: LogLevel, text: string, source: Record<string, unknown> = {}): void {
    const { name, msgid } = source;
    this.reporter.emit({
      type: "log_message",
      levelname,
      name: typeof name === "string" ? harmless(name) : "",
      // Each line: one without the mark would look like ours, a question perhaps.
      message: `Remote: ${harmless(text).replaceAll("\n", "\nRemote: ")}`,
      ...(typeof msgid === "string" ? { msgid: harmless(msgid) } : {}),
    });
  }

  #progress(
    type: "progress_percent" | "progress_message",
    text: string,
    source: Record<string, unknown>,
  ): void {
    const whole = (value: unknown): number => typeof value === "number" && Number.isFinite(value) ? value : 0;
    const { operation, msgid, current, total, finished } = source;
    this.reporter.emit({
      type,
      operation: OPERATION_BASE + whole(operation),
      msgid: typeof msgid === "string" ? harmless(msgid) : "",
      finished: finished === true,
      ...(text === "" ? {} : { message: `Remote: ${harmlessLine(text)}` }),
      ...(type === "progress_percent" && finished !== true
        ? { current: whole(current), total: whole(total) }
        : {}),
    });
  }
}

function levelOf(value: unknown): LogLevel {
  return typeof value === "string" && LEVELS.includes(value) ? value as LogLevel : "CRITICAL";
}
