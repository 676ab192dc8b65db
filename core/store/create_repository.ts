/**
 * Makes the files of a new, empty repository: `README` (by whose text borg tells a repository), `data/`, `config` (borg
 * docs, data-structures.rst, "Repository"). Refuses where there is something already, and inside of another repository.
 */
import { dirname, resolve } from "node:path";
import { decodeText, encodeHex, encodeText, ID_LENGTH } from "../bytes/mod.ts";
import { OsError, RepositoryError } from "../errors.ts";
import { isFolder } from "./_file_type.ts";
import { RepositoryConfig } from "./config.ts";
import { writeConfig } from "./config_file.ts";
import type { StoreEnv, StoreFiles } from "./env.ts";

/** The text is part of the format. */
export const README = "This is a Borg Backup repository.\nSee https://borgbackup.readthedocs.io/\n";
/** How borg's releases have begun it. */
const README_MARKS = ["Borg Backup repository", "Borg repository"];
const README_HEAD_BYTES = 100;
const DEFAULT_SEGMENTS_PER_DIR = 1000;
const DEFAULT_MAX_SEGMENT_SIZE = 500 * 1024 * 1024;

export interface CreateRepositoryOptions {
  appendOnly?: boolean;
  /** Bytes; 0 or undefined for none. */
  storageQuota?: number;
  makeParentDirs?: boolean;
  /** The repository's id; random if not given. */
  id?: Uint8Array;
  /** Other than borg's defaults, for tests. */
  segmentsPerDir?: number;
  maxSegmentSize?: number;
}

/** Whether a repository is at `path`; false too where that cannot be seen. */
export function isRepository(files: StoreFiles, path: string): boolean {
  let fd;
  try {
    fd = files.open(`${path}/README`);
    const head = new Uint8Array(README_HEAD_BYTES);
    const text = decodeText(head.subarray(0, files.pread(fd, head, 0)));
    return README_MARKS.some((mark) => text.includes(mark));
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  } finally {
    if (fd !== undefined) files.close(fd);
  }
}

/**
 * Creates the repository's files, durably. Throws Repository.AlreadyExists, PathAlreadyExists, ParentPathDoesNotExist or
 * PathPermissionDenied.
 */
export function createRepositoryFiles(env: StoreEnv, path: string, options: CreateRepositoryOptions): void {
  const { files } = env;
  refuseOccupied(files, path);
  makeFolder(files, path, options.makeParentDirs ?? false);
  files.writeFile(`${path}/README`, encodeText(README), { sync: true });
  files.mkdir(`${path}/data`);
  const id = options.id ?? env.randomBytes(ID_LENGTH);
  const config = RepositoryConfig.create(path, {
    version: "1",
    segments_per_dir: String(options.segmentsPerDir ?? DEFAULT_SEGMENTS_PER_DIR),
    max_segment_size: String(options.maxSegmentSize ?? DEFAULT_MAX_SEGMENT_SIZE),
    append_only: options.appendOnly ? "1" : "0",
    storage_quota: String(options.storageQuota ?? 0),
    additional_free_space: "0",
    id: encodeHex(id),
  });
  writeConfig(env, path, config);
}

/** Throws where `createRepositoryFiles` would because of what is there: Repository.AlreadyExists and its like. */
export function refuseOccupied(files: StoreFiles, path: string): void {
  const denied = (error: unknown) => error instanceof OsError && error.code === "EACCES";
  try {
    const { mode } = files.stat(path);
    if (isRepository(files, path)) throw new RepositoryError("Repository.AlreadyExists", [path]);
    if (!isFolder(mode) || files.readDir(path).length > 0) {
      throw new RepositoryError("Repository.PathAlreadyExists", [path]);
    }
  } catch (error) {
    if (denied(error)) throw new RepositoryError("Repository.PathPermissionDenied", [path], { cause: error });
    if (!(error instanceof OsError && (error.code === "ENOENT" || error.code === "ENOTDIR"))) throw error;
  }
  // Inside of another repository the folders could be mistaken for segments, and a quota could be evaded.
  for (let inner = resolve(path), outer = dirname(inner); outer !== inner; outer = dirname(inner)) {
    if (isRepository(files, outer)) throw new RepositoryError("Repository.AlreadyExists", [outer]);
    inner = outer;
  }
}

function makeFolder(files: StoreFiles, path: string, makeParents: boolean): void {
  try {
    if (makeParents) files.mkdirAll(dirname(resolve(path)));
    if (files.exists(path)) return;
    files.mkdir(path);
    files.syncDir(dirname(resolve(path)));
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    if (error.code === "ENOENT" || error.code === "ENOTDIR") {
      throw new RepositoryError("Repository.ParentPathDoesNotExist", [path], { cause: error });
    }
    if (error.code === "EACCES" || error.code === "EPERM") {
      throw new RepositoryError("Repository.PathPermissionDenied", [path], { cause: error });
    }
    throw error;
  }
}

/** Removes a folder and all below it. */
export function removeTree(
  files: StoreFiles,
  path: string,
  keep: (name: string) => boolean = () => false,
): void {
  let kept = false;
  for (const name of files.readDir(path)) {
    if (keep(name)) {
      kept = true;
      continue;
    }
    const inner = `${path}/${name}`;
    if (isFolder(files.lstat(inner).mode)) removeTree(files, inner);
    else files.unlink(inner);
  }
  if (!kept) files.rmdir(path);
}
