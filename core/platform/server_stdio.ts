/**
 * The standard streams of a server, without holding the event loop: a signal is noticed while the client says nothing, and
 * while it does not take its answers.
 */
import { closeSync, read, write } from "node:fs";
import { OsError } from "../errors.ts";
import { osError } from "./_errno.ts";
import { sleep } from "./clock.ts";
import { codeOf } from "./stdio.ts";

const STDIN = 0;
const STDOUT = 1;
/** What a pipe holds at most, where nobody made it larger. */
const READ_BYTES = 64 << 10;
/** How long to wait where a stream that does not block has nothing, or takes nothing. */
const NOT_READY_WAIT_MS = 2;

/** Bytes from standard input and to standard output. Only one read, and one write, at a time. */
export class ServerStdio {
  #closed = false;

  /** What has arrived next, null at the end. */
  async read(): Promise<Uint8Array | null> {
    const into = new Uint8Array(READ_BYTES);
    const got = await this.#ready("read", "standard input", () => readSome(into));
    return got === 0 ? null : into.subarray(0, got);
  }

  /** Resolves when the system has taken all of `bytes`. Throws OsError EPIPE where nobody reads any more. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += await this.#ready("write", "standard output", () => writeSome(bytes.subarray(done)));
    }
  }

  /** Ends standard output. */
  close(): Promise<void> {
    if (!this.#closed) closeSync(STDOUT);
    this.#closed = true;
    return Promise.resolve();
  }

  async #ready(call: string, name: string, attempt: () => Promise<number>): Promise<number> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof OsError) throw error;
        const code = codeOf(error);
        // What Windows says at the end of a pipe.
        if (code === "EOF" && call === "read") return 0;
        if (code === "EAGAIN") await sleep(NOT_READY_WAIT_MS);
        else if (code !== "EINTR") throw code === null ? error : osError(code, call, name);
      }
    }
  }
}

/** Deno's own calls: those of its node layer go through one more copy. */
function readSome(into: Uint8Array): Promise<number> {
  if ("Deno" in globalThis) return Deno.stdin.read(into).then((got) => got ?? 0);
  return new Promise((resolve, reject) => {
    read(STDIN, into, 0, into.length, null, (error, got) => error ? reject(error) : resolve(got));
  });
}

function writeSome(bytes: Uint8Array): Promise<number> {
  if ("Deno" in globalThis) return Deno.stdout.write(bytes);
  return new Promise((resolve, reject) => {
    write(STDOUT, bytes, 0, bytes.length, null, (error, put) => error ? reject(error) : resolve(put));
  });
}
