/**
 * A repository of attic becomes one of borg: segments, index and README say so in their first bytes, the rest is the same
 * (borg docs, usage/upgrade). In: the repository's folder. Each file is converted by itself, the segments from the oldest to
 * the newest, so that an interrupted conversion is still seen as one of attic and can be done again.
 */
import { encodeText } from "../bytes/mod.ts";
import { isFolder } from "./_file_type.ts";
import { readConfig } from "./config_file.ts";
import { README } from "./create_repository.ts";
import type { StoreEnv, StoreFiles } from "./env.ts";
import { Lock } from "./lock.ts";
import { requireFolder } from "./open_repository.ts";
import { replaceFile } from "./save_file.ts";
import { ATTIC_MAGIC, MAGIC_BYTES, SEGMENT_MAGIC } from "./segment_format.ts";
import { SegmentDir } from "./segment_dir.ts";

export interface AtticOptions {
  dryRun: boolean;
  /** Where a copy of the files as they were goes, by hard links; null: none, and files are changed in place. */
  backup: string | null;
  lockWaitSeconds: number;
  /** Called before each segment, and waited for. */
  onSegment?: (done: number, total: number) => void | Promise<void>;
}

export interface AtticResult {
  readonly repositoryId: Uint8Array;
  /** Files that were converted, or would be. */
  readonly converted: number;
}

const ATTIC_INDEX = encodeText("ATTICIDX");
const INDEX_MAGIC = encodeText("BORG_IDX");
const COPY_BYTES = 1 << 20;
const LOCK_FILES = new Set(["lock.exclusive", "lock.roster"]);

/**
 * Converts what is still attic's; does nothing to a repository of borg. Throws what opening a repository throws, and OsError:
 * EMLINK and the like where the file system knows no hard links for the copy.
 */
export async function upgradeAttic(env: StoreEnv, path: string, options: AtticOptions): Promise<AtticResult> {
  const { files } = env;
  requireFolder(env, path);
  const { id: repositoryId, segmentsPerDir } = readConfig(env, path).settings();
  const lock = new Lock(env, `${path}/lock`, { waitSeconds: options.lockWaitSeconds });
  await lock.acquire(true);
  try {
    const dir = new SegmentDir(files, path, segmentsPerDir);
    const indexes = files.readDir(path).filter((name) => /^index\.\d+$/.test(name))
      .map((name) => `${path}/${name}`).filter((file) => beginsWith(files, file, ATTIC_INDEX));
    const segments = [...dir.ascending()].map((segment) => dir.path(segment))
      .filter((file) => beginsWith(files, file, ATTIC_MAGIC));
    const converted = indexes.length + segments.length;
    if (converted === 0 || options.dryRun) return { repositoryId, converted };
    const inPlace = options.backup === null;
    if (options.backup !== null) linkTree(files, path, options.backup, LOCK_FILES);
    for (const file of indexes) replaceMagic(env, file, INDEX_MAGIC, inPlace);
    for (const [done, file] of segments.entries()) {
      await options.onSegment?.(done, segments.length);
      replaceMagic(env, file, SEGMENT_MAGIC, inPlace);
    }
    replaceFile(env, `${path}/README`, (fd) => files.write(fd, encodeText(README)));
    return { repositoryId, converted };
  } finally {
    await lock.release();
  }
}

function beginsWith(files: StoreFiles, path: string, magic: Uint8Array): boolean {
  const fd = files.open(path);
  try {
    const head = new Uint8Array(MAGIC_BYTES);
    return files.pread(fd, head, 0) === MAGIC_BYTES && magic.every((byte, i) => head[i] === byte);
  } finally {
    files.close(fd);
  }
}

/** The same tree under another name, whose files are the same files. */
function linkTree(files: StoreFiles, from: string, to: string, except: ReadonlySet<string>): void {
  files.mkdir(to);
  for (const name of files.readDir(from)) {
    if (except.has(name)) continue;
    const [source, copy] = [`${from}/${name}`, `${to}/${name}`];
    if (isFolder(files.lstat(source).mode)) linkTree(files, source, copy, new Set());
    else files.link(source, copy);
  }
  files.syncDir(to);
}

/** In place, or as a new file, so that another name of the file keeps the old contents. */
function replaceMagic(env: StoreEnv, path: string, magic: Uint8Array, inPlace: boolean): void {
  const { files } = env;
  const fd = files.open(path, { read: true, write: inPlace });
  try {
    if (inPlace) {
      files.write(fd, magic);
      return files.sync(fd);
    }
    replaceFile(env, path, (copy) => {
      files.write(copy, magic);
      const buffer = new Uint8Array(COPY_BYTES);
      for (let at = MAGIC_BYTES;;) {
        const count = files.pread(fd, buffer, at);
        if (count === 0) return;
        files.write(copy, buffer.subarray(0, count));
        at += count;
      }
    });
  } finally {
    files.close(fd);
  }
}
