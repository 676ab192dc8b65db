/** poll(2): whether a read would wait. By FFI, the same on Linux, macOS and FreeBSD (POSIX.1-2017, poll.h). */

const SYMBOLS = {
  poll: { parameters: ["buffer", "u32", "i32"], result: "i32" },
  // On a thread of its own, while the event loop turns.
  pollLater: { name: "poll", parameters: ["buffer", "u32", "i32"], result: "i32", nonblocking: true },
} as const;

const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  linux: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"],
  darwin: ["libSystem.B.dylib"],
  freebsd: ["libc.so.7"],
};

const POLLIN = 1;
/** struct pollfd: int fd, short events, short revents. */
const POLLFD_SIZE = 8;

/**
 * Whether a read of a descriptor would not wait: there are bytes, or the end, or trouble that the read will tell of. What
 * cannot be asked (a terminal on macOS) counts as ready. A FIFO that was opened without waiting is not ready before its first
 * writer has come.
 */
export interface Poll {
  /** Waits for it, at most so long. */
  now(fd: number, ms: number): boolean;
  /** The same without blocking the thread. `fd` must stay open meanwhile. */
  later(fd: number, ms: number): Promise<boolean>;
}

let opened: Poll | null | undefined;

/** null where there is no FFI. Loaded when first asked for, once per process. */
export function openPoll(): Poll | null {
  if (opened === undefined) opened = load();
  return opened;
}

function load(): Poll | null {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  if (deno === undefined || typeof deno.dlopen !== "function") return null;
  for (const name of LIBRARIES[deno.build.os] ?? []) {
    try {
      const { symbols } = deno.dlopen(name, SYMBOLS);
      const asked = new Pollfd();
      return {
        // A signal ends the wait early (EINTR): not ready then.
        now: (fd, ms) => symbols.poll(asked.ask(fd), 1, ms) > 0,
        later: async (fd, ms) => await symbols.pollLater(new Pollfd().ask(fd), 1, ms) > 0,
      };
    } catch {
      // Not this one.
    }
  }
  return null;
}

class Pollfd {
  readonly #bytes = new Uint8Array(POLLFD_SIZE);
  readonly #view = new DataView(this.#bytes.buffer);

  /** Every system for which there is FFI here is little-endian. */
  ask(fd: number): Uint8Array<ArrayBuffer> {
    this.#view.setInt32(0, fd, true);
    this.#view.setInt32(4, POLLIN, true);
    return this.#bytes;
  }
}
