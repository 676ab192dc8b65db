/**
 * Reading a pipe, a FIFO or a terminal without holding the event loop for long: a signal is noticed while the writer says
 * nothing. Reads are synchronous, straight to where the bytes are wanted, as long as there is something to read.
 */
import { OsError } from "../errors.ts";
import { monotonicMs, sleep } from "./clock.ts";
import type { Files } from "./files.ts";
import { ServerStdio } from "./server_stdio.ts";

export const STDIN = 0;

/** What {@link PipeInput.read} answers where nothing is there at the moment. */
export const NOT_YET = -1;

/** A writer that is nearly as fast as we are is waited for on the spot, which costs less than a turn of the event loop. */
const SHORT_WAIT_MS = 5;
/** How long the event loop may stand still, and how long one wait lasts at most. */
const TURN_MS = 100;

export class PipeInput {
  #turnedMs = monotonicMs();
  readonly #late: LateStdin | null;

  /** Reads the open `fd`, which stays the caller's to close. Without {@link Files.poll} only {@link STDIN} never blocks. */
  constructor(private readonly files: Files, private readonly fd: number) {
    this.#late = files.poll === undefined && fd === STDIN ? new LateStdin() : null;
  }

  /** Fills `into` from its start and answers how many bytes; 0 at the end; {@link NOT_YET}. Throws OsError. */
  read(into: Uint8Array): number {
    if (this.#late !== null) return this.#late.read(into);
    const { poll } = this.files;
    if (poll !== undefined) {
      if (monotonicMs() - this.#turnedMs > TURN_MS || !poll.now(this.fd, SHORT_WAIT_MS)) return NOT_YET;
    }
    try {
      return this.files.read(this.fd, into);
    } catch (error) {
      // Another reader of the FIFO was faster.
      if (poll !== undefined && error instanceof OsError && error.code === "EAGAIN") return NOT_YET;
      throw error;
    }
  }

  /** After {@link NOT_YET}: resolves when there may be something, and after `ms` in any case. */
  async wait(ms = TURN_MS): Promise<void> {
    if (this.#late !== null) await Promise.race([this.#late.arrival, sleep(ms)]);
    else await this.files.poll?.later(this.fd, ms);
    this.#turnedMs = monotonicMs();
  }
}

/** Standard input where the system cannot be asked whether it is ready: one block is read ahead. */
class LateStdin {
  readonly #stdio = new ServerStdio();
  #block: Uint8Array | null = new Uint8Array(0);
  #failure: { error: unknown } | null = null;
  #arrival: Promise<void> | null = null;

  read(into: Uint8Array): number {
    if (this.#failure !== null) throw this.#failure.error;
    if (this.#block === null) return 0;
    const length = Math.min(into.length, this.#block.length);
    into.set(this.#block.subarray(0, length));
    this.#block = this.#block.subarray(length);
    return length > 0 || into.length === 0 ? length : NOT_YET;
  }

  /** Of the next block. Never rejects. */
  get arrival(): Promise<void> {
    return this.#arrival ??= this.#stdio.read().then(
      (block) => this.#block = block,
      (error) => this.#failure = { error },
    ).then(() => void (this.#arrival = null));
  }
}
