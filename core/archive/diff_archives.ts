/**
 * Two archives side by side: items of the same path are brought together and compared, in borg's order of telling. Both
 * item streams are walked at the same time; an item whose packed form is the same in both is known as equal without being
 * decoded, so that what did not change costs next to nothing.
 */
import type { Archive } from "./archive.ts";
import { fetchContents } from "./extract.ts";
import type { ChunkEntry, Item } from "./item.ts";
import { type Change, itemChanges, type ItemDiffOptions, sameId, sameItem } from "./item_diff.ts";
import type { ItemStream } from "./items_reader.ts";
import { FIELD, ItemView, VIEW_SLACK } from "./item_view.ts";

export interface ArchiveDiffOptions extends ItemDiffOptions {
  /** Which paths; absent: all. Asked in the order of the items. */
  select?: (path: string) => boolean;
  /** Compare the parts that checkpoints cut files into, too. */
  parts: boolean;
  /** A further name of a file whose first name is not among what is compared. */
  onLostLink(path: string, source: string): void;
  /** Called now and then. */
  breathe(): void | Promise<void>;
}

/** A path at which the archives differ, and the items that were compared: null where there is none. */
export interface PathDiff {
  readonly path: string;
  readonly changes: readonly Change[];
  readonly from: Item | null;
  readonly to: Item | null;
}

const TYPE = 0o170000;
/** Types of which a file can have several names. */
const LINKABLE: ReadonlySet<number> = new Set([0o100000, 0o060000, 0o020000, 0o010000]);
const linkable = (mode: number): boolean => LINKABLE.has(mode & TYPE);

type Seen = ItemView | Item;
/** An item in memory of its own: packed, where it came packed. */
type Kept = Uint8Array | Item;

/** Names of what is compared, where not both are there. */
type Pair = readonly [Item | null, Item | null];

/** The items of one archive, one by one. What it gives is valid until the next is asked for. */
class Cursor {
  readonly #source: AsyncIterator<ItemStream>;
  #stream: ItemStream | null = null;

  constructor(archive: Archive, private readonly options: ArchiveDiffOptions) {
    this.#source = archive.stream()[Symbol.asyncIterator]();
  }

  /** The next item that is wanted; null: at the end. */
  next(): Seen | null | Promise<Seen | null> {
    for (let item = this.#stream?.next() ?? null; item !== null; item = this.#stream!.next()) {
      if (this.#wanted(item)) return item;
    }
    return this.#more();
  }

  async #more(): Promise<Seen | null> {
    const { value, done } = await this.#source.next();
    this.#stream = done ? null : value;
    return done ? null : await this.next();
  }

  #wanted(item: Seen): boolean {
    const { parts, select } = this.options;
    if (!parts && (item instanceof ItemView ? item.has(FIELD.part) : item.part !== undefined)) return false;
    return select === undefined || select(pathOf(item));
  }
}

const pathOf = (item: Seen): string => item instanceof ItemView ? item.text(FIELD.path)! : item.path;
const itemOf = (item: Seen): Item => item instanceof ItemView ? item.item() : item;

function keep(item: Seen): Kept {
  if (item instanceof ItemView) return item.bytes.slice(item.start, item.end + VIEW_SLACK);
  // Its ids are views of the stream's memory.
  return item.chunks
    ? { ...item, chunks: item.chunks.map((chunk) => ({ ...chunk, id: ownId(chunk) })) }
    : item;
}

const ownId = (chunk: ChunkEntry): ChunkEntry["id"] => chunk.id.slice() as ChunkEntry["id"];

function unkeep(kept: Kept): Seen {
  if (!(kept instanceof Uint8Array)) return kept;
  const view = new ItemView();
  view.read(kept, 0, kept.length - VIEW_SLACK);
  return view;
}

/** Whether both are packed to the same bytes. */
function samePacked(a: Seen, b: Seen): boolean {
  if (!(a instanceof ItemView) || !(b instanceof ItemView)) return false;
  const length = a.end - a.start;
  if (b.end - b.start !== length) return false;
  const [x, y] = [a.bytes, b.bytes];
  for (let i = a.start, j = b.start; i < a.end; i++, j++) if (x[i] !== y[j]) return false;
  return true;
}

function samePath(a: Seen, b: Seen): boolean {
  if (!(a instanceof ItemView) || !(b instanceof ItemView)) return pathOf(a) === pathOf(b);
  const length = a.textLength(FIELD.path);
  if (length !== b.textLength(FIELD.path)) return false;
  const [i, j] = [a.textStart(FIELD.path), b.textStart(FIELD.path)];
  for (let k = length - 1; k >= 0; k--) if (a.bytes[i + k] !== b.bytes[j + k]) return false;
  return true;
}

/** Walks both archives and yields what differs. Throws the repository's trouble. */
export class ArchiveDiff {
  /** For files with several names: what each archive has under the first of them. */
  readonly #firstNames = new Map<string, Pair>();
  /** Further names that came before the first. */
  readonly #deferred: Pair[] = [];

  constructor(
    private readonly from: Archive,
    private readonly to: Archive,
    private readonly options: ArchiveDiffOptions,
  ) {}

  async *run(): AsyncGenerator<PathDiff> {
    this.from.store.preload?.(alternately(this.from.meta.items, this.to.meta.items));
    const [olds, news] = [new Cursor(this.from, this.options), new Cursor(this.to, this.options)];
    /** Items whose counterpart has not been met, by path. */
    const [gone, come] = [new Map<string, Kept>(), new Map<string, Kept>()];
    for (let steps = 1;; steps++) {
      let a = olds.next();
      if (a instanceof Promise) a = await a;
      let b = news.next();
      if (b instanceof Promise) b = await b;
      if (a === null && b === null) break;
      if (steps % 1024 === 0) await this.options.breathe();
      if (a !== null && b !== null && samePath(a, b)) {
        const found = this.#meet(a, b);
        if (found) yield* this.#tell(found);
        continue;
      }
      if (a !== null) {
        const path = pathOf(a);
        const other = come.get(path);
        if (other === undefined) gone.set(path, keep(a));
        else {
          come.delete(path);
          const found = this.#meet(a, unkeep(other));
          if (found) yield* this.#tell(found);
        }
      }
      if (b !== null) {
        const path = pathOf(b);
        const other = gone.get(path);
        if (other === undefined) come.set(path, keep(b));
        else {
          gone.delete(path);
          const found = this.#meet(unkeep(other), b);
          if (found) yield* this.#tell(found);
        }
      }
    }
    yield* this.#alone(come, (item) => [null, item]);
    yield* this.#alone(gone, (item) => [item, null]);
    yield* this.#late();
  }

  /** What is in one of the archives only. */
  async *#alone(items: Map<string, Kept>, pair: (item: Item) => Pair): AsyncGenerator<PathDiff> {
    for (const kept of items.values()) {
      const both = pair(itemOf(unkeep(kept)));
      this.#noteFirstName(both);
      yield* this.#tell(both);
    }
  }

  async *#late(): AsyncGenerator<PathDiff> {
    for (const pair of this.#deferred) {
      const lost = pair.filter((item) => !this.#firstNameSeen(item!));
      for (const item of lost) this.options.onLostLink(item!.path, item!.source!);
      if (lost.length === 0) yield* this.#tell(pair);
    }
  }

  /** Two items of one path: the pair, where it is to be compared now. */
  #meet(a: Seen, b: Seen): Pair | null {
    const equal = samePacked(a, b);
    if (equal && a instanceof ItemView && !linkable(a.integer(FIELD.mode))) return null;
    // Nearly all files have but one name, and say so.
    if (equal && a instanceof ItemView && isSingle(a)) return null;
    const pair: Pair = [itemOf(a), itemOf(b)];
    const isFirst = this.#noteFirstName(pair, () => [itemOf(unkeep(keep(a))), itemOf(unkeep(keep(b)))]);
    if (equal && isFirst) return null;
    if (pair.every((item) => this.#firstNameSeen(item!))) return pair;
    this.#deferred.push([itemOf(unkeep(keep(a))), itemOf(unkeep(keep(b)))]);
    return null;
  }

  /** Remembers the pair where one of it may have further names; `own` gives it in memory of its own. */
  #noteFirstName(pair: Pair, own: () => Pair = () => pair): boolean {
    if (!pair.some((item) => item !== null && isFirstName(item))) return false;
    this.#firstNames.set((pair[0] ?? pair[1]!).path, own());
    return true;
  }

  #firstNameSeen(item: Item): boolean {
    return item.source === undefined || !linkable(item.mode) || this.#firstNames.has(item.source);
  }

  /** Further names stand for what the first one is. */
  #contentsOf(pair: Pair, side: 0 | 1): Item | null {
    const item = pair[side];
    if (item === null || item.source === undefined || !linkable(item.mode)) return item;
    const first = this.#firstNames.get(item.source);
    return first === undefined ? item : first[side];
  }

  async *#tell(pair: Pair): AsyncGenerator<PathDiff> {
    const { path } = (pair[0] ?? pair[1])!;
    const [from, to] = [this.#contentsOf(pair, 0), this.#contentsOf(pair, 1)];
    let same = sameItem(from, to, this.options);
    if (same === "contents") same = await this.#sameContents(from!.chunks!, to!.chunks!);
    if (!same) yield { path, changes: itemChanges(from, to, this.options), from, to };
  }

  /** Compares what two lists of chunks, cut at different places, hold. Both are of the same length in bytes. */
  async #sameContents(a: readonly ChunkEntry[], b: readonly ChunkEntry[]): Promise<boolean> {
    let head = 0;
    const shorter = Math.min(a.length, b.length);
    while (head < shorter && sameId(a[head]!.id, b[head]!.id)) head++;
    let tail = 0;
    while (tail < shorter - head && sameId(a[a.length - 1 - tail]!.id, b[b.length - 1 - tail]!.id)) tail++;
    const [olds, news] = [
      pieces(this.from, a.slice(head, a.length - tail)),
      pieces(this.to, b.slice(head, b.length - tail)),
    ];
    try {
      return await samePieces(olds, news);
    } finally {
      await olds.return(undefined);
      await news.return(undefined);
    }
  }
}

function* alternately<T>(as: readonly T[], bs: readonly T[]): Generator<T> {
  for (let i = 0; i < Math.max(as.length, bs.length); i++) {
    if (i < as.length) yield as[i]!;
    if (i < bs.length) yield bs[i]!;
  }
}

/** Surely the only name of its file. */
function isSingle(view: ItemView): boolean {
  return !view.has(FIELD.source) && view.flag(FIELD.hardlink_master) === false;
}

function isFirstName(item: Item): boolean {
  return item.hardlink_master !== false && item.source === undefined && linkable(item.mode);
}

/** The contents in memory of their own: the other side is opened meanwhile. */
async function* pieces(archive: Archive, chunks: readonly ChunkEntry[]): AsyncGenerator<Uint8Array> {
  for await (const piece of fetchContents(archive.store, archive.codec, chunks)) yield piece.slice();
}

async function samePieces(as: AsyncIterator<Uint8Array>, bs: AsyncIterator<Uint8Array>): Promise<boolean> {
  let a = new Uint8Array(0);
  let b = new Uint8Array(0);
  for (;;) {
    if (a.length === 0) {
      const next = await as.next();
      if (next.done) return b.length === 0 && (await bs.next()).done === true;
      a = next.value as Uint8Array<ArrayBuffer>;
    }
    if (b.length === 0) {
      const next = await bs.next();
      if (next.done) return a.length === 0 && (await as.next()).done === true;
      b = next.value as Uint8Array<ArrayBuffer>;
    }
    const length = Math.min(a.length, b.length);
    for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
    a = a.subarray(length);
    b = b.subarray(length);
  }
}
