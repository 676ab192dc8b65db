/**
 * BORG_PASSPHRASE_FD: an open file into which whoever started this program has put the passphrase. In: its number. Out: the
 * passphrase, read once, when it is wanted. Before that, this program takes the file over, so that none of the programs that
 * it starts itself (ssh, filters, commands to back up) can read it: the runtime hands on what was not marked close-on-exec.
 */
import { type Files, LinuxFiles } from "../core/platform/mod.ts";
import { decodeText } from "../core/bytes/mod.ts";
import { KeyError, OsError } from "../core/errors.ts";

/** Standard input, output and error are for each child to be said, and used for more than this. */
const STANDARD = 2;
const O_CLOEXEC = 0o2000000;
const DIGITS = /^\d+$/;
const BLOCK_BYTES = 4096;

export class PassphraseDescriptor {
  /** Ours alone; null where the file could not be taken over. */
  #own: number | null;
  #text: string | null = null;

  /** `number`: what the variable says. */
  constructor(private readonly files: Files, private readonly number: string) {
    this.#own = DIGITS.test(number) ? takeOver(files, Number(number)) : null;
  }

  /** Without the ends of lines behind it. Throws NoPassphraseFailure. */
  read(): string {
    if (this.#text !== null) return this.#text;
    if (!DIGITS.test(this.number)) throw failure(" is not a number");
    try {
      return this.#text = decodeText(this.#bytes()).replace(/\n+$/, "");
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      const what = error.code === "ENOENT" ? `file descriptor ${this.number} is not open` : error.message;
      throw failure(`: ${what}`, error);
    }
  }

  #bytes(): Uint8Array {
    // By its name: the runtime refuses to read descriptors that it has not opened itself.
    if (this.#own === null) return this.files.readFile(`/dev/fd/${this.number}`);
    const own = this.#own;
    this.#own = null;
    try {
      return readAll(this.files, own);
    } finally {
      this.files.close(own);
    }
  }
}

function failure(what: string, cause?: OsError): KeyError {
  return new KeyError("NoPassphraseFailure", [`BORG_PASSPHRASE_FD${what}`], { cause });
}

/** Opens the file once more, for this process alone, and closes what was inherited. */
function takeOver(files: Files, inherited: number): number | null {
  if (!(files instanceof LinuxFiles) || inherited <= STANDARD) return null;
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(decodeText(files.readFile(`/proc/self/fdinfo/${inherited}`)));
    // What is marked is none that was inherited, but one that the runtime has opened and needs.
    if (flags === null || (parseInt(flags[1]!, 8) & O_CLOEXEC) !== 0) return null;
    const own = files.open(`/dev/fd/${inherited}`);
    files.close(inherited);
    return own;
  } catch (error) {
    if (error instanceof OsError) return null;
    throw error;
  }
}

function readAll(files: Files, fd: number): Uint8Array {
  const bytes: number[] = [];
  const block = new Uint8Array(BLOCK_BYTES);
  for (let got = files.read(fd, block); got > 0; got = files.read(fd, block)) {
    bytes.push(...block.subarray(0, got));
  }
  return Uint8Array.from(bytes);
}
