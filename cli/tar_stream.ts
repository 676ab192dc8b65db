/**
 * The file, pipe or filter program that a tar stream goes to or comes from. Reading and writing stay synchronous: a filter
 * is connected by a FIFO that only we can open.
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { childEnvironment, PipeInput, splitCommand, STDIN } from "../core/platform/mod.ts";
import { AppError, OsError } from "../core/errors.ts";
import type { CommandContext } from "./context.ts";

/** By the end of the name; the word is the program, which unpacks with -d. */
const FILTERS: readonly (readonly [RegExp, string])[] = [
  [/\.(tar\.gz|tgz)$/, "gzip"],
  [/\.(tar\.bz2|tbz)$/, "bzip2"],
  [/\.(tar\.xz|txz)$/, "xz"],
  [/\.tar\.lz4$/, "lz4"],
  [/\.(tar\.zstd|tar\.zst)$/, "zstd"],
];

/** What `--tar-filter` means for a file; null: no filter. */
export function tarFilter(option: string, file: string, direction: "read" | "write"): string | null {
  if (option !== "auto") return option === "" ? null : option;
  const program = FILTERS.find(([pattern]) => pattern.test(file))?.[1];
  if (program === undefined) return null;
  return direction === "read" ? `${program} -d` : program;
}

export interface TarOutput {
  write(bytes: Uint8Array): void;
  /** After the last byte. Throws where the filter failed. */
  end(): Promise<void>;
  /** After a failure: what was written so far stays. Safe to call after {@link end}. */
  abort(): void;
}

export interface TarInput {
  /** Negative: nothing is there at the moment. */
  read(into: Uint8Array): number;
  /** After that: resolves when there may be something, and after some time in any case. */
  wait(): Promise<void>;
  end(): Promise<void>;
  abort(): void;
}

/** Bytes that are gathered before they are written. */
const BUFFER_BYTES = 1 << 18;

/** Opens `file` ("-" for standard output) for writing; what is written goes through the program `filter`. */
export function openTarOutput(context: CommandContext, file: string, filter: string | null): TarOutput {
  const { files } = context;
  let fd = file === "-" ? null : files.open(file, { write: true, create: true, truncate: true });
  let program: Filter | null = null;
  if (filter !== null) {
    if (fd !== null) files.close(fd);
    program = new Filter(
      context,
      filter,
      file === "-" ? 'exec "$@" < "$fifo"' : 'exec "$@" < "$fifo" > "$file"',
      file,
    );
    fd = program.open({ write: true });
  }
  const buffer = new Uint8Array(BUFFER_BYTES);
  let filled = 0;
  const send = (bytes: Uint8Array): void => fd === null ? context.printData(bytes) : files.write(fd, bytes);
  const flush = (): void => {
    if (filled > 0) send(buffer.subarray(0, filled));
    filled = 0;
  };
  const close = (): void => {
    if (fd !== null) files.close(fd);
    fd = null;
  };
  return {
    write(bytes) {
      try {
        if (filled + bytes.length > buffer.length) flush();
        if (bytes.length > buffer.length) return send(bytes);
        buffer.set(bytes, filled);
        filled += bytes.length;
      } catch (error) {
        throw program === null ? error : program.brokenPipe(error);
      }
    },
    async end() {
      try {
        flush();
      } catch (error) {
        throw program === null ? error : program.brokenPipe(error);
      } finally {
        close();
      }
      await program?.end();
    },
    abort() {
      close();
      program?.abort();
    },
  };
}

/** Opens `file` ("-" for standard input) for reading, through the program `filter`. */
export function openTarInput(context: CommandContext, file: string, filter: string | null): TarInput {
  const { files } = context;
  // The writer of a FIFO is waited for later, where that can be.
  const nonBlock = files.poll !== undefined;
  let fd = file === "-" ? null : files.open(file, { nonBlock });
  let program: Filter | null = null;
  if (filter !== null) {
    if (fd !== null) files.close(fd);
    program = new Filter(
      context,
      filter,
      file === "-" ? 'exec "$@" > "$fifo"' : 'exec "$@" < "$file" > "$fifo"',
      file,
    );
    fd = program.open({ nonBlock });
  }
  const input = new PipeInput(files, fd ?? STDIN);
  const close = (): void => {
    if (fd !== null) files.close(fd);
    fd = null;
  };
  return {
    read: (into) => input.read(into),
    wait: () => input.wait(),
    async end() {
      close();
      await program?.end();
    },
    abort() {
      close();
      program?.abort();
    },
  };
}

/** A program between us and a file. */
class Filter {
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;
  #atSignal: Disposable | null = null;

  constructor(
    private readonly context: CommandContext,
    private readonly command: string,
    script: string,
    file: string,
  ) {
    const words = splitCommand(command);
    this.#folder = fs.mkdtempSync(join(tmpdir(), "alcove-filter-"));
    try {
      context.files.mkfifo(this.#fifo, 0o600);
      this.#child = new Deno.Command("sh", {
        // Ctrl-C is for us alone. With `exec` the program's own exit code is what we get.
        args: ["-c", `trap "" INT; fifo=$1; file=$2; shift 2; ${script}`, "sh", this.#fifo, file, ...words],
        env: childEnvironment(context.environment()),
        clearEnv: true,
        stdin: "inherit",
        stdout: "inherit",
        stderr: "inherit",
      }).spawn();
    } catch (error) {
      this.#removeFolder();
      throw error;
    }
  }

  get #fifo(): string {
    return join(this.#folder, "pipe");
  }

  /** Waits until the program has its end of the pipe, unless `nonBlock`. */
  open(options: { write?: boolean; nonBlock?: boolean }): number {
    const fd = this.context.files.open(this.#fifo, options);
    if (!options.nonBlock) this.#removeFolder();
    // Else it might wait for its own input when nobody wants its output any more.
    if (!options.write) this.#atSignal = this.context.atSignal(() => this.abort());
    return fd;
  }

  #removeFolder(): void {
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  /** That the program is gone is its failure, not that of our own output. */
  brokenPipe(error: unknown): unknown {
    return error instanceof OsError && error.code === "EPIPE"
      ? new AppError("Error", [`The filter "${this.command}" ended before it had everything`])
      : error;
  }

  async end(): Promise<void> {
    const { code, signal } = await this.#child.status;
    this.#atSignal?.[Symbol.dispose]();
    this.#removeFolder();
    if (code === 0) return;
    throw new AppError("Error", [`The filter "${this.command}" failed: ${signal ?? `exit code ${code}`}`]);
  }

  abort(): void {
    this.#atSignal?.[Symbol.dispose]();
    this.#removeFolder();
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
