/** What the commands that make archives share: who made it, when, and which files are shown. */
import { OsError } from "../core/errors.ts";
import type { CommandContext } from "./context.ts";
import { parseDateTime, usageError } from "./values.ts";

/** Where an archive comes from, as its metadata says. */
export function archiveOrigin(context: CommandContext) {
  return {
    cmdline: [...context.argv],
    hostname: context.env("BORG_HOSTNAME") ?? context.host.hostname,
    username: context.env("BORG_USERNAME") ?? context.host.userName,
    cwd: context.cwd,
  };
}

/** `--list` and `--filter`: no filter shows all letters, an empty one shows none. */
export function showFileStatus(
  context: CommandContext,
  values: { output_list: boolean; output_filter: string | undefined },
): void {
  const { output_list: list, output_filter: filter } = values;
  context.reporter.setFileStatus(list && filter !== "" ? filter ?? "" : null);
}

/** `--timestamp` is a date and time, or a file whose modification time is meant. */
export function resolveTimestamp(context: CommandContext, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    return Number(context.files.stat(text).mtimeNs / 1_000_000_000n) * 1e6;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
  const us = parseDateTime(text);
  if (us === null) throw usageError(`--timestamp: neither a file nor a date and time: '${text}'`);
  return us;
}
