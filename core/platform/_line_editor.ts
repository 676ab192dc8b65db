/** What keys do to a line that is typed unseen into a terminal in raw mode. Pure. */

const CTRL_C = 0x03;
const CTRL_D = 0x04;
const BACKSPACE = 0x08;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const CTRL_U = 0x15;
const DELETE = 0x7f;
const SPACE = 0x20;

/** How the line came to its end. */
export type LineEnd = "accepted" | "cancelled" | "interrupted";

export class LineEditor {
  #bytes: number[] = [];

  /** Takes bytes as the terminal sends them; non-null ends the line, and later bytes are dropped. */
  type(bytes: Uint8Array): LineEnd | null {
    for (const byte of bytes) {
      if (byte === RETURN || byte === LINE_FEED) return "accepted";
      if (byte === CTRL_C) return "interrupted";
      if (byte === CTRL_D) {
        // As in the line discipline of the kernel: ends an empty line only.
        if (this.#bytes.length === 0) return "cancelled";
      } else if (byte === BACKSPACE || byte === DELETE) this.#eraseCharacter();
      else if (byte === CTRL_U) this.wipe();
      else if (byte >= SPACE || byte === 0x09) this.#bytes.push(byte);
    }
    return null;
  }

  /** The line as UTF-8 text. */
  text(): string {
    return new TextDecoder().decode(Uint8Array.from(this.#bytes));
  }

  /** Forgets the line. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#bytes = [];
  }

  #eraseCharacter(): void {
    // The following bytes of a UTF-8 character are 10xxxxxx.
    while ((this.#bytes.at(-1) ?? 0) >> 6 === 0b10) this.#bytes.pop();
    this.#bytes.pop();
  }
}
