/**
 * From the error that a server answers to ours (borg docs, internals/frontends.rst, "Errors"; observed on borg 1.2 and 1.4):
 * the class by its bare name, and its arguments. A server before 1.1 gives the class alone. Nothing of it is trusted: what
 * is not text becomes text, what is missing stays open.
 */
import { decodeText, type Unpacked, type UnpackedMap } from "../bytes/mod.ts";
import { AppError, type ErrorCode, RemoteError } from "../errors.ts";
import { harmlessLine } from "./remote_text.ts";

/** Longest text of a server that goes into a message. */
const MAX_TEXT = 2000;
const UNKNOWN = "(not available)";

/** Where the arguments of our sentence come from: the server's, by position, or the location as the client knows it. */
type Source = number | "location";

const CLASSES: Record<string, { code: ErrorCode; args: readonly Source[] }> = {
  Error: { code: "Error", args: [0] },
  ErrorWithTraceback: { code: "Error", args: [0] },
  InvalidRepository: { code: "Repository.InvalidRepository", args: ["location"] },
  InvalidRepositoryConfig: { code: "Repository.InvalidRepositoryConfig", args: ["location", 1] },
  DoesNotExist: { code: "Repository.DoesNotExist", args: ["location"] },
  AlreadyExists: { code: "Repository.AlreadyExists", args: ["location"] },
  CheckNeeded: { code: "Repository.CheckNeeded", args: ["location"] },
  AtticRepository: { code: "Repository.AtticRepository", args: [0] },
  PathPermissionDenied: { code: "Repository.PathPermissionDenied", args: [0] },
  PathAlreadyExists: { code: "Repository.PathAlreadyExists", args: [0] },
  ParentPathDoesNotExist: { code: "Repository.ParentPathDoesNotExist", args: [0] },
  ObjectNotFound: { code: "Repository.ObjectNotFound", args: [0, "location"] },
  InsufficientFreeSpaceError: { code: "Repository.InsufficientFreeSpaceError", args: [0, 1] },
  StorageQuotaExceeded: { code: "Repository.StorageQuotaExceeded", args: [0, 1] },
  PathNotAllowed: { code: "PathNotAllowed", args: [0] },
  InvalidRPCMethod: { code: "InvalidRPCMethod", args: [0] },
  LockError: { code: "LockError", args: [0] },
  LockErrorT: { code: "LockErrorT", args: [0] },
  LockTimeout: { code: "LockTimeout", args: [0] },
  LockFailed: { code: "LockFailed", args: [0, 1] },
  NotLocked: { code: "NotLocked", args: [0] },
  NotMyLock: { code: "NotMyLock", args: [0] },
  IntegrityError: { code: "IntegrityError", args: [0] },
};

/** What a server says, fit for a terminal. */
export function remoteText(value: Unpacked | undefined): string {
  if (value instanceof Uint8Array) return harmlessLine(decodeText(value.subarray(0, MAX_TEXT)));
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return UNKNOWN;
}

/** Name of the class that an error answer bears. */
export const errorClass = (error: UnpackedMap): string => remoteText(error.get("exception_class"));

/** Our error for a server's; `location` is the repository as the client knows it. */
export function remoteError(error: UnpackedMap, location: string): RemoteFailure | AppError {
  const name = errorClass(error);
  const given = error.get("exception_args");
  const args = Array.isArray(given) ? given : [];
  const known = Object.hasOwn(CLASSES, name) ? CLASSES[name]! : null;
  if (known === null) return new RemoteFailure(name, messageOf(error, name));
  const texts = known.args.map((source) => source === "location" ? location : remoteText(args[source]));
  return AppError.fromJSON({ code: known.code, args: texts });
}

/** An error of a class that has no meaning here: a bug of the server, or an exception of its language. */
export class RemoteFailure extends AppError {
  constructor(readonly remoteClass: string, message: string) {
    super("Error", [`The server failed: ${message}`]);
  }
}

function messageOf(error: UnpackedMap, name: string): string {
  const short = error.get("exception_short");
  const lines = Array.isArray(short) ? short.map((line) => remoteText(line).trim()) : [];
  return lines.length > 0 ? lines.join(" ").slice(0, MAX_TEXT) : name;
}

/** A well-formed answer that makes no sense. */
export function unexpected(method: string): RemoteError {
  return new RemoteError("UnexpectedRPCDataFormatFromServer", [`an answer to ${method} that makes no sense`]);
}
