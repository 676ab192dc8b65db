/** Standard streams, synchronous and complete: what was written is with the system when the call returns. */
import { readSync, writeSync } from "node:fs";
import { osError } from "./_errno.ts";
import { sleepSync } from "./clock.ts";

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

/** How long to wait for the reader of a pipe that is full and does not block. */
const FULL_PIPE_WAIT_MS = 2;

/** Writes all of `bytes`. Throws OsError EPIPE where nobody reads any more. */
export function writeStdout(bytes: Uint8Array): void {
  writeAll(STDOUT, "standard output", bytes);
}

export function writeStderr(bytes: Uint8Array): void {
  writeAll(STDERR, "standard error", bytes);
}

function writeAll(fd: number, name: string, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(fd, bytes, done, bytes.length - done);
    } catch (error) {
      const code = codeOf(error);
      if (code === "EAGAIN") sleepSync(FULL_PIPE_WAIT_MS);
      else if (code !== "EINTR") throw code === null ? error : osError(code, "write", name);
    }
  }
}

/** Fills `into` from its start with what standard input has next and answers how many bytes; 0 at its end. */
export function readStdin(into: Uint8Array): number {
  for (;;) {
    try {
      return readSync(STDIN, into, 0, into.length, null);
    } catch (error) {
      const code = codeOf(error);
      // What Windows says at the end of a pipe.
      if (code === "EOF") return 0;
      if (code === "EAGAIN") sleepSync(FULL_PIPE_WAIT_MS);
      else if (code !== "EINTR") throw code === null ? error : osError(code, "read", "standard input");
    }
  }
}

export function codeOf(error: unknown): string | null {
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return code;
  // Deno's own classes, where its node layer lets them through.
  return name === "BrokenPipe" ? "EPIPE" : name === "WouldBlock" ? "EAGAIN" : null;
}
