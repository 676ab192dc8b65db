/**
 * A program whose standard input and output are ours to write and read: the system's ssh. Its standard error comes in
 * pieces. Ctrl-C in the terminal reaches us alone: a backup that is interrupted still needs its server to save a checkpoint.
 * Whatever ends us, short of SIGKILL, ends it too.
 */
import process from "node:process";
import { osError } from "./_errno.ts";

export interface ChildPipeOptions {
  env: Record<string, string>;
  /** What the program writes to its standard error. */
  onStderr(bytes: Uint8Array): void;
}

/** How a program ended: "exit code 255", "SIGKILL". */
export interface ChildEnd {
  exitCode: number | null;
  signal: string | null;
}

/** A child that was told that no more is coming has this long to end before it is told by a signal. */
const EXIT_WAIT_MS = 10_000;
/** One that talks nonsense has less. */
const ABORT_WAIT_MS = 1000;
/** Somebody else may hold its streams open (a shared ssh connection does): what is not said by then is lost. */
const DRAIN_MS = 500;

interface Streams {
  stdin: WritableStream<Uint8Array>;
  stdout: ReadableStream<Uint8Array>;
  stderr: ReadableStream<Uint8Array>;
  ended: Promise<ChildEnd>;
  kill(signal: "SIGTERM" | "SIGKILL" | "SIGCONT"): void;
}

export class ChildPipe {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #stderr: ReadableStreamDefaultReader<Uint8Array>;
  readonly #draining: Promise<void>;
  #closing: Promise<void> | null = null;

  private constructor(private readonly streams: Streams, private readonly options: ChildPipeOptions) {
    this.#writer = streams.stdin.getWriter();
    this.#reader = streams.stdout.getReader();
    this.#stderr = streams.stderr.getReader();
    this.#writer.closed.catch(() => {});
    this.#draining = this.#drain();
    // One that hangs does not notice that its input has ended, and one that is stopped no signal until it goes on.
    const endIt = (): void => {
      streams.kill("SIGTERM");
      if (process.platform !== "win32") streams.kill("SIGCONT");
    };
    process.once("exit", endIt);
    const ended = () => void process.off("exit", endIt);
    streams.ended.then(ended, ended);
  }

  /** Starts `command`, the program and its arguments, without a shell. Throws OsError where there is no such program. */
  static async start(command: readonly string[], options: ChildPipeOptions): Promise<ChildPipe> {
    const [program, ...args] = shielded(command);
    const streams = "Deno" in globalThis
      ? startByDeno(program!, args, options.env)
      : await startByNode(program!, args, options.env);
    return new ChildPipe(streams, options);
  }

  async read(): Promise<Uint8Array | null> {
    return (await this.#reader.read()).value ?? null;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#writer.write(bytes);
  }

  /** How the program ended, once it has and all it said was passed on. */
  async end(): Promise<ChildEnd> {
    const end = await this.streams.ended;
    await Promise.race([this.#draining, pause(DRAIN_MS)]);
    return end;
  }

  /** Closes its standard input and waits for its end; a program that does not end is made to. */
  close(): Promise<void> {
    return this.#closing ??= this.#close(EXIT_WAIT_MS);
  }

  /** The same of a program whose output is of no use any more: it is taken and dropped, and not waited for as long. */
  abort(): Promise<void> {
    if (this.#closing === null) {
      const drop = async () => {
        while (await this.read() !== null);
      };
      drop().catch(() => {});
    }
    return this.#closing ??= this.#close(ABORT_WAIT_MS);
  }

  async #close(waitMs: number): Promise<void> {
    this.#writer.close().catch(() => {});
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (await this.#endsWithin(waitMs)) break;
      this.streams.kill(signal);
    }
    await this.end();
    await Promise.race([
      Promise.allSettled([this.#reader.cancel(), this.#stderr.cancel()]),
      pause(DRAIN_MS),
    ]);
  }

  async #endsWithin(ms: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), ms));
    try {
      return await Promise.race([this.streams.ended.then(() => true), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #drain(): Promise<void> {
    try {
      for (let part = await this.#stderr.read(); !part.done; part = await this.#stderr.read()) {
        this.options.onStderr(part.value);
      }
    } catch {
      // A stream that breaks has nothing more to say.
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** An ignored signal stays ignored in the program that a shell becomes; Windows has neither. */
function shielded(command: readonly string[]): readonly string[] {
  if (process.platform === "win32") return command;
  return ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", ...command];
}

function startByDeno(program: string, args: string[], env: Record<string, string>): Streams {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      env,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const { code } = error as { code?: unknown };
    throw typeof code === "string" ? osError(code, "run", program) : error;
  }
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended: child.status.then(({ code, signal }) => ({ exitCode: signal === null ? code : null, signal })),
    kill(signal) {
      try {
        child.kill(signal);
      } catch {
        // It ended in this moment.
      }
    },
  };
}

async function startByNode(program: string, args: string[], env: Record<string, string>): Promise<Streams> {
  const { spawn } = await import("node:child_process");
  const { Readable, Writable } = await import("node:stream");
  const child = spawn(program, args, { env, stdio: "pipe" });
  const ended = new Promise<ChildEnd>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  return {
    stdin: Writable.toWeb(child.stdin) as WritableStream<Uint8Array>,
    stdout: Readable.toWeb(child.stdout) as ReadableStream<Uint8Array>,
    stderr: Readable.toWeb(child.stderr) as ReadableStream<Uint8Array>,
    ended,
    kill: (signal) => void child.kill(signal),
  };
}
