/** Where many objects lie in the log, so that they are gone through from front to back. In: ids. Out: their order. */
import { ID_LENGTH } from "../bytes/mod.ts";
import type { StoreIndex } from "./store_index.ts";

/** Two entries are at least 41 bytes apart: their offsets differ in units of 32 bytes, too. */
const OFFSET_UNIT = 32;
/** More entries than a segment of 2^32 bytes holds; times 2^27 units of offset it is a whole number that a double can be. */
const MAX_ENTRIES = 2 ** 26;

/** Numbers of those of the packed `ids` that are in `index`, by segment and offset. Takes 24 bytes of memory for each. */
export function logOrder(index: StoreIndex, ids: Uint8Array): Uint32Array {
  const count = ids.length / ID_LENGTH;
  const places = new Uint32Array(2 * count);
  const starts = new Map<number, number>();
  for (let n = 0; n < count; n++) {
    const slot = index.find(ids.subarray(n * ID_LENGTH, (n + 1) * ID_LENGTH));
    if (slot < 0) {
      places[2 * n] = ABSENT;
      continue;
    }
    const segment = index.segment(slot);
    places[2 * n] = segment;
    places[2 * n + 1] = index.offset(slot);
    starts.set(segment, (starts.get(segment) ?? 0) + 1);
  }
  let total = 0;
  for (const segment of [...starts.keys()].sort((a, b) => a - b)) {
    const entries = starts.get(segment)!;
    starts.set(segment, total);
    total += entries;
  }
  return sortEach(distribute(places, starts, total), places, starts);
}

/** Not a segment: such numbers mark free buckets of the index. */
const ABSENT = 0xffffffff;

/** The numbers of all entries, those of each segment together, in the order they came. */
function distribute(places: Uint32Array, starts: ReadonlyMap<number, number>, total: number): Uint32Array {
  const numbers = new Uint32Array(total);
  const ends = new Map(starts);
  for (let n = 0; 2 * n < places.length; n++) {
    const segment = places[2 * n]!;
    if (segment === ABSENT) continue;
    const at = ends.get(segment)!;
    ends.set(segment, at + 1);
    numbers[at] = n;
  }
  return numbers;
}

/** Sorts the entries of each segment by offset. */
function sortEach(
  numbers: Uint32Array,
  places: Uint32Array,
  starts: ReadonlyMap<number, number>,
): Uint32Array {
  const bounds = [...starts.values(), numbers.length].sort((a, b) => a - b);
  for (const [i, start] of bounds.slice(0, -1).entries()) {
    const part = numbers.subarray(start, bounds[i + 1]);
    // Offset and position in one number: typed arrays sort fast without a function that compares.
    const keys = Float64Array.from(part, (number, at) => {
      return Math.floor(places[2 * number + 1]! / OFFSET_UNIT) * MAX_ENTRIES + at;
    }).sort();
    part.set(Uint32Array.from(keys, (key) => part[key % MAX_ENTRIES]!));
  }
  return numbers;
}
