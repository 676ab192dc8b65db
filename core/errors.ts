/**
 * The error families. Every expected failure of Alcove is an {@link AppError} whose `code` is the message id that borg's
 * front ends know (borg docs, internals/frontends.rst, "Errors"), so borgmatic, Vorta and scripts read ours unchanged.
 * The table below is the single place that gives a code its modern exit code and its sentence; `cli/program.ts` turns a
 * code into the process's exit status. Errors survive a worker or RPC hop by `toJSON` / `fromJSON`.
 */

/** What borg's table says of one message id: exit code under BORG_EXIT_CODES=modern, and our sentence with `{}` holes. */
interface ErrorSpec {
  readonly exitCode: number;
  readonly text: string;
}

const spec = (exitCode: number, text: string): ErrorSpec => ({ exitCode, text });

const ERRORS = {
  Error: spec(2, "{}"),
  RTError: spec(2, "{}"),
  CancelledByUser: spec(3, "Cancelled: the question was not answered with yes."),
  CommandError: spec(4, "{}"),
  PlaceholderError: spec(5, 'Cannot format "{}" in "{}": {}({})'),
  InvalidPlaceholder: spec(6, 'Cannot use placeholder "{}" in "{}": it is not known'),

  "Repository.AlreadyExists": spec(10, "Cannot create repository {}: a repository already exists there"),
  "Repository.AtticRepository": spec(
    11,
    "Cannot open {}: it is an attic repository, which must be upgraded first",
  ),
  "Repository.CheckNeeded": spec(12, "Cannot go on with repository {}: it is inconsistent, run check on it"),
  "Repository.DoesNotExist": spec(13, "Cannot open repository {}: it does not exist"),
  "Repository.InsufficientFreeSpaceError": spec(
    14,
    "Cannot complete the transaction: it needs {} of free space, {} is available",
  ),
  "Repository.InvalidRepository": spec(15, "Cannot open {}: it is not a valid repository"),
  "Repository.InvalidRepositoryConfig": spec(16, "Cannot use the configuration of repository {}: {}"),
  "Repository.ObjectNotFound": spec(17, "Cannot find object {} in repository {}"),
  "Repository.ParentPathDoesNotExist": spec(
    18,
    "Cannot create the repository: the parent folder of {} does not exist",
  ),
  "Repository.PathAlreadyExists": spec(19, "Cannot create the repository: there is something else at {}"),
  "Repository.StorageQuotaExceeded": spec(20, "Cannot store more: the storage quota ({}) is exceeded ({})"),
  "Repository.PathPermissionDenied": spec(21, "Cannot access {}: Permission denied"),

  MandatoryFeatureUnsupported: spec(
    25,
    "Cannot use this repository: it needs feature(s) {} that this version does not know",
  ),
  NoManifestError: spec(
    26,
    "Cannot open the repository: it has no manifest. If its init was cut off, delete it and init anew; else check --repair can make another",
  ),
  UnsupportedManifestError: spec(27, "Cannot read the manifest: its format is newer than this version knows"),

  "Archive.AlreadyExists": spec(30, "Cannot create archive {}: an archive of that name already exists"),
  "Archive.DoesNotExist": spec(31, "Cannot find archive {}: it does not exist"),
  "Archive.IncompatibleFilesystemEncodingError": spec(
    32,
    'Cannot write file name "{}": the file system encoding "{}" cannot express it',
  ),

  KeyfileInvalidError: spec(40, "Cannot read the key of repository {}: the key data in {} is damaged"),
  KeyfileMismatchError: spec(
    41,
    "Cannot use the key file: repository {} and key file {} do not belong together",
  ),
  KeyfileNotFoundError: spec(42, "Cannot find a key file for repository {} in {}"),
  NotABorgKeyFile: spec(43, "Cannot import the key: the file is not a key backup"),
  RepoKeyNotFoundError: spec(44, "Cannot find a key in the configuration of repository {}"),
  RepoIdMismatch: spec(45, "Cannot import the key: it belongs to another repository"),
  UnencryptedRepo: spec(46, "Cannot manage a key: the repository is not encrypted"),
  UnknownKeyType: spec(47, "Cannot use the key: its type {} is not known"),
  UnsupportedPayloadError: spec(
    48,
    "Cannot read an object: its payload type {} is not known to this version",
  ),

  NoPassphraseFailure: spec(50, "Cannot get a passphrase: {}"),
  PasscommandFailure: spec(51, "Cannot get a passphrase: the command in BORG_PASSCOMMAND failed: {}"),
  PassphraseWrong: spec(
    52,
    "Cannot unlock the key: the passphrase given by BORG_PASSPHRASE, BORG_PASSCOMMAND or BORG_PASSPHRASE_FD is incorrect",
  ),
  PasswordRetriesExceeded: spec(53, "Cannot unlock the key: the passphrase was wrong too often"),

  "Cache.CacheInitAbortedError": spec(60, "Stopped: access to the repository was not confirmed"),
  "Cache.EncryptionMethodMismatch": spec(
    61,
    "Cannot trust the repository: its encryption method has changed since the last access",
  ),
  "Cache.RepositoryAccessAborted": spec(62, "Stopped: access to the repository was not confirmed"),
  "Cache.RepositoryIDNotUnique": spec(
    63,
    "Cannot trust the cache: it is newer than the repository, are there two repositories with one id?",
  ),
  "Cache.RepositoryReplay": spec(
    64,
    "Cannot trust the repository: this machine has seen a newer state of it (an attack, or a copy with the same id)",
  ),

  LockError: spec(70, "Cannot acquire the lock {}"),
  LockErrorT: spec(71, "Cannot acquire the lock {}"),
  LockFailed: spec(72, "Cannot create the lock {}: {}"),
  LockTimeout: spec(73, "Cannot acquire the lock {} (timeout): another process is using the repository"),
  NotLocked: spec(74, "Cannot rely on the lock {}: it is not there any more, somebody has broken it"),
  NotMyLock: spec(75, "Cannot rely on the lock {}: it was broken, and another process holds it now"),

  ConnectionClosed: spec(80, "Connection closed by remote host"),
  ConnectionClosedWithHint: spec(81, "Connection closed by remote host: {}"),
  InvalidRPCMethod: spec(82, "Cannot call remote method {}: it is not valid"),
  PathNotAllowed: spec(83, "Cannot open repository {}: the path is not allowed"),
  "RemoteRepository.RPCServerOutdated": spec(84, "Cannot use {}: the server is too old, it takes version {}"),
  UnexpectedRPCDataFormatFromClient: spec(85, "Cannot understand the client of {}: unexpected data"),
  UnexpectedRPCDataFormatFromServer: spec(86, "Cannot understand the server, it sent: {}"),
  ConnectionBrokenWithHint: spec(87, "Connection to remote host is broken: {}"),

  IntegrityError: spec(90, "Data integrity error: {}"),
  FileIntegrityError: spec(91, "Cannot trust file {}: its integrity check failed"),
  DecompressionError: spec(92, "Cannot decompress: {}"),
  ArchiveTAMInvalid: spec(95, "Data integrity error: {}"),
  ArchiveTAMRequiredError: spec(
    96,
    "Cannot trust archive {}: it is not authenticated, which this repository requires",
  ),
  TAMInvalid: spec(97, "Data integrity error: {}"),
  TAMRequiredError: spec(
    98,
    "Cannot trust the manifest: it is not authenticated, which this repository requires",
  ),
  TAMUnsupportedSuiteError: spec(99, "Cannot verify the manifest: suite {} is not known to this version"),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

/** Message ids of per-file warnings with their modern exit code; a warning is an event, never thrown past the file loop. */
export const WARNING_EXIT_CODES = {
  BorgWarning: 1,
  BackupWarning: 1,
  FileChangedWarning: 100,
  IncludePatternNeverMatchedWarning: 101,
  BackupError: 102,
  BackupRaceConditionError: 103,
  BackupOSError: 104,
  BackupPermissionError: 105,
  BackupIOError: 106,
  BackupFileNotFoundError: 107,
  BackupSymlinkParentError: 108,
  BackupPathTraversalError: 109,
  BackupHardlinkSourceError: 110,
} as const;

export type WarningCode = keyof typeof WARNING_EXIT_CODES;

function format(text: string, args: readonly string[]): string {
  let next = 0;
  return text.replaceAll("{}", () => args[next++] ?? "");
}

/** An expected failure: one clear sentence, a stable code, and an exit code. */
export class AppError extends Error {
  override readonly name: string = "AppError";
  /** Modern exit code (2 to 99); the legacy exit code of every error is 2. */
  readonly exitCode: number;

  /** `args` fill the holes of the code's sentence in order; they are also what front ends receive. */
  constructor(readonly code: ErrorCode, readonly args: readonly string[] = [], options?: ErrorOptions) {
    super(format(ERRORS[code].text, args), options);
    this.exitCode = ERRORS[code].exitCode;
  }

  toJSON(): { code: ErrorCode; args: readonly string[] } {
    return { code: this.code, args: this.args };
  }

  /** Rebuilds the error of the right family from {@link AppError.toJSON}. */
  static fromJSON(json: { code: ErrorCode; args: readonly string[] }): AppError {
    const exitCode = ERRORS[json.code].exitCode;
    const family = FAMILIES.find(([low, high]) => exitCode >= low && exitCode <= high)?.[2] ?? AppError;
    return new family(json.code, json.args);
  }
}

/** Wrong command line, or the user said no: 2 to 6. */
export class UsageError extends AppError {
  override readonly name = "UsageError";
}
/** The repository as a store: 10 to 21. */
export class RepositoryError extends AppError {
  override readonly name = "RepositoryError";
}
/** The manifest: 25 to 27. */
export class ManifestError extends AppError {
  override readonly name = "ManifestError";
}
/** An archive: 30 to 32. */
export class ArchiveError extends AppError {
  override readonly name = "ArchiveError";
}
/** Keys and passphrases: 40 to 53. */
export class KeyError extends AppError {
  override readonly name = "KeyError";
}
/** Cache and security directory: 60 to 64. */
export class CacheError extends AppError {
  override readonly name = "CacheError";
}
/** Locks: 70 to 75. */
export class LockError extends AppError {
  override readonly name = "LockError";
}
/** The other end of an SSH connection: 80 to 87. */
export class RemoteError extends AppError {
  override readonly name = "RemoteError";
}
/** Data that fails its checksum, MAC or structure: 90 to 99. */
export class IntegrityError extends AppError {
  override readonly name = "IntegrityError";
}

const FAMILIES: readonly [number, number, typeof AppError][] = [
  [2, 6, UsageError],
  [10, 21, RepositoryError],
  [25, 27, ManifestError],
  [30, 32, ArchiveError],
  [40, 53, KeyError],
  [60, 64, CacheError],
  [70, 75, LockError],
  [80, 87, RemoteError],
  [90, 99, IntegrityError],
];

/**
 * A system call that failed. `code` is the symbolic errno ("ENOENT"). Raised by the platform room only. Around a source
 * file it becomes a warning and the backup goes on; from the repository it ends the command.
 */
export class OsError extends Error {
  override readonly name = "OsError";
  constructor(readonly code: string, readonly syscall: string, readonly path: string, text?: string) {
    super(`${text ?? code}: ${path}`);
  }
}
