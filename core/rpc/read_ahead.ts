/**
 * Objects that are asked for before they are needed. Over a long way an answer takes its time, and many may be under way
 * at once; how many is bounded, by number and by what they weigh on average.
 */
import { type ChunkId, encodeHex } from "../bytes/mod.ts";

/** An object, or why there is none. */
export type Answer = { data: Uint8Array } | { error: unknown };

/** What was announced and not yet taken. */
interface Announced {
  readonly id: ChunkId;
  answer: Promise<Answer> | null;
  taken: boolean;
}

const MAX_UNDER_WAY = 4096;
const MAX_BYTES_UNDER_WAY = 16 << 20;
const FIRST_GUESS_BYTES = 128 << 10;

export class ReadAhead {
  /** In the order in which they were announced; what is before `#next` was asked for. */
  #queue: Announced[] = [];
  #next = 0;
  readonly #byId = new Map<string, Announced[]>();
  /** Announced objects that were asked for and not yet taken. */
  #underWay = 0;
  #average = FIRST_GUESS_BYTES;

  /** `fetch` asks for one object at once. */
  constructor(private readonly fetch: (id: ChunkId) => Promise<Uint8Array>) {}

  /** How many objects may be under way. */
  get window(): number {
    return Math.min(MAX_UNDER_WAY, Math.max(2, MAX_BYTES_UNDER_WAY / this.#average));
  }

  /** These will be taken soon, in that order. */
  announce(ids: Iterable<ChunkId>): void {
    for (const id of ids) {
      const entry: Announced = { id: id.slice() as ChunkId, answer: null, taken: false };
      const key = encodeHex(id);
      const same = this.#byId.get(key);
      if (same) same.push(entry);
      else this.#byId.set(key, [entry]);
      this.#queue.push(entry);
    }
    this.#pump();
  }

  /** The object, which may be here already. */
  take(id: ChunkId): Promise<Answer> {
    const entry = this.#find(id);
    if (!entry) return this.#ask(id);
    entry.taken = true;
    if (entry.answer === null) return this.#ask(id);
    this.#underWay--;
    this.#pump();
    return entry.answer;
  }

  /** What was announced may have changed: nothing of it is given out any more. */
  forget(): void {
    this.#queue = [];
    this.#next = 0;
    this.#byId.clear();
    this.#underWay = 0;
  }

  #find(id: ChunkId): Announced | undefined {
    if (this.#byId.size === 0) return undefined;
    const key = encodeHex(id);
    const same = this.#byId.get(key);
    const entry = same?.shift();
    if (same?.length === 0) this.#byId.delete(key);
    return entry;
  }

  #pump(): void {
    while (this.#next < this.#queue.length && this.#underWay < this.window) {
      const entry = this.#queue[this.#next++]!;
      if (entry.taken) continue;
      this.#underWay++;
      entry.answer = this.#ask(entry.id);
    }
    if (this.#next < this.#queue.length) return;
    this.#queue = [];
    this.#next = 0;
  }

  #ask(id: ChunkId): Promise<Answer> {
    return this.fetch(id).then((data) => {
      this.#average += (data.length - this.#average) / 8;
      return { data };
    }, (error) => ({ error }));
  }
}
