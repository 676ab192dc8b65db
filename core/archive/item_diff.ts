/**
 * What is different between two items of one path (borg docs, usage/diff). In: an item of each archive, null where there is
 * none. Out: the changes, in the order in which borg tells them.
 */
import { type ChunkEntry, type Item, itemSize } from "./item.ts";
import { hexOfId } from "../bytes/mod.ts";

/** What comes and goes as a whole. */
export type Presence = "link" | "directory" | "blkdev" | "chrdev" | "fifo";

/** Sizes in bytes, times in nanoseconds since 1970. */
export type Change =
  | { readonly type: "added" | "removed"; readonly size: number }
  | { readonly type: "added" | "removed"; readonly what: Presence }
  | { readonly type: "changed link" }
  /** `added` and `removed` are those of the chunks; absent where chunks cannot be compared. */
  | { readonly type: "modified"; readonly added?: number; readonly removed?: number }
  | { readonly type: "owner"; readonly from: Owner; readonly to: Owner }
  | { readonly type: "mode"; readonly from: number; readonly to: number }
  | { readonly type: "ctime" | "mtime"; readonly from: bigint; readonly to: bigint };

export interface Owner {
  readonly user: string | null;
  readonly group: string | null;
}

export interface ItemDiffOptions {
  /** Both archives cut files in the same way: equal contents are equal chunks. */
  sameChunks: boolean;
  /** Owners, modes and times do not count. */
  contentOnly: boolean;
}

const TYPE = 0o170000;
const SYMLINK = 0o120000;
const PRESENCES: readonly (readonly [Presence, number])[] = [
  ["directory", 0o040000],
  ["blkdev", 0o060000],
  ["chrdev", 0o020000],
  ["fifo", 0o010000],
];
const NO_CHUNKS: readonly ChunkEntry[] = [];

const isOf = (item: Item | null, type: number): boolean => item !== null && (item.mode & TYPE) === type;
/** Something that is not there has no chunks, but a list of them. */
const chunksOf = (item: Item | null): readonly ChunkEntry[] | undefined =>
  item === null ? NO_CHUNKS : item.chunks;

/**
 * Whether the two are the same, as far as that can be said without reading contents; "contents" where these decide: both
 * have chunks, cut in different ways, and sizes are the same.
 */
export function sameItem(a: Item | null, b: Item | null, options: ItemDiffOptions): boolean | "contents" {
  if (a === null && b === null) return true;
  if (a === null || b === null || a.source !== b.source) return false;
  if (!options.contentOnly) {
    if (a.mode !== b.mode || a.ctime !== b.ctime || a.mtime !== b.mtime) return false;
    if (a.user !== b.user || a.group !== b.group) return false;
  }
  if (a.chunks === undefined || b.chunks === undefined) return true;
  if (options.sameChunks) return sameChunkLists(a.chunks, b.chunks);
  return itemSize(a) === itemSize(b) ? "contents" : false;
}

/** Stored sizes count too, as with borg: a file that was compressed in another way is told of, without a change. */
function sameChunkLists(a: readonly ChunkEntry[], b: readonly ChunkEntry[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (x.size !== y.size || x.csize !== y.csize || !sameId(x.id, y.id)) return false;
  }
  return true;
}

export function sameId(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The changes from `a` to `b`. That contents are "modified" is also said where nothing was added or removed. */
export function itemChanges(a: Item | null, b: Item | null, options: ItemDiffOptions): Change[] {
  const changes: Change[] = [];
  if (isOf(a, SYMLINK) || isOf(b, SYMLINK)) {
    if (a === null || b === null) changes.push({ type: a === null ? "added" : "removed", what: "link" });
    else if (a.source !== undefined && b.source !== undefined && a.source !== b.source) {
      changes.push({ type: "changed link" });
    }
  }
  const content = contentChange(a, b, options);
  if (content) changes.push(content);
  for (const [what, type] of PRESENCES) {
    if (isOf(a, type) && b === null) changes.push({ type: "removed", what });
    if (isOf(b, type) && a === null) changes.push({ type: "added", what });
  }
  if (a !== null && b !== null && !options.contentOnly) metaChanges(a, b, changes);
  return changes;
}

function contentChange(a: Item | null, b: Item | null, options: ItemDiffOptions): Change | null {
  const [from, to] = [chunksOf(a), chunksOf(b)];
  if (from === undefined || to === undefined) return null;
  if (a === null) return b === null ? null : { type: "added", size: itemSize(b) };
  if (b === null) return { type: "removed", size: itemSize(a) };
  if (!options.sameChunks) return { type: "modified" };
  return { type: "modified", added: sizeOfOthers(to, from), removed: sizeOfOthers(from, to) };
}

/** Bytes of those of `chunks` that are not among `others`. */
function sizeOfOthers(chunks: readonly ChunkEntry[], others: readonly ChunkEntry[]): number {
  if (chunks.length === 0) return 0;
  const known = new Set(others.map((chunk) => hexOfId(chunk.id)));
  let size = 0;
  for (const chunk of chunks) if (!known.has(hexOfId(chunk.id))) size += chunk.size;
  return size;
}

function metaChanges(a: Item, b: Item, changes: Change[]): void {
  if (a.user !== b.user || a.group !== b.group) {
    changes.push({ type: "owner", from: ownerOf(a), to: ownerOf(b) });
  }
  if (a.mode !== b.mode) changes.push({ type: "mode", from: a.mode, to: b.mode });
  for (const type of ["ctime", "mtime"] as const) {
    const [from, to] = [a[type], b[type]];
    if (from !== undefined && to !== undefined && from !== to) changes.push({ type, from, to });
  }
}

const ownerOf = ({ user, group }: Item): Owner => ({ user, group });
