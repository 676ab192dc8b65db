/**
 * The arguments of one call, by name, each checked for its type when it is asked for. Those that nobody asks for are ignored
 * and those that are missing, or null, take their default: that is how borg's versions get along with each other.
 */
import { asChunkId, type ChunkId, decodeText, ID_LENGTH, type Unpacked } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import type { RpcRequest } from "./frame.ts";

export class CallArguments {
  readonly #values: ReadonlyMap<string, Unpacked>;

  constructor(private readonly method: string, values: ReadonlyMap<string, Unpacked>) {
    this.#values = values;
  }

  /** `names` are those of the arguments in the order that the old dialect has. */
  static of(request: RpcRequest, names: readonly string[]): CallArguments {
    const { method, args } = request;
    if (args instanceof Map) return new CallArguments(method, args);
    const values = new Map<string, Unpacked>();
    (args as readonly Unpacked[]).slice(0, names.length).forEach((value, i) => values.set(names[i]!, value));
    return new CallArguments(method, values);
  }

  /** Null where it is missing. */
  value(name: string): Unpacked {
    return this.#values.get(name) ?? null;
  }

  bytes(name: string): Uint8Array {
    const value = this.value(name);
    return value instanceof Uint8Array ? value : this.#refuse(name, "bytes");
  }

  text(name: string): string {
    return decodeText(this.bytes(name));
  }

  id(name: string): ChunkId {
    const value = this.value(name);
    if (!(value instanceof Uint8Array) || value.length !== ID_LENGTH) {
      return this.#refuse(name, `an id of ${ID_LENGTH} bytes`);
    }
    return asChunkId(value);
  }

  optionalId(name: string): ChunkId | undefined {
    return this.value(name) === null ? undefined : this.id(name);
  }

  /** Numbers are taken for what Python takes them. */
  flag(name: string, missing: boolean): boolean {
    const value = this.value(name);
    if (value === null) return missing;
    if (typeof value === "boolean") return value;
    return typeof value === "number" ? value !== 0 : this.#refuse(name, "true or false");
  }

  /** A number that is not negative. */
  number(name: string, missing: number): number {
    const value = this.value(name);
    if (value === null) return missing;
    return typeof value === "number" && value >= 0 ? value : this.#refuse(name, "a number, 0 or more");
  }

  /** How many, at least one; Infinity where it is missing. */
  limit(name: string): number {
    const value = this.value(name);
    if (value === null) return Infinity;
    return typeof value === "number" && Number.isInteger(value) && value >= 1
      ? value
      : this.#refuse(name, "a whole number above zero");
  }

  /** A whole number of 64 bits. */
  counter(name: string): bigint {
    const value = this.optionalCounter(name);
    return value === null ? this.#refuse(name, "a whole number of 64 bits") : value;
  }

  optionalCounter(name: string): bigint | null {
    const value = this.value(name);
    if (value === null) return null;
    const whole = typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
    return whole && value >= 0 ? BigInt(value) : this.#refuse(name, "a whole number of 64 bits");
  }

  #refuse(name: string, wanted: string): never {
    throw new AppError("Error", [`Cannot call ${this.method}: its argument ${name} must be ${wanted}`]);
  }
}
