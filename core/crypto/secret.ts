/**
 * A holder of key bytes that cannot be printed by accident and can be wiped. In: the bytes of a key. Out: the same bytes,
 * to those who ask for them by name. (borg docs, internals/security.rst, "Key files": what must not leave the process.)
 */

const REDACTED = "<secret>";

/** Key bytes. `JSON.stringify`, template strings and the inspectors of Deno and Node show a placeholder. */
export class Secret {
  readonly #bytes: Uint8Array;
  #wiped = false;

  /** Takes `bytes` over: it is not copied, and {@link Secret.wipe} overwrites it. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The bytes themselves, not a copy: not to be changed, kept or shown. Throws TypeError after {@link Secret.wipe}. */
  expose(): Uint8Array {
    if (this.#wiped) throw new TypeError("Cannot use a secret: it was wiped");
    return this.#bytes;
  }

  /** Overwrites the bytes with zeros. Safe to call twice. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return REDACTED;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return REDACTED;
  }
}

/** Whether `a` and `b` hold the same bytes, in a time that depends on their lengths alone. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
