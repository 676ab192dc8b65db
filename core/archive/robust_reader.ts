/**
 * Reads the item stream of an archive that may be damaged: what is missing or unreadable is reported and skipped, and
 * reading starts again at the next thing that looks like an item (borg docs, usage/check, "repair").
 */
import {
  concatBytes,
  encodeText,
  MsgpackError,
  MsgpackReader,
  MsgpackTruncated,
  type Unpacked,
  type UnpackedMap,
} from "../bytes/mod.ts";
import { decodeItem, type Item, ITEM_KEYS } from "./item.ts";
import { CUT_OFF, FIELD, ItemView } from "./item_view.ts";
import { PieceBuffer } from "./items_reader.ts";

/** A piece of the stream: the plain bytes of a chunk, or null where it cannot be had. */
export type Piece = Uint8Array | null;

export class RobustItemReader {
  #buffer = new PieceBuffer(true);
  readonly #view = new ItemView();
  #lost = false;
  readonly #firstKeys: readonly Uint8Array[];
  /** Numbers of the keys that we know and the manifest does not. */
  readonly #foreign: readonly number[];

  /**
   * `itemKeys`: every key an item may have. `report` is told what is wrong, once for each piece or item.
   */
  constructor(
    private readonly itemKeys: ReadonlySet<string>,
    private readonly report: (what: string) => void,
  ) {
    this.#firstKeys = [...itemKeys].map((key) => {
      const text = encodeText(key);
      return concatBytes(Uint8Array.of(0xa0 | text.length), text);
    });
    this.#foreign = ITEM_KEYS.filter((key) => !itemKeys.has(key)).map((key) => FIELD[key]);
  }

  /**
   * Items that are complete after `piece`; their ids and attributes are valid until the next call. Those that `done` says
   * true of are left out: looking at a view costs much less than making an object.
   */
  push(piece: Piece, done: (view: ItemView) => boolean = () => false): Item[] {
    if (piece === null) {
      this.#buffer = new PieceBuffer(true);
      this.#lost = true;
      return [];
    }
    const buffer = this.#buffer;
    buffer.push(piece);
    const bytes = buffer.rest;
    const reader = new MsgpackReader(bytes, true);
    const items: Item[] = [];
    while (buffer.position < buffer.limit) {
      if (this.#lost) {
        const at = this.#findItem(bytes, buffer.position);
        if (at < 0) break;
        buffer.position = at;
        this.#lost = false;
      }
      const end = this.#view.read(buffer.bytes, buffer.position, buffer.limit);
      if (end === CUT_OFF) break;
      if (end >= 0 && !this.#foreign.some((field) => this.#view.has(field))) {
        buffer.position = end;
        if (!done(this.#view)) items.push(this.#view.item());
        continue;
      }
      reader.position = buffer.position;
      let object: Unpacked;
      try {
        object = reader.read();
      } catch (error) {
        if (error instanceof MsgpackTruncated) break;
        if (!(error instanceof MsgpackError)) throw error;
        this.report("item metadata cannot be decoded, looking for the next item");
        this.#lost = true;
        buffer.position++;
        continue;
      }
      buffer.position = reader.position;
      const item = this.#valid(object);
      if (item) items.push(item);
    }
    return items;
  }

  /** Bytes left over at the end of the stream are an item cut short. */
  end(): void {
    if (this.#buffer.position < this.#buffer.limit && !this.#lost) {
      this.report("the item metadata ends within an item");
    }
  }

  /** Offset of the first position from `from` on where a whole valid item stands, or -1. */
  #findItem(buffer: Uint8Array, from: number): number {
    for (let at = from; at < buffer.length; at++) {
      if (!this.#looksLikeItem(buffer, at)) continue;
      const reader = new MsgpackReader(buffer);
      reader.position = at;
      try {
        const object = reader.read();
        if (object instanceof Map && object.get("path") instanceof Uint8Array) return at;
      } catch (error) {
        if (!(error instanceof MsgpackError)) throw error;
      }
    }
    return -1;
  }

  /** A map (up to 15 keys, or up to 65,535) whose first key is one of an item. */
  #looksLikeItem(buffer: Uint8Array, at: number): boolean {
    const type = buffer[at]!;
    const start = (type & 0xf0) === 0x80 ? at + 1 : type === 0xde ? at + 3 : -1;
    if (start < 0) return false;
    return this.#firstKeys.some((key) => key.every((byte, i) => buffer[start + i] === byte));
  }

  #valid(object: Unpacked): Item | null {
    if (!(object instanceof Map)) {
      this.report("item metadata is not a map");
      return null;
    }
    const map: UnpackedMap = object;
    map.delete("acl");
    const foreign = [...map.keys()].filter((key) => !this.itemKeys.has(String(key)));
    if (foreign.length > 0) {
      this.report(`item metadata has unknown keys: ${foreign.join(", ")}`);
      return null;
    }
    try {
      return decodeItem(map);
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
      this.report(error.message);
      return null;
    }
  }
}
