/**
 * Which segments still hold a PUT that a later DELETE or PUT of the same id made void. Compaction may drop a DELETE only
 * when no older PUT is left that it shadows; without this an object deleted long ago would come back (borg issues 5661
 * and 6687). Persisted in `hints.N`, in the order of first insertion, as borg's dictionaries keep it.
 */
import { ID_LENGTH } from "../bytes/mod.ts";

/** 32 bytes as 16 code units: half the memory of hexadecimal, and no object per id beyond the string. */
function keyOf(id: Uint8Array): string {
  let key = "";
  for (let i = 0; i < ID_LENGTH; i += 2) key += String.fromCharCode(id[i]! | (id[i + 1]! << 8));
  return key;
}

function idOf(key: string, into: Uint8Array): void {
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    into[2 * i] = unit;
    into[2 * i + 1] = unit >>> 8;
  }
}

export class ShadowIndex {
  /** One segment, by far the usual case, is kept as a plain number. */
  readonly #segments = new Map<string, number | number[]>();

  get size(): number {
    return this.#segments.size;
  }

  /** Records that `segment` holds a void PUT of `id`. */
  add(id: Uint8Array, segment: number): void {
    const key = keyOf(id);
    const now = this.#segments.get(key);
    if (now === undefined) this.#segments.set(key, segment);
    else if (typeof now === "number") this.#segments.set(key, [now, segment]);
    else now.push(segment);
  }

  /** Replaces all that is recorded of `id`; an empty list is a record, too. */
  put(id: Uint8Array, segments: number[]): void {
    this.#segments.set(keyOf(id), segments.length === 1 ? segments[0]! : segments);
  }

  /** The segments recorded for `id`, null if nothing ever was. */
  get(id: Uint8Array): readonly number[] | null {
    const now = this.#segments.get(keyOf(id));
    return now === undefined ? null : typeof now === "number" ? [now] : now;
  }

  /** Forgets one record of `segment`; the id stays known, with an empty list if need be. */
  removeSegment(id: Uint8Array, segment: number): void {
    const key = keyOf(id);
    const now = this.#segments.get(key);
    if (now === segment) this.#segments.set(key, []);
    else if (typeof now === "object") {
      const at = now.indexOf(segment);
      if (at >= 0) now.splice(at, 1);
    }
  }

  /** Forgets `id` if no segment is recorded for it. */
  dropIfEmpty(id: Uint8Array): void {
    const key = keyOf(id);
    const now = this.#segments.get(key);
    if (typeof now === "object" && now.length === 0) this.#segments.delete(key);
  }

  /** Forgets all records of segments after `last`. */
  dropAfter(last: number): void {
    for (const [key, now] of this.#segments) {
      if (typeof now === "number") {
        if (now > last) this.#segments.set(key, []);
      } else if (now.some((segment) => segment > last)) {
        this.#segments.set(key, now.filter((segment) => segment <= last));
      }
    }
  }

  /** Calls `visit` with every id (one buffer, reused) and its segments, in order. */
  forEach(visit: (id: Uint8Array, segments: readonly number[]) => void): void {
    const id = new Uint8Array(ID_LENGTH);
    for (const [key, now] of this.#segments) {
      idOf(key, id);
      visit(id, typeof now === "number" ? [now] : now);
    }
  }
}
