/**
 * Which segments still hold a PUT that a later DELETE or PUT of the same id made void. Compaction may drop a DELETE only
 * when no older PUT is left that it shadows; without this an object deleted long ago would come back (borg issues 5661
 * and 6687). Persisted in `hints.N`, in the order of first insertion, as borg's dictionaries keep it.
 *
 * Every object deleted since the last compaction is in here, so it is packed: records of id and segment in the order of
 * insertion, and an open-addressing table of record numbers, at most two thirds full: 42 to 48 bytes an id. (A Map of
 * strings takes three times that and ends at 2^24 entries.)
 */
import { ID_LENGTH } from "../bytes/mod.ts";

const ID_WORDS = ID_LENGTH / 4;
/** Records come in blocks, so that growth copies nothing but the table. */
const BLOCK_SHIFT = 13;
const BLOCK_RECORDS = 1 << BLOCK_SHIFT;
const MIN_SLOTS = 1 << 10;
const MAX_SLOTS = 2 ** 30;

/** What a record has in place of a segment, which is below 0xfffffffe (the marks of the store's index). */
const SEVERAL = 0xffffffff;
const REMOVED = 0xfffffffe;
/** All that a compaction has passed and not yet dropped are so: no list for each. */
const NONE = 0xfffffffd;

/** A slot without a record; others hold the number of the record plus 1. */
const FREE = 0;

export class ShadowIndex {
  #ids: Uint32Array[] = [];
  #segments: Uint32Array[] = [];
  /** Records so far, removed ones too. */
  #records = 0;
  #removed = 0;
  #slots = new Uint32Array(MIN_SLOTS);
  /** Lists of the records that hold several segments: few, of objects that are replaced again and again. */
  readonly #lists = new Map<number, number[]>();
  readonly #wanted = new Uint32Array(ID_WORDS);
  readonly #wantedBytes = new Uint8Array(this.#wanted.buffer);

  get size(): number {
    return this.#records - this.#removed;
  }

  /** Records that `segment` holds a void PUT of `id`. */
  add(id: Uint8Array, segment: number): void {
    const record = this.#find(id);
    if (record < 0) return this.#insert([segment]);
    const list = this.#list(record);
    list.push(segment);
    this.#store(record, list);
  }

  /** Replaces all that is recorded of `id`; an empty list is a record, too. */
  put(id: Uint8Array, segments: number[]): void {
    const record = this.#find(id);
    if (record < 0) this.#insert(segments);
    else this.#store(record, segments);
  }

  /** The segments recorded for `id`, null if nothing ever was. */
  get(id: Uint8Array): readonly number[] | null {
    const record = this.#find(id);
    return record < 0 ? null : this.#list(record);
  }

  /** Forgets one record of `segment`; the id stays known, with an empty list if need be. */
  removeSegment(id: Uint8Array, segment: number): void {
    const record = this.#find(id);
    if (record < 0) return;
    if (segment < NONE && this.#segment(record) === segment) return this.#setSegment(record, NONE);
    const list = this.#list(record);
    const at = list.indexOf(segment);
    if (at < 0) return;
    list.splice(at, 1);
    this.#store(record, list);
  }

  /** Forgets `id` if no segment is recorded for it. */
  dropIfEmpty(id: Uint8Array): void {
    const record = this.#find(id);
    if (record < 0 || this.#segment(record) !== NONE) return;
    // The slot stays taken, so that searches go on past it, until the next time the table is made anew.
    this.#setSegment(record, REMOVED);
    this.#removed++;
  }

  /** Forgets all records of segments after `last`. */
  dropAfter(last: number): void {
    for (let record = 0; record < this.#records; record++) {
      const segment = this.#segment(record);
      if (segment === REMOVED || (segment !== SEVERAL && segment <= last)) continue;
      const list = this.#list(record);
      if (list.some((segment) => segment > last)) {
        this.#store(record, list.filter((segment) => segment <= last));
      }
    }
  }

  /** Calls `visit` with every id (one buffer, reused) and its segments, in order. */
  forEach(visit: (id: Uint8Array, segments: readonly number[]) => void): void {
    const one = [0];
    for (let record = 0; record < this.#records; record++) {
      const segment = this.#segment(record);
      if (segment === REMOVED) continue;
      this.#copyId(record);
      one[0] = segment;
      visit(this.#wantedBytes, segment < NONE ? one : this.#list(record));
    }
  }

  #segment(record: number): number {
    return this.#segments[record >> BLOCK_SHIFT]![record & (BLOCK_RECORDS - 1)]!;
  }

  #setSegment(record: number, segment: number): void {
    this.#segments[record >> BLOCK_SHIFT]![record & (BLOCK_RECORDS - 1)] = segment;
  }

  #list(record: number): number[] {
    const segment = this.#segment(record);
    return segment < NONE ? [segment] : segment === NONE ? [] : this.#lists.get(record)!;
  }

  #store(record: number, segments: number[]): void {
    // Of no use to anybody, but kept, is what is not a segment and came out of a file.
    const plain = segments.length === 0 ||
      (segments.length === 1 && segments[0]! >= 0 && segments[0]! < NONE);
    if (plain) this.#lists.delete(record);
    else this.#lists.set(record, segments);
    this.#setSegment(record, plain ? segments[0] ?? NONE : SEVERAL);
  }

  /** The record of `id`, -1 where there is none; `#wanted` is the id afterwards. */
  #find(id: Uint8Array): number {
    this.#wantedBytes.set(id);
    const wanted = this.#wanted;
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = home(wanted, 0) & mask;; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (entry === FREE) return -1;
      const record = entry - 1;
      const block = this.#ids[record >> BLOCK_SHIFT]!;
      const at = (record & (BLOCK_RECORDS - 1)) * ID_WORDS;
      let i = 0;
      while (i < ID_WORDS && block[at + i] === wanted[i]) i++;
      if (i === ID_WORDS && this.#segment(record) !== REMOVED) return record;
    }
  }

  /** A new record of the id that was looked for last. */
  #insert(segments: number[]): void {
    if (3 * (this.#records + 1) > 2 * this.#slots.length) this.#remake();
    const record = this.#records++;
    if (record >> BLOCK_SHIFT === this.#ids.length) {
      this.#ids.push(new Uint32Array(BLOCK_RECORDS * ID_WORDS));
      this.#segments.push(new Uint32Array(BLOCK_RECORDS));
    }
    this.#ids[record >> BLOCK_SHIFT]!.set(this.#wanted, (record & (BLOCK_RECORDS - 1)) * ID_WORDS);
    this.#store(record, segments);
    this.#enter(record);
  }

  /** Enters a record into the first free slot from its home on. */
  #enter(record: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const at = (record & (BLOCK_RECORDS - 1)) * ID_WORDS;
    let slot = home(this.#ids[record >> BLOCK_SHIFT]!, at) & mask;
    while (slots[slot] !== FREE) slot = (slot + 1) & mask;
    slots[slot] = record + 1;
  }

  /** Makes the table anew: where half of the records are gone, without these, else twice as large. */
  #remake(): void {
    let size = this.#slots.length;
    if (2 * this.#removed > this.#records) this.#squeeze();
    else if ((size *= 2) > MAX_SLOTS) throw new RangeError("Cannot keep a shadow index of so many objects");
    this.#slots = new Uint32Array(size);
    for (let record = 0; record < this.#records; record++) {
      if (this.#segment(record) !== REMOVED) this.#enter(record);
    }
  }

  /** Moves all records together, in order. */
  #squeeze(): void {
    const old = { ids: this.#ids, segments: this.#segments, records: this.#records };
    this.#ids = [];
    this.#segments = [];
    let to = 0;
    for (let from = 0; from < old.records; from++) {
      const block = from >> BLOCK_SHIFT;
      const at = from & (BLOCK_RECORDS - 1);
      const segment = old.segments[block]![at]!;
      if (segment === REMOVED) continue;
      if (to >> BLOCK_SHIFT === this.#ids.length) {
        this.#ids.push(new Uint32Array(BLOCK_RECORDS * ID_WORDS));
        this.#segments.push(new Uint32Array(BLOCK_RECORDS));
      }
      const into = to & (BLOCK_RECORDS - 1);
      this.#ids.at(-1)!.set(old.ids[block]!.subarray(at * ID_WORDS, (at + 1) * ID_WORDS), into * ID_WORDS);
      this.#segments.at(-1)![into] = segment;
      const list = this.#lists.get(from);
      if (list) {
        // Never in the way of another: `to` is `from` or a record that was moved already.
        this.#lists.delete(from);
        this.#lists.set(to, list);
      }
      to++;
    }
    this.#records = to;
    this.#removed = 0;
  }

  #copyId(record: number): void {
    const at = (record & (BLOCK_RECORDS - 1)) * ID_WORDS;
    const block = this.#ids[record >> BLOCK_SHIFT]!;
    for (let i = 0; i < ID_WORDS; i++) this.#wanted[i] = block[at + i]!;
  }
}

/** Where the search for an id begins. Ids are hashes; in those of tests, too, the first or the last word tells them apart. */
function home(words: Uint32Array, at: number): number {
  const mixed = Math.imul(words[at]! ^ (words[at + ID_WORDS - 1]! * 3), 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
