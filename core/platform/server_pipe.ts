/** The standard streams of a server on a system that can be asked whether a read would wait: it reads without threads. */
import type { Files } from "./files.ts";
import { NOT_YET, PipeInput, STDIN } from "./pipe_input.ts";
import { ServerStdio } from "./server_stdio.ts";

/** How long to wait for a client before looking again; nothing depends on it. */
const SILENCE_MS = 60_000;

class ServerPipe extends ServerStdio {
  readonly #input: PipeInput;

  constructor(files: Files) {
    super();
    this.#input = new PipeInput(files, STDIN);
  }

  /** Fills `into` from its start with what has arrived: how many bytes, 0 at the end. Throws OsError. */
  async readInto(into: Uint8Array): Promise<number> {
    for (;;) {
      const got = this.#input.read(into);
      if (got !== NOT_YET) return got;
      await this.#input.wait(SILENCE_MS);
    }
  }
}

/** The best that works here. */
export function serverStdio(files: Files): ServerStdio {
  return files.poll === undefined ? new ServerStdio() : new ServerPipe(files);
}
