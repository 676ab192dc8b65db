/** Text of a server, which is not trusted, made fit for a terminal: no escapes, no control characters. */
import { printable } from "../bytes/mod.ts";

/** Keeps tabs and ends of lines; what else could steer a terminal becomes "?". */
export function harmless(text: string): string {
  // deno-lint-ignore no-control-regex
  return printable(text).replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "?");
}

/** The same in one line, for a part of a sentence: what follows on a line of its own would look like ours. */
export function harmlessLine(text: string): string {
  return harmless(text).trim().replace(/\s*\n\s*/g, " ");
}
