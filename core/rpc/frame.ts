/**
 * The messages of borg's remote protocol (borg docs, internals.rst; observed on borg 1.2 and 1.4): msgpack objects, one
 * behind the other, without lengths. Both directions are cut into objects here, whatever the pieces they arrive in.
 *
 *     request  {i: number, m: method, a: {name: value}}     before 1.1:  [1, number, method, [value …]]
 *     answer   {i: number, r: value}                         before 1.1:  [1, number, null | error class, value]
 *     error    {i: number, exception_class: …, exception_args: […], …}
 *
 * The peer is not trusted: an object that is too long, or has too many elements, ends the conversation before memory is
 * spent on it.
 */
import {
  MsgpackError,
  MsgpackReader,
  type MsgpackWriter,
  type Packable,
  type Unpacked,
  type UnpackedMap,
} from "../bytes/mod.ts";

/** Bytes of one message: the largest object (20 MiB), or a page of ids, with room for what is around it. */
export const MAX_MESSAGE_BYTES = 64 << 20;
/** Elements of one message, all levels together: the largest page of ids that anybody asks for is 100,000. */
export const MAX_MESSAGE_ELEMENTS = 1 << 20;

const INITIAL_CAPACITY = 256 << 10;
const MIN_ROOM = 64 << 10;
/** A buffer that a larger message made larger is given back when it is empty. With borg's own settings no chunk is larger. */
const KEPT_CAPACITY = 9 << 20;
/** What follows such a message is not read along with it: it would have to be moved. */
const LARGE_MESSAGE = 128 << 10;

/** Bytes after the first that belong to an object's head, by its first byte from 0xc0 on; -1 where there is no such type. */
const HEAD_BYTES = [
  0,
  -1,
  0,
  0, // nil, false, true
  1,
  2,
  4, // bin
  -1,
  -1,
  -1, // ext
  4,
  8, // floats
  1,
  2,
  4,
  8, // unsigned
  1,
  2,
  4,
  8, // signed
  -1,
  -1,
  -1,
  -1,
  -1, // fixext
  1,
  2,
  4, // raw
  2,
  4, // arrays
  2,
  4, // maps
];

/** Cuts a stream of bytes into msgpack objects. Each byte is looked at once for its length and once for its value. */
export class FrameReader {
  #buffer = new Uint8Array(INITIAL_CAPACITY);
  /** What is not yet read lies between the two. */
  #start = 0;
  #end = 0;
  /** How far the present object is known, and how many objects are still missing of it. */
  #scanned = 0;
  #missing = 1;
  #elements = 1;
  /** Bytes still missing of the value that has begun, as far as {@link next} found out. */
  #lacking = 0;

  /** With `views` what is read is views of the reader's memory, valid until the next {@link push} or {@link room}. */
  constructor(private readonly views = false) {}

  /** Bytes of an object that has begun and is not complete. */
  get pending(): number {
    return this.#end - this.#start;
  }

  /** The bytes that arrived first and are not yet a message: what a peer said that does not speak the protocol. */
  peek(length: number): Uint8Array {
    return this.#buffer.slice(this.#start, Math.min(this.#end, this.#start + length));
  }

  /** Takes a copy of what has arrived. */
  push(bytes: Uint8Array): void {
    if (bytes.length > this.#buffer.length - this.#end) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Where what arrives next may be put; {@link arrived} tells how much it was. */
  room(): Uint8Array {
    if (this.#end - this.#start + this.#lacking >= LARGE_MESSAGE && this.#lacking > 0) {
      return this.#buffer.subarray(this.#end, this.#end + this.#lacking);
    }
    if (this.#buffer.length - this.#end < MIN_ROOM) this.#makeRoom(MIN_ROOM);
    return this.#buffer.subarray(this.#end);
  }

  arrived(bytes: number): void {
    this.#end += bytes;
    this.#lacking = 0;
  }

  /** The next complete object, undefined where it has not fully arrived. Throws {@link MsgpackError}. */
  next(): Unpacked | undefined {
    if (!this.#complete()) return undefined;
    const reader = new MsgpackReader(this.#buffer.subarray(this.#start, this.#scanned), this.views);
    const value = reader.read();
    this.#start = this.#scanned;
    this.#missing = this.#elements = 1;
    if (this.#start === this.#end) {
      this.#start = this.#end = this.#scanned = 0;
      if (this.#buffer.length > KEPT_CAPACITY) this.#buffer = new Uint8Array(INITIAL_CAPACITY);
    }
    return value;
  }

  #complete(): boolean {
    const buffer = this.#buffer;
    this.#lacking = 0;
    while (this.#missing > 0) {
      const at = this.#scanned;
      if (at >= this.#end) return false;
      const type = buffer[at]!;
      const head = type < 0xc0 || type >= 0xe0 ? 0 : HEAD_BYTES[type - 0xc0]!;
      if (head < 0) throw new MsgpackError(`Cannot decode msgpack: unknown type 0x${type.toString(16)}`);
      if (at + 1 + head > this.#end) return false;
      let next = at + 1 + head;
      let children = 0;
      if (type >= 0x80 && type < 0x90) children = 2 * (type & 0x0f);
      else if (type >= 0x90 && type < 0xa0) children = type & 0x0f;
      else if (type >= 0xa0 && type < 0xc0) next += type & 0x1f;
      else if ((type >= 0xc4 && type <= 0xc6) || (type >= 0xd9 && type <= 0xdb)) {
        next += this.#number(at, head);
      } else if (type === 0xdc || type === 0xdd) children = this.#number(at, head);
      else if (type === 0xde || type === 0xdf) children = 2 * this.#number(at, head);
      this.#elements += children;
      if (next - this.#start > MAX_MESSAGE_BYTES || this.#elements > MAX_MESSAGE_ELEMENTS) {
        throw new MsgpackError("Cannot decode msgpack: the message is too large");
      }
      if (next > this.#end) {
        // Room for all of it at once, instead of by doubling.
        this.#lacking = next - this.#end;
        if (next > buffer.length) this.#makeRoom(this.#lacking);
        return false;
      }
      this.#scanned = next;
      this.#missing += children - 1;
    }
    return true;
  }

  #number(at: number, bytes: number): number {
    let value = 0;
    for (let i = 1; i <= bytes; i++) value = value * 256 + this.#buffer[at + i]!;
    return value;
  }

  #makeRoom(extra: number): void {
    const length = this.#end - this.#start;
    const needed = length + extra;
    const room = needed <= this.#buffer.length / 2
      ? this.#buffer
      : new Uint8Array(Math.max(needed, Math.min(2 * this.#buffer.length, MAX_MESSAGE_BYTES)));
    room.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = room;
    this.#scanned -= this.#start;
    this.#start = 0;
    this.#end = length;
  }
}

/** Which of the two generations of messages the peers speak: lists before borg 1.1, maps since. */
export type Dialect = "positional" | "named";

export interface RpcRequest {
  readonly dialect: Dialect;
  readonly id: number | bigint;
  readonly method: string;
  /** By name, or by position in the old dialect. */
  readonly args: ReadonlyMap<string, Unpacked> | readonly Unpacked[];
}

export interface RpcAnswer {
  readonly id: number | bigint;
  /** Where there is no error. */
  readonly result?: Unpacked;
  /** What came instead of a result: borg's map, or in the old dialect no more than the class. */
  readonly error?: UnpackedMap;
}

const text = new TextDecoder("utf-8", { fatal: false });

function isId(value: Unpacked | undefined): value is number | bigint {
  return typeof value === "number" ? Number.isInteger(value) : typeof value === "bigint";
}

/** Null where `message` is not a request. */
export function readRequest(message: Unpacked): RpcRequest | null {
  if (message instanceof Map) {
    const [id, method, args] = [message.get("i"), message.get("m"), message.get("a")];
    if (!isId(id) || !(method instanceof Uint8Array) || !(args instanceof Map)) return null;
    for (const key of args.keys()) if (typeof key !== "string") return null;
    return { dialect: "named", id, method: text.decode(method), args: args as ReadonlyMap<string, Unpacked> };
  }
  if (!Array.isArray(message) || message.length !== 4) return null;
  const [, id, method, args] = message;
  if (!isId(id) || !(method instanceof Uint8Array) || !Array.isArray(args)) return null;
  return { dialect: "positional", id, method: text.decode(method), args };
}

/** Null where `message` is not an answer. */
export function readAnswer(message: Unpacked): RpcAnswer | null {
  if (message instanceof Map) {
    const id = message.get("i");
    if (!isId(id)) return null;
    if (message.has("exception_class")) return { id, error: message };
    const result = message.get("r");
    return result === undefined ? null : { id, result };
  }
  if (!Array.isArray(message) || message.length !== 4) return null;
  const [, id, error, result] = message as [Unpacked, Unpacked, Unpacked, Unpacked];
  if (!isId(id)) return null;
  return error === null ? { id, result } : { id, error: new Map([["exception_class", error]]) };
}

/** A request as bytes; the answer is a view that is valid until the next use of `writer`. */
export function writeRequest(writer: MsgpackWriter, dialect: Dialect, request: SentRequest): Uint8Array {
  writer.reset();
  appendRequest(writer, dialect, request);
  return writer.view();
}

export interface SentRequest {
  id: number;
  method: string;
  args: readonly (readonly [string, Packable])[];
}

/** A request behind what `writer` holds already. */
export function appendRequest(writer: MsgpackWriter, dialect: Dialect, request: SentRequest): void {
  const { id, method, args } = request;
  if (dialect === "named") {
    writer.write(new Map<string, Packable>([["i", id], ["m", method], ["a", new Map(args)]]));
  } else {
    writer.write([1, id, method, args.map(([, value]) => value)]);
  }
}

/** An answer as bytes; a view that is valid until the next use of `writer`. */
export function writeAnswer(
  writer: MsgpackWriter,
  dialect: Dialect,
  id: number | bigint,
  result: Packable,
): Uint8Array {
  writer.reset();
  appendAnswer(writer, dialect, id, result);
  return writer.view();
}

/** An answer behind what `writer` holds already. */
export function appendAnswer(
  writer: MsgpackWriter,
  dialect: Dialect,
  id: number | bigint,
  result: Packable,
): void {
  writer.write(
    dialect === "named" ? new Map<string, Packable>([["i", id], ["r", result]]) : [1, id, null, result],
  );
}
