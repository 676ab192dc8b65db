/** A stream that is pushed in pieces, cut into blocks of one size (and a header before them): see `fixed.ts`. */
import type { ChunkerParams } from "./chunker.ts";
import { StreamChunker } from "./stream.ts";

/** Cuts what is pushed exactly as if it were one file. */
export interface PushChunker {
  /** Adds a copy of `bytes`. */
  push(bytes: Uint8Array): void;
  /** Ends the stream: gives out what is left. The next push begins a new one. */
  flush(): void;
  dispose(): void;
}

/** `onChunk` gets views that are valid until it returns; it must not call this object. */
export function createPushChunker(
  params: ChunkerParams,
  seed: number,
  onChunk: (chunk: Uint8Array) => void,
): PushChunker {
  return params.algorithm === "fixed"
    ? new FixedStream(params, onChunk)
    : new StreamChunker(params, seed, onChunk);
}

class FixedStream implements PushChunker {
  #buffer: Uint8Array;
  #filled = 0;
  #isHeader: boolean;

  constructor(
    private readonly params: Extract<ChunkerParams, { algorithm: "fixed" }>,
    private readonly onChunk: (chunk: Uint8Array) => void,
  ) {
    this.#buffer = new Uint8Array(Math.max(params.blockSize, params.headerSize));
    this.#isHeader = params.headerSize > 0;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const size = this.#isHeader ? this.params.headerSize : this.params.blockSize;
      const length = Math.min(size - this.#filled, bytes.length - at);
      this.#buffer.set(bytes.subarray(at, at + length), this.#filled);
      this.#filled += length;
      at += length;
      if (this.#filled === size) this.#giveOut();
    }
  }

  #giveOut(): void {
    this.onChunk(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
    this.#isHeader = false;
  }

  flush(): void {
    if (this.#filled > 0) this.#giveOut();
    this.#isHeader = this.params.headerSize > 0;
  }

  dispose(): void {
    this.#buffer = new Uint8Array(0);
  }
}
