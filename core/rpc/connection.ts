/**
 * The client's end of borg's remote protocol: requests go out without waiting for the answers to those before, and
 * answers find their request by its number. Writes that arrive while one is under way are sent together.
 */
import { MsgpackError, MsgpackWriter, type Packable, type Unpacked } from "../bytes/mod.ts";
import { AppError, type ErrorCode, RemoteError } from "../errors.ts";
import { appendRequest, type Dialect, FrameReader, readAnswer, type RpcAnswer } from "./frame.ts";
import { remoteError } from "./remote_errors.ts";
import { harmlessLine } from "./remote_text.ts";
import type { Transport } from "./transport.ts";

/** Named arguments in the order of the old, positional protocol, whose number of them {@link RpcConnection} knows. */
export type RpcArguments = readonly (readonly [name: string, value: Packable])[];

export interface ConnectionOptions {
  /** How much may wait to be sent before {@link RpcConnection.post} asks for patience. */
  uploadBufferBytes?: number;
  /** Where the repository is, for error messages. */
  location: string;
  /** Why the peer is gone, as a part of a sentence; "" where nobody knows. */
  explainEnd?(): Promise<string>;
}

const DEFAULT_UPLOAD_BUFFER = 1 << 20;
/** Unanswered posts: their answers are small, but not nothing. */
const MAX_UNANSWERED_POSTS = 20_000;
/** How long a server that does not read any more may take to say why. */
const LAST_WORDS_MS = 1000;
/** How many arguments a method had in the positional protocol (borg before 1.1); the others have none. */
const POSITIONAL_ARGUMENTS: Record<string, number> = {
  check: 2,
  commit: 1,
  list: 2,
  put: 2,
  get: 1,
  delete: 1,
  save_key: 1,
  negotiate: 1,
  open: 6,
  commit_nonce_reservation: 2,
};

type Settle = { resolve(result: Unpacked): void; reject(error: unknown): void };

export class RpcConnection {
  dialect: Dialect = "positional";
  readonly #calls = new Map<number, Settle>();
  /** Requests whose answers nobody waits for, and the error that is none there; another one is kept. */
  readonly #posts = new Map<number, ErrorCode | null>();
  readonly #reader = new FrameReader();
  readonly #reading: Promise<void>;
  #nextId = 1;
  #postError: unknown = null;
  #ended: unknown = null;
  #closing = false;
  /** What is to be sent next; while it is sent the other buffer fills. */
  #filling = new MsgpackWriter();
  #sending = new MsgpackWriter();
  #flushing: Promise<void> | null = null;
  readonly #waiters: (() => void)[] = [];
  /** Grows with every sign of life. */
  heard = 0;
  sentBytes = 0;
  receivedBytes = 0;

  constructor(private readonly transport: Transport, private readonly options: ConnectionOptions) {
    this.#reading = this.#readAll();
  }

  /** Whether an answer is outstanding. */
  get waiting(): boolean {
    return this.#calls.size + this.#posts.size > 0;
  }

  /** The answer to a request. Throws what the server answers, what an earlier post met, or that the server is gone. */
  call(method: string, args: RpcArguments = []): Promise<Unpacked> {
    const failed = this.#failure;
    if (failed !== null) return Promise.reject(failed);
    return new Promise((resolve, reject) => {
      const id = this.#send(method, args);
      this.#calls.set(id, { resolve, reject });
    });
  }

  /**
   * Sends a request whose answer is of interest only if it is an error, other than `tolerated`: all calls from then on
   * throw it until {@link forgive}. Answers a promise where so much waits to be sent that the caller should pause.
   */
  post(method: string, args: RpcArguments, tolerated: ErrorCode | null = null): void | Promise<void> {
    const failed = this.#failure;
    if (failed !== null) throw failed;
    this.#posts.set(this.#send(method, args), tolerated);
    if (this.#congested) return this.#relief();
  }

  /** Waits for the answers to all posts; throws the first error among them. */
  async settle(): Promise<void> {
    while (this.#posts.size > 0 && this.#ended === null) await this.#change();
    const failed = this.#failure;
    if (failed !== null) throw failed;
  }

  /** Waits for the answers to all posts, and forgets the errors among them. */
  async forgive(): Promise<void> {
    while (this.#posts.size > 0 && this.#ended === null) await this.#change();
    this.#postError = null;
  }

  /**
   * Tells the server that no more is coming and waits until it has said its last. What was not sent yet stays unsent: nobody
   * waits for it, and a server that hangs would not take it.
   */
  async close(): Promise<void> {
    this.#closing = true;
    this.#filling.reset();
    try {
      await this.transport.close();
    } catch {
      // The server was quicker.
    }
    await this.#reading;
  }

  get #failure(): unknown {
    return this.#postError ?? this.#ended;
  }

  get #congested(): boolean {
    const limit = this.options.uploadBufferBytes ?? DEFAULT_UPLOAD_BUFFER;
    return this.#filling.length > limit || this.#posts.size > MAX_UNANSWERED_POSTS;
  }

  async #relief(): Promise<void> {
    while (this.#congested && this.#ended === null) await this.#change();
  }

  /** Resolves when something was sent, answered, or ended. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #send(method: string, args: RpcArguments): number {
    const id = this.#nextId++;
    const sent = this.dialect === "named" ? args : args.slice(0, POSITIONAL_ARGUMENTS[method] ?? 0);
    appendRequest(this.#filling, this.dialect, { id, method, args: sent });
    this.#flushing ??= this.#flush();
    return id;
  }

  async #flush(): Promise<void> {
    // What is posted in the same turn goes out together.
    await Promise.resolve();
    try {
      while (this.#filling.length > 0 && this.#ended === null) {
        [this.#filling, this.#sending] = [this.#sending, this.#filling];
        await this.transport.write(this.#sending.view());
        this.sentBytes += this.#sending.length;
        this.#sending.reset();
        this.#changed();
      }
    } catch (error) {
      // Why it broke is said by the reading end, which has the server's last words.
      await Promise.race([this.#reading, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS))]);
      this.#end(
        error instanceof AppError ? error : new RemoteError("ConnectionBrokenWithHint", ["Broken Pipe"]),
      );
    } finally {
      this.#flushing = null;
    }
  }

  async #readAll(): Promise<void> {
    try {
      for (let bytes = await this.transport.read(); bytes !== null; bytes = await this.transport.read()) {
        this.heard++;
        this.receivedBytes += bytes.length;
        this.#reader.push(bytes);
        for (let message = this.#next(); message !== undefined; message = this.#next()) this.#take(message);
        this.#changed();
      }
      // A server that has closed its output may live on and wait for the end of its input.
      await this.transport.close().catch(() => {});
      this.#end(await this.#closedError());
    } catch (error) {
      this.#end(error);
      await (this.transport.abort?.() ?? this.transport.close()).catch(() => {});
    }
  }

  #next(): Unpacked | undefined {
    const start = this.#reader.peek(128);
    try {
      const message = this.#reader.next();
      if (message === undefined || readAnswer(message) !== null) return message;
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
    }
    throw new RemoteError("UnexpectedRPCDataFormatFromServer", [rubbish(start)]);
  }

  #take(message: Unpacked): void {
    const answer = readAnswer(message) as RpcAnswer;
    const id = Number(answer.id);
    const error = answer.error ? remoteError(answer.error, this.options.location) : null;
    const tolerated = this.#posts.get(id);
    if (tolerated !== undefined) {
      this.#posts.delete(id);
      if (error !== null && error.code !== tolerated) this.#postError ??= error;
      return;
    }
    const call = this.#calls.get(id);
    if (!call) {
      throw new RemoteError("UnexpectedRPCDataFormatFromServer", [`an answer that nobody asked for (${id})`]);
    }
    this.#calls.delete(id);
    if (error !== null) call.reject(error);
    else call.resolve(answer.result!);
  }

  async #closedError(): Promise<unknown> {
    const why = this.#closing ? "" : await this.options.explainEnd?.() ?? "";
    return why === ""
      ? new RemoteError("ConnectionClosed")
      : new RemoteError("ConnectionClosedWithHint", [why]);
  }

  #end(error: unknown): void {
    this.#ended ??= error;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#posts.clear();
    for (const { reject } of calls) reject(this.#ended);
    this.#changed();
  }
}

/** What a peer sent that does not speak the protocol, as text or in hexadecimal. */
function rubbish(bytes: Uint8Array): string {
  try {
    return harmlessLine(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return [...bytes.subarray(0, 48)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  }
}
