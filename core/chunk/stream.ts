/**
 * Content-defined chunking of a stream that the program itself produces: the items of an archive (borg's docs,
 * internals/data-structures.rst, "Archive"). In: bytes pushed in any pieces. Out: chunks through a callback, cut exactly
 * as if the whole stream were one file.
 */
import type { ChunkerParams } from "./chunker.ts";
import { Cutter } from "./_cutter.ts";

export class StreamChunker {
  readonly #cutter: Cutter;
  readonly #onChunk: (chunk: Uint8Array) => void;

  /** `onChunk` gets views that are valid until it returns; it must not call this object. */
  constructor(
    params: Extract<ChunkerParams, { algorithm: "buzhash" }>,
    seed: number,
    onChunk: (chunk: Uint8Array) => void,
  ) {
    this.#cutter = new Cutter(params, seed);
    this.#onChunk = onChunk;
  }

  /** Adds a copy of `bytes` to the stream; chunks that are certain now are given out. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const room = this.#cutter.room(bytes.length - at);
      room.set(room.length === bytes.length ? bytes : bytes.subarray(at, at + room.length));
      at += room.length;
      this.#cutter.wrote(room.length);
      this.#giveOut(false);
    }
  }

  /** Ends the stream: gives out what is left. The next push begins a new stream. */
  flush(): void {
    this.#giveOut(true);
    this.#cutter.reset();
  }

  /** Frees the memory. */
  dispose(): void {
    this.#cutter.dispose();
  }

  #giveOut(ended: boolean): void {
    for (let chunk = this.#cutter.next(ended); chunk; chunk = this.#cutter.next(ended)) this.#onChunk(chunk);
  }
}
