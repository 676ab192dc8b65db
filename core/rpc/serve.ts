/**
 * The server's side of borg's remote protocol (borg docs, internals.rst): reads a client's calls, one after the other, and
 * answers each. In: a transport, and what the machine and the command line of `serve` say. Whatever ends the conversation,
 * the open repository is rolled back and its lock given back.
 *
 * Nothing that a client sends is believed: not the shape of its messages, nor the types of its arguments, nor its paths.
 */
import { MsgpackError, MsgpackWriter, type Packable, type Unpacked } from "../bytes/mod.ts";
import { AppError, RemoteError } from "../errors.ts";
import { log, type Reporter } from "../report.ts";
import { CallArguments } from "./call_arguments.ts";
import { appendErrorAnswer, errorText, isExpected } from "./error_answer.ts";
import { appendAnswer, FrameReader, readRequest, type RpcRequest } from "./frame.ts";
import { type PathSource, permittedPath, type Restrictions } from "./restrict.ts";
import { type Served, type ServedStore, SERVER_METHODS } from "./server_methods.ts";
import type { Transport } from "./transport.ts";

/** How a client wants its repository opened. */
export interface OpenRequest {
  create: boolean;
  exclusive: boolean;
  lock: boolean;
  /** Infinity: for ever. */
  lockWaitSeconds: number;
  appendOnly: boolean;
  makeParentDirs: boolean;
}

/** What a server is told by who starts it. */
export interface ServerHost {
  /** The borg version whose protocol this is: its three numbers. */
  readonly version: readonly [number, number, number];
  readonly reporter: Reporter;
  readonly paths: PathSource;
  readonly restrictions: Restrictions;
  /** Repositories that exist are append-only, whatever the client says. */
  readonly appendOnly: boolean;
  /** Opens or creates the repository at `path`, which is absolute and permitted. */
  open(path: string, request: OpenRequest): Promise<ServedStore>;
  breakLock(path: string): void;
  /** Tells the client what its commit has freed. */
  compacted(freedBytes: number): void;
  /** For reports of bugs. */
  systemInformation(): string;
  /** The client takes messages as JSON lines from now on. */
  useJson(): void;
}

/** How a conversation ended. */
export interface ServeEnd {
  /** Whether the client ever asked for a repository. */
  asked: boolean;
}

/** The protocol before 1.1, as clients say it and are answered. */
const OLD_PROTOCOL = 2;
/** In borg's version tuples: no alpha, beta or candidate. */
const RELEASE = -1;
const OPEN_POSITIONS = ["path", "create", "lock_wait", "lock", "exclusive", "append_only"];
/** Answers are collected up to this many bytes, as long as the client has more to say. */
const BATCH_BYTES = 64 << 10;
/** So much of a method's name that does not exist is repeated to the client. */
const MAX_NAME = 200;
/** A larger buffer is not kept for the next batch. With borg's own settings no chunk is larger. */
const KEPT_BYTES = 9 << 20;

/**
 * Serves one client to the end of its input. Throws UnexpectedRPCDataFormatFromClient where it does not speak the protocol,
 * and the transport's errors. `transport` stays open.
 */
export async function serve(transport: Transport, host: ServerHost): Promise<ServeEnd> {
  const server = new Server(transport, host);
  try {
    await server.run();
  } finally {
    await server.close();
  }
  return { asked: server.asked };
}

class Server {
  /** Whether a repository was asked for. */
  asked = false;
  #served: Served | null = null;
  /** Answers gather in one buffer while the other is on its way. */
  #answers = new MsgpackWriter();
  #leaving = new MsgpackWriter();
  /** Settles when the transport has taken all of {@link #leaving}. */
  #left: Promise<void> = Promise.resolve();
  /** One call is dealt with before the next bytes are taken, so that its arguments need not be copied. */
  readonly #reader = new FrameReader(true);

  constructor(private readonly transport: Transport, private readonly host: ServerHost) {}

  async run(): Promise<void> {
    for (;;) {
      const message = this.#nextMessage();
      if (message === undefined) {
        await this.#flush();
        await this.#left;
        if (!await this.#receive()) return;
        continue;
      }
      const request = readRequest(message);
      if (request === null) throw this.#unexpected();
      await this.#handle(request);
      if (this.#answers.length >= BATCH_BYTES) await this.#flush();
    }
  }

  /** Rolls back and gives the lock back. */
  async close(): Promise<void> {
    const served = this.#served;
    this.#served = null;
    await served?.store.close();
  }

  /** False at the end. */
  async #receive(): Promise<boolean> {
    if (this.transport.readInto) {
      const got = await this.transport.readInto(this.#reader.room());
      this.#reader.arrived(got);
      return got > 0;
    }
    const bytes = await this.transport.read();
    if (bytes !== null) this.#reader.push(bytes);
    return bytes !== null;
  }

  #nextMessage(): Unpacked | undefined {
    try {
      return this.#reader.next();
    } catch (error) {
      if (error instanceof MsgpackError) throw this.#unexpected(error);
      throw error;
    }
  }

  #unexpected(cause?: unknown): RemoteError {
    return new RemoteError("UnexpectedRPCDataFormatFromClient", [this.host.version.join(".")], { cause });
  }

  /** Sends what has gathered as soon as the transport is free; throws what the last sending met. */
  async #flush(): Promise<void> {
    if (this.#answers.length === 0) return;
    await this.#left;
    const sent = this.#leaving;
    this.#leaving = this.#answers;
    this.#answers = sent.length > KEPT_BYTES ? new MsgpackWriter() : sent;
    this.#answers.reset();
    this.#left = this.transport.write(this.#leaving.view());
    this.#left.catch(() => {}); // thrown where it is waited for
  }

  async #handle(request: RpcRequest): Promise<void> {
    const { dialect, id, method } = request;
    let result: Packable;
    try {
      result = await this.#call(request, method);
    } catch (error) {
      this.#logFailure(request, error);
      const { host } = this;
      appendErrorAnswer(this.#answers, dialect, id, { error, systemInformation: host.systemInformation() });
      return;
    }
    appendAnswer(this.#answers, dialect, id, result);
  }

  async #call(request: RpcRequest, name: string): Promise<Packable> {
    if (name === "negotiate") return this.#negotiate(CallArguments.of(request, ["client_data"]));
    if (name === "open") return await this.#open(CallArguments.of(request, OPEN_POSITIONS));
    const method = Object.hasOwn(SERVER_METHODS, name) ? SERVER_METHODS[name]! : null;
    if (method === null) throw new RemoteError("InvalidRPCMethod", [name.slice(0, MAX_NAME)]);
    if (this.#served === null) {
      throw new AppError("Error", [`Cannot call ${name}: no repository is open`]);
    }
    // The client should not wait for what is done because of what takes long.
    if (!method.quick) await this.#flush();
    const result = await method.run(this.#served, CallArguments.of(request, method.positions));
    // Its files are gone, and the lock with them.
    if (name === "destroy") this.#served = null;
    return result;
  }

  #negotiate(args: CallArguments): Packable {
    const data = args.value("client_data");
    if (data === OLD_PROTOCOL) return OLD_PROTOCOL;
    if (data instanceof Map) this.host.useJson();
    return new Map([["server_version", [...this.host.version, RELEASE]]]);
  }

  async #open(args: CallArguments): Promise<Packable> {
    this.asked = true;
    await this.close();
    const { host } = this;
    const text = args.text("path");
    const path = permittedPath(text, host.restrictions, host.paths);
    log(host.reporter, "DEBUG", `The path of the repository, ${text}, leads to ${path}`);
    const create = args.flag("create", false);
    const store = await host.open(path, {
      create,
      exclusive: args.flag("exclusive", false),
      lock: args.flag("lock", true),
      lockWaitSeconds: args.number("lock_wait", Infinity),
      // A new repository is made as the client wishes: it is what later sessions find that must not be taken away.
      appendOnly: (!create && host.appendOnly) || args.flag("append_only", false),
      makeParentDirs: args.flag("make_parent_dirs", false),
    });
    this.#served = {
      store,
      breakLock: () => host.breakLock(path),
      compacted: (freedBytes) => host.compacted(freedBytes),
    };
    return store.id;
  }

  #logFailure({ dialect, method }: RpcRequest, error: unknown): void {
    if (isExpected(error)) return;
    const { reporter } = this.host;
    // New clients learn from the answer what happened; old ones from the log alone.
    if (dialect === "named") log(reporter, "DEBUG", `Call of ${method} failed: ${errorText(error)}`);
    else {
      const expected = error instanceof AppError;
      log(reporter, "ERROR", expected ? error.message : `Call of ${method} failed: ${errorText(error)}`);
      if (expected) log(reporter, "DEBUG", this.host.systemInformation());
    }
  }
}
