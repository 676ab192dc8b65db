/**
 * A disk in memory for the store's fault tests. It knows what a real one has made durable: a file's bytes by `sync`, a
 * folder's names by `syncDir`. `crash` gives the disk as it would be found after the power went: only what is durable,
 * or everything, or a random choice between. Writing operations are counted and can be made to fail, and the disk can be
 * full.
 */
import { OsError } from "../../core/errors.ts";
import { type OpenOptions, S_IFDIR, S_IFREG, type Stat } from "../../core/platform/mod.ts";
import type { StoreFiles } from "../../core/store/mod.ts";

interface FileNode {
  kind: "file";
  bytes: Uint8Array;
  size: number;
  durable: Uint8Array;
  nlink: number;
}
interface FolderNode {
  kind: "folder";
  names: Map<string, MemoryNode>;
  durable: Map<string, MemoryNode>;
}
type MemoryNode = FileNode | FolderNode;

/** The power went: nothing works any more. */
export class PowerLoss extends Error {
  override readonly name = "PowerLoss";
}

export type CrashKind = "durable" | "everything" | (() => number);

const newFolder = (): FolderNode => ({ kind: "folder", names: new Map(), durable: new Map() });
const contents = (file: FileNode) => file.bytes.subarray(0, file.size);

export class MemoryFiles implements StoreFiles {
  /** Writing operations so far. */
  operations = 0;
  /** The power goes at this operation; Infinity: never. A write is done in half before. */
  failAt = Infinity;
  /** Bytes that all files together may have. */
  capacity = Infinity;
  /** What `freeSpace` says, if not the truth. */
  claimedFreeSpace: number | null = 1e15;
  #root = newFolder();
  #open = new Map<number, { file: FileNode; position: number; append: boolean }>();
  #nextFd = 3;

  /** A disk with the same files, as found after a crash. */
  crash(kind: CrashKind): MemoryFiles {
    const after = new MemoryFiles();
    after.#root = survivors(this.#root, kind, new Map()) as FolderNode;
    return after;
  }

  /** Paths and contents of all files. */
  *everyFile(path = "", folder = this.#root): Generator<[string, Uint8Array]> {
    for (const [name, node] of folder.names) {
      if (node.kind === "folder") yield* this.everyFile(`${path}/${name}`, node);
      else yield [`${path}/${name}`, contents(node)];
    }
  }

  get openFiles(): number {
    return this.#open.size;
  }

  stat(path: string): Stat {
    return stat(this.#find(path));
  }
  lstat(path: string): Stat {
    return this.stat(path);
  }
  fstat(fd: number): Stat {
    return stat(this.#fd(fd).file);
  }
  exists(path: string): boolean {
    try {
      this.#find(path);
      return true;
    } catch {
      return false;
    }
  }
  readDir(path: string): string[] {
    return [...this.#folder(path, "readdir").names.keys()];
  }

  open(path: string, options: OpenOptions = {}): number {
    const [folder, name] = this.#parent(path);
    let node = folder.names.get(name);
    if (node && options.exclusive) throw new OsError("EEXIST", "open", path);
    if (!node) {
      if (!options.create) throw new OsError("ENOENT", "open", path);
      this.#operation();
      node = { kind: "file", bytes: new Uint8Array(0), size: 0, durable: new Uint8Array(0), nlink: 1 };
      folder.names.set(name, node);
    }
    if (node.kind !== "file") throw new OsError("EISDIR", "open", path);
    if (options.truncate) node.size = 0;
    const fd = this.#nextFd++;
    this.#open.set(fd, { file: node, position: 0, append: options.append ?? false });
    return fd;
  }
  close(fd: number): void {
    this.#fd(fd);
    this.#open.delete(fd);
  }
  pread(fd: number, into: Uint8Array, position: number): number {
    const part = contents(this.#fd(fd).file).subarray(position, position + into.length);
    into.set(part);
    return part.length;
  }
  write(fd: number, data: Uint8Array): void {
    const open = this.#fd(fd);
    if (open.append) open.position = open.file.size;
    try {
      this.#operation();
    } catch (error) {
      this.#store(open, data.subarray(0, data.length >> 1));
      throw error;
    }
    const room = Math.max(0, this.capacity - this.#used() + Math.max(0, open.file.size - open.position));
    this.#store(open, data.subarray(0, room));
    if (room < data.length) throw new OsError("ENOSPC", "write", "");
  }
  truncate(fd: number, size: number): void {
    this.#operation();
    this.#fd(fd).file.size = size;
  }
  sync(fd: number): void {
    this.#operation();
    const { file } = this.#fd(fd);
    file.durable = contents(file).slice();
  }
  syncDir(path: string): void {
    this.#operation();
    const folder = this.#folder(path, "fsync");
    folder.durable = new Map(folder.names);
  }
  dropCache(): void {}

  readFile(path: string): Uint8Array {
    const node = this.#find(path);
    if (node.kind !== "file") throw new OsError("EISDIR", "read", path);
    return contents(node).slice();
  }
  writeFile(path: string, data: Uint8Array, options: { sync?: boolean } = {}): void {
    const fd = this.open(path, { write: true, create: true, truncate: true });
    try {
      if (data.length > 0) this.write(fd, data);
      if (options.sync) this.sync(fd);
    } finally {
      this.close(fd);
    }
  }

  mkdir(path: string): void {
    const [folder, name] = this.#parent(path);
    if (folder.names.has(name)) throw new OsError("EEXIST", "mkdir", path);
    this.#operation();
    folder.names.set(name, newFolder());
  }
  mkdirAll(path: string): void {
    let at = "";
    for (const part of path.split("/").filter(Boolean)) {
      at += `/${part}`;
      if (!this.exists(at)) this.mkdir(at);
    }
  }
  rmdir(path: string): void {
    if (this.#folder(path, "rmdir").names.size > 0) throw new OsError("ENOTEMPTY", "rmdir", path);
    this.#operation();
    const [folder, name] = this.#parent(path);
    folder.names.delete(name);
  }
  unlink(path: string): void {
    const node = this.#find(path);
    if (node.kind !== "file") throw new OsError("EISDIR", "unlink", path);
    this.#operation();
    const [folder, name] = this.#parent(path);
    folder.names.delete(name);
    node.nlink--;
  }
  rename(from: string, to: string): void {
    const node = this.#find(from);
    const [target, name] = this.#parent(to);
    const there = target.names.get(name);
    if (there?.kind === "folder" && there.names.size > 0) throw new OsError("ENOTEMPTY", "rename", to);
    this.#operation();
    const [source, oldName] = this.#parent(from);
    source.names.delete(oldName);
    target.names.set(name, node);
  }
  link(existing: string, path: string): void {
    const node = this.#find(existing);
    const [folder, name] = this.#parent(path);
    if (node.kind !== "file") throw new OsError("EPERM", "link", path);
    this.#operation();
    folder.names.set(name, node);
    node.nlink++;
  }
  freeSpace(): number {
    return this.claimedFreeSpace ?? Math.max(0, this.capacity - this.#used());
  }

  #operation(): void {
    if (this.operations >= this.failAt) throw new PowerLoss();
    this.operations++;
  }
  #used(): number {
    let used = 0;
    for (const [, bytes] of this.everyFile()) used += bytes.length;
    return used;
  }
  #store(open: { file: FileNode; position: number }, data: Uint8Array): void {
    const { file } = open;
    const end = open.position + data.length;
    if (end > file.bytes.length) {
      const larger = new Uint8Array(2 * end);
      larger.set(contents(file));
      file.bytes = larger;
    }
    file.bytes.set(data, open.position);
    open.position = end;
    file.size = Math.max(file.size, end);
  }
  #fd(fd: number): { file: FileNode; position: number; append: boolean } {
    const open = this.#open.get(fd);
    if (!open) throw new OsError("EBADF", "fd", String(fd));
    return open;
  }
  #find(path: string): MemoryNode {
    let node: MemoryNode = this.#root;
    for (const part of path.split("/").filter(Boolean)) {
      if (node.kind !== "folder") throw new OsError("ENOTDIR", "stat", path);
      const inner: MemoryNode | undefined = node.names.get(part);
      if (!inner) throw new OsError("ENOENT", "stat", path);
      node = inner;
    }
    return node;
  }
  #folder(path: string, syscall: string): FolderNode {
    const node = this.#find(path);
    if (node.kind !== "folder") throw new OsError("ENOTDIR", syscall, path);
    return node;
  }
  #parent(path: string): [FolderNode, string] {
    const slash = path.lastIndexOf("/");
    return [this.#folder(path.slice(0, slash), "open"), path.slice(slash + 1)];
  }
}

function stat(node: MemoryNode): Stat {
  const file = node.kind === "file";
  return {
    mode: file ? S_IFREG | 0o600 : S_IFDIR | 0o700,
    dev: 1,
    ino: 1n,
    nlink: file ? node.nlink : 2,
    uid: 0,
    gid: 0,
    rdev: 0,
    size: file ? node.size : 0,
    blocks: 0,
    mtimeNs: 0n,
    atimeNs: 0n,
    ctimeNs: 0n,
    birthtimeNs: null,
  };
}

/** What is left of `node`; a file with two names stays one file. */
function survivors(node: MemoryNode, kind: CrashKind, seen: Map<FileNode, FileNode>): MemoryNode {
  if (node.kind === "file") {
    const before = seen.get(node);
    if (before) return before;
    const bytes = survivingBytes(node, kind);
    const file: FileNode = {
      kind: "file",
      bytes,
      size: bytes.length,
      durable: bytes.slice(),
      nlink: node.nlink,
    };
    seen.set(node, file);
    return file;
  }
  const after = newFolder();
  for (const name of new Set([...node.names.keys(), ...node.durable.keys()])) {
    const live = kind === "everything" || (kind !== "durable" && kind() < 0.5);
    const inner = (live ? node.names : node.durable).get(name);
    if (inner) after.names.set(name, survivors(inner, kind, seen));
  }
  after.durable = new Map(after.names);
  return after;
}

function survivingBytes(file: FileNode, kind: CrashKind): Uint8Array {
  const live = contents(file);
  if (kind === "everything") return live.slice();
  if (kind === "durable") return file.durable.slice();
  // Beyond what was synced any length may have come through, and the last of it may be zeros.
  const length = file.durable.length +
    Math.floor(kind() * (Math.max(0, live.length - file.durable.length) + 1));
  const bytes = live.slice(0, length);
  if (kind() < 0.3) bytes.fill(0, file.durable.length + ((length - file.durable.length) >> 1));
  return bytes.length < file.durable.length ? file.durable.slice() : bytes;
}
