/** The worker's side of sealing on worker threads (`worker_pool.ts`). Who starts the thread connects it to its messages. */
import type { Accel, NonceSource } from "../crypto/mod.ts";
import { Secret } from "../crypto/mod.ts";
import { createCodec, type ObjectCodec, type SealWorkerKey } from "./codec.ts";
import type { KeyMaterial, RandomBytes } from "./keys.ts";
import { wipeKey } from "./keys.ts";
import {
  type FromWorker,
  SLOT_ID,
  SLOT_NONCE,
  SLOT_PLAIN,
  SLOT_STORED,
  type ToWorker,
} from "./worker_pool.ts";

/** The counters that came with the chunk at hand. */
class GivenNonce implements NonceSource {
  #nonce = new Uint8Array(8);
  #blocks = 0;

  give(nonce: Uint8Array, blocks: number): void {
    this.#nonce = nonce.slice();
    this.#blocks = blocks;
  }

  take(blocks: number, into: Uint8Array, at: number): void {
    // One seal, one use: a second take without new counters would use some twice.
    if (blocks > this.#blocks) {
      throw new RangeError(`Cannot take ${blocks} counters: ${this.#blocks} were given`);
    }
    this.#blocks = 0;
    into.set(this.#nonce, at);
  }
}

/** Answers messages. `post` sends an answer to the owner. */
export class SealServer {
  readonly #nonce = new GivenNonce();
  #codec: ObjectCodec | null = null;
  #slots: Uint8Array[] = [];
  /** Messages are worked through one after the other: the counters at hand belong to one chunk. */
  #tail: Promise<void> = Promise.resolve();

  constructor(
    private readonly post: (message: FromWorker) => void,
    private readonly options: { accel: Accel | null; randomBytes: RandomBytes },
  ) {}

  handle(message: ToWorker): Promise<void> {
    this.#tail = this.#tail.then(() => this.#handle(message));
    return this.#tail;
  }

  async #handle(message: ToWorker): Promise<void> {
    if (message.kind === "init") {
      this.#slots = message.slots.map((memory) => new Uint8Array(memory));
      const material = materialOf(message.key);
      this.#codec = await createCodec(material, { ...this.options, nonce: this.#nonce });
      wipeKey(material);
      this.post({ kind: "ready" });
      return;
    }
    const { slot, size } = message;
    try {
      const bytes = this.#slots[slot]!;
      const plain = bytes.subarray(SLOT_PLAIN, SLOT_PLAIN + size);
      if (message.kind === "hash") {
        bytes.set(this.#codec!.idOf(plain), SLOT_ID);
        this.post({ kind: "hashed", slot });
        return;
      }
      this.#nonce.give(bytes.subarray(SLOT_NONCE, SLOT_NONCE + 8), message.blocks);
      const stored = await this.#codec!.seal(plain, message.compression, bytes.subarray(SLOT_STORED));
      this.post({ kind: "sealed", slot, size: stored.length });
    } catch (error) {
      this.post({ kind: "failed", slot, message: String(error) });
    }
  }
}

function materialOf(key: SealWorkerKey): KeyMaterial {
  return {
    mode: key.mode,
    repositoryId: new Uint8Array(32),
    encKey: new Secret(key.encKey),
    encHmacKey: new Secret(key.encHmacKey),
    idKey: new Secret(key.idKey),
    chunkSeed: 0,
    tamRequired: false,
  };
}
