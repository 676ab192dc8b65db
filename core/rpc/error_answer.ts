/**
 * An error as borg's clients take it: the name of its class, and arguments in the order of that class (observed on borg 1.2
 * and 1.4). A client raises its own error of that name; what it does not know it shows as the text that comes along.
 */
import type { MsgpackWriter, Packable } from "../bytes/mod.ts";
import { AppError, OsError } from "../errors.ts";
import type { Dialect } from "./frame.ts";

/** Errors that are a client's daily life and not worth a line in the server's log. */
const EXPECTED: ReadonlySet<string> = new Set([
  "InvalidRepository",
  "InvalidRepositoryConfig",
  "DoesNotExist",
  "AlreadyExists",
  "PathAlreadyExists",
  "PathNotAllowed",
  "InsufficientFreeSpaceError",
  "StorageQuotaExceeded",
]);

/** What is told to clients before 1.1 in the place of an explanation. */
const OLD_TEXT = "Error on the server: its messages say more";

/** borg's name for the class of an error. */
export function errorClass(error: unknown): string {
  if (error instanceof AppError) return error.code.slice(error.code.lastIndexOf(".") + 1);
  if (error instanceof OsError) return "OSError";
  return error instanceof Error ? error.name : "Exception";
}

export const isExpected = (error: unknown): boolean => EXPECTED.has(errorClass(error));

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error);

/** Message, and for what is a bug where it happened. */
export function errorText(error: unknown): string {
  if (error instanceof AppError) return error.message;
  if (error instanceof OsError) return `${errorClass(error)}: ${error.message}`;
  return error instanceof Error && error.stack ? error.stack : `${errorClass(error)}: ${messageOf(error)}`;
}

/** Appends the answer to call `id` that says that it failed. */
export function appendErrorAnswer(
  writer: MsgpackWriter,
  dialect: Dialect,
  id: number | bigint,
  failure: { error: unknown; systemInformation: string },
): void {
  const { error, systemInformation } = failure;
  if (dialect === "positional") {
    writer.write([1, id, errorClass(error), OLD_TEXT]);
    return;
  }
  const known = error instanceof AppError;
  writer.write(
    new Map<string, Packable>([
      ["i", id],
      ["exception_class", errorClass(error)],
      ["exception_args", known ? error.args : [messageOf(error)]],
      ["exception_full", [errorText(error)]],
      ["exception_short", [known ? error.message : `${errorClass(error)}: ${messageOf(error)}`]],
      ["exception_trace", !known && !(error instanceof OsError)],
      ["sysinfo", systemInformation],
    ]),
  );
}
