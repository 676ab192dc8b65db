/**
 * MessagePack in the dialect that borg 1.x writes (the specification before 2013): one `raw` type for text and bytes
 * alike, no bin and no str8. Raw values decode to bytes; map keys decode to strings (every map of borg's formats has
 * text keys or integer keys). Maps are encoded in the order given; {@link sortedMap} gives borg's canonical order.
 * No library writes this dialect byte for byte (they write bin or str8), and chunk ids depend on the bytes.
 */
/** What can be encoded. Strings are encoded as raw UTF-8 with surrogate escapes. `number` must be an integer or is a double. */
export type Packable =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Packable[]
  | ReadonlyMap<string | number, Packable>;

/** What decoding gives. Integers are `number` where safe, else `bigint`. Map keys that are raw become strings. */
export type Unpacked = null | boolean | number | bigint | Uint8Array | Unpacked[] | UnpackedMap;
export type UnpackedMap = Map<string | number, Unpacked>;

/** Malformed, truncated or too deeply nested input. The rooms that know what was read turn it into an IntegrityError. */
export class MsgpackError extends Error {
  override readonly name = "MsgpackError";
}

/** The input ends inside an object: with more data it may be readable. */
export class MsgpackTruncated extends MsgpackError {
  constructor() {
    super("Cannot decode msgpack: data ends too early");
  }
}

/** A map of the present (not undefined) entries in the order of their keys' code points, as borg packs its dictionaries. */
export function sortedMap(entries: Record<string, Packable | undefined>): Map<string, Packable> {
  const map = new Map<string, Packable>();
  for (const key of Object.keys(entries).sort()) {
    const value = entries[key];
    if (value !== undefined) map.set(key, value);
  }
  return map;
}
