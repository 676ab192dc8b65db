/**
 * Trouble with a file that is being backed up or restored: it becomes a warning and the work goes on. The wrap rule (borg,
 * helpers/errors.py, BackupOSError): only what is wrapped here is about such a file; any other OsError is the repository's
 * and ends the command.
 */
import { OsError, type WarningCode } from "../errors.ts";

export class SourceError extends Error {
  override readonly name = "SourceError";
  /** `message`: what went wrong, without the path. */
  constructor(
    readonly warningCode: WarningCode,
    readonly path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** The step (`operation`, like "open") at which the system said `error`. */
  static fromOs(operation: string, path: string, error: OsError): SourceError {
    // OsError's message ends in a path that may be a mere descriptor; the warning names the file itself.
    const text = error.message.endsWith(`: ${error.path}`)
      ? error.message.slice(0, -error.path.length - 2)
      : error.message;
    return new SourceError(warningCodeOf(error), path, `${operation}: ${text}`, { cause: error });
  }
}

/** The warning of an errno (borg 1.4, archive.py, BackupIO). */
export function warningCodeOf(error: OsError): WarningCode {
  switch (error.code) {
    case "EPERM":
    case "EACCES":
    case "EBUSY":
      return "BackupPermissionError";
    case "ENOENT":
      return "BackupFileNotFoundError";
    case "EIO":
      return "BackupIOError";
    default:
      return "BackupOSError";
  }
}

/** Runs one step on a source file; an OsError becomes a SourceError, anything else passes. */
export function onSource<T>(operation: string, path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof OsError) throw SourceError.fromOs(operation, path, error);
    throw error;
  }
}

/** The warning that `error` stands for, null where it is not about a source file. */
export function warningOf(error: unknown): { code: WarningCode; message: string } | null {
  return error instanceof SourceError ? { code: error.warningCode, message: error.message } : null;
}
