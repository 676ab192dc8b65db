/**
 * Hands out counter values for AES-CTR so that none is ever used twice (borg docs, internals/security.rst, "Nonce
 * handling"). Before a counter is used, the space that it lies in is reserved durably in two places: in the repository,
 * for other clients, and in this machine's security directory, against a repository that was set back. A new reservation
 * starts at the largest end that any witness knows: repository, this machine, the manifest's own counter, and what was
 * used in this session. A witness may be missing or older than the others; the largest one counts.
 *
 * In: how many blocks are to be encrypted. Out: the counter of the first of them, 8 bytes big-endian.
 */
import { AppError, RemoteError } from "../errors.ts";
import { blockCount, ENVELOPE_OVERHEAD, IV_LENGTH, IV_OFFSET } from "./cipher.ts";

/** Counter values reserved at a time beyond what is needed at once: 2^28 blocks, 4 GiB of data. */
export const NONCE_RESERVATION = 2 ** 28;
const MAX_NONCE = 2n ** 64n - 1n;

type Awaitable<T> = T | Promise<T>;

/** The repository's side of a reservation; a StoreWriter fits. */
export interface RepositoryNonces {
  getFreeNonce(): Awaitable<bigint | null>;
  commitNonceReservation(end: bigint, previous: bigint | null): Awaitable<void>;
}

/** This machine's side of a reservation. */
export interface LocalNonces {
  /** First counter that this machine has not reserved, null where it knows of none. */
  readNonce(): bigint | null;
  /** Makes `end` durable. Throws unless `previous` is what {@link LocalNonces.readNonce} would answer now. */
  writeNonce(end: bigint, previous: bigint | null): void;
}

/** Where counters come from; {@link NonceKeeper} is one. */
export interface NonceSource {
  /** Takes the next `blocks` counters and writes the first of them to `into` at `at`, 8 bytes big-endian. */
  take(blocks: number, into: Uint8Array, at: number): void | Promise<void>;
}

export interface NonceKeeperOptions {
  repository: RepositoryNonces;
  local: LocalNonces;
  /** First counter after the manifest's ({@link nonceFloor}); 0 for a new repository. */
  floor: bigint;
}

/** First counter that the encrypted manifest `stored` has surely not used. Only to be trusted once its MAC is verified. */
export function nonceFloor(stored: Uint8Array): bigint {
  if (stored.length < ENVELOPE_OVERHEAD) return 0n;
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  return view.getBigUint64(IV_OFFSET, false) + BigInt(blockCount(stored.length));
}

export class NonceKeeper implements NonceSource {
  readonly #options: NonceKeeperOptions;
  /** Start of the reservation as two halves, so that the usual case needs no bigint. */
  #high = 0;
  #low = 0;
  #used = 0;
  #size = 0;
  #end: bigint | null = null;
  #waiting: Promise<void> | null = null;
  #serverKnowsNonces = true;

  constructor(options: NonceKeeperOptions) {
    this.#options = options;
  }

  /**
   * Takes the next `blocks` counters and writes the first of them to `into` at `at`, 8 bytes big-endian. Answers at once
   * unless a new reservation has to be made at a remote repository. When it throws, nothing was taken.
   */
  take(blocks: number, into: Uint8Array, at: number): void | Promise<void> {
    if (!Number.isSafeInteger(blocks) || blocks < 0) throw new RangeError(`Cannot take ${blocks} counters`);
    if (this.#waiting !== null) return this.#waiting.then(() => this.take(blocks, into, at));
    if (this.#end !== null && this.#used + blocks <= this.#size) {
      this.#write(into, at);
      this.#used += blocks;
      return;
    }
    const wait = this.#reserve(blocks);
    if (wait === undefined) return this.take(blocks, into, at);
    // Whoever asks meanwhile queues behind this reservation; a failure is this caller's alone, the next one tries anew.
    this.#waiting = wait.then(() => {}, () => {}).then(() => {
      this.#waiting = null;
    });
    return wait.then(() => this.#waiting).then(() => this.take(blocks, into, at));
  }

  #write(into: Uint8Array, at: number): void {
    const low = this.#low + this.#used;
    let high = this.#high + Math.floor(low / 2 ** 32);
    let rest = low >>> 0;
    for (let i = IV_LENGTH / 2 - 1; i >= 0; i--) {
      into[at + i] = high & 0xff;
      into[at + 4 + i] = rest & 0xff;
      high >>>= 8;
      rest >>>= 8;
    }
  }

  #reserve(blocks: number): undefined | Promise<void> {
    const repository = this.#serverKnowsNonces ? this.#askRepository() : null;
    if (repository instanceof Promise) return repository.then((nonce) => this.#commit(blocks, nonce));
    return this.#commit(blocks, repository) as undefined | Promise<void>;
  }

  #askRepository(): Awaitable<bigint | null> {
    const unsupported = (error: unknown): null => {
      // A server older than borg 1.1 keeps no nonces; then this machine and the manifest are the only witnesses.
      if (!(error instanceof RemoteError && error.code === "InvalidRPCMethod")) throw error;
      this.#serverKnowsNonces = false;
      return null;
    };
    try {
      const answer = this.#options.repository.getFreeNonce();
      return answer instanceof Promise ? answer.catch(unsupported) : answer;
    } catch (error) {
      return unsupported(error);
    }
  }

  #commit(blocks: number, repository: bigint | null): void | Promise<void> {
    const local = this.#options.local.readNonce();
    let start = this.#options.floor;
    for (const witness of [repository, local, this.#end]) {
      if (witness !== null && witness > start) start = witness;
    }
    const size = blocks + NONCE_RESERVATION;
    const end = start + BigInt(size);
    if (end >= MAX_NONCE) {
      throw new AppError("Error", ["Cannot encrypt more in this repository: its counter space is used up"]);
    }
    const finish = () => {
      this.#options.local.writeNonce(end, local);
      this.#high = Number(start >> 32n);
      this.#low = Number(start & 0xffffffffn);
      this.#used = 0;
      this.#size = size;
      this.#end = end;
    };
    // The repository first: a client that dies between the two leaves a gap, never an overlap.
    const wait = this.#serverKnowsNonces
      ? this.#options.repository.commitNonceReservation(end, repository)
      : undefined;
    return wait instanceof Promise ? wait.then(finish) : finish();
  }
}
