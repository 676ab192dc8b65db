import assert from "node:assert/strict";
import { asChunkId, type ChunkId } from "../../../core/bytes/mod.ts";
import { type Answer, ReadAhead } from "../../../core/rpc/read_ahead.ts";
import { settled } from "../../fixtures/memory_wire.ts";

const MIB = 1 << 20;

const id = (n: number): ChunkId => {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, n);
  return asChunkId(bytes);
};
const numberOf = (wanted: ChunkId): number => new DataView(wanted.buffer, wanted.byteOffset).getUint32(0);
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Notes what is asked for; answers when it is told to. */
class Source {
  readonly asked: number[] = [];
  readonly #open: { n: number; resolve(data: Uint8Array): void; reject(error: unknown): void }[] = [];
  readonly ahead = new ReadAhead((wanted) => {
    const n = numberOf(wanted);
    this.asked.push(n);
    return new Promise((resolve, reject) => this.#open.push({ n, resolve, reject }));
  });

  /** Answers all that is open, with `length` bytes that begin with the number. */
  answer(length = 4): void {
    for (const { n, resolve } of this.#open.splice(0)) {
      const data = new Uint8Array(length);
      new DataView(data.buffer).setUint32(0, n);
      resolve(data);
    }
  }

  fail(error: unknown): void {
    for (const { reject } of this.#open.splice(0)) reject(error);
  }

  get open(): number {
    return this.#open.length;
  }
}

const contentOf = (answer: Answer): number =>
  "data" in answer ? new DataView(answer.data.buffer).getUint32(0) : assert.fail(`${answer.error}`);

Deno.test("what was not announced is asked for when it is taken", async () => {
  const source = new Source();
  const taken = source.ahead.take(id(5));
  assert.deepEqual(source.asked, [5]);
  source.answer();
  assert.equal(contentOf(await taken), 5);
});

Deno.test("announced objects are asked for at once, each only once, and given out in any order", async () => {
  const source = new Source();
  source.ahead.announce([1, 2, 3].map(id));
  assert.deepEqual(source.asked, [1, 2, 3]);
  source.answer();
  for (const n of [3, 1, 2]) assert.equal(contentOf(await source.ahead.take(id(n))), n);
  assert.deepEqual(source.asked, [1, 2, 3]);
  // Taken is taken: the next time it is asked for anew.
  source.ahead.take(id(1));
  assert.deepEqual(source.asked, [1, 2, 3, 1]);
});

Deno.test("the bytes of an announced id are the caller's again at once", async () => {
  const source = new Source();
  const first = source.ahead.window;
  const buffer = id(0);
  const announce = function* (): Generator<ChunkId> {
    for (let n = 0; n < first + 10; n++) {
      buffer.set(id(n));
      yield buffer;
    }
  };
  source.ahead.announce(announce());
  source.answer();
  for (let n = 0; n < first + 10; n++) {
    const taken = source.ahead.take(id(n));
    source.answer();
    assert.equal(contentOf(await taken), n);
  }
  assert.deepEqual(source.asked, range(0, first + 10));
});

Deno.test("duplicates are asked for as often as they were announced", async () => {
  const source = new Source();
  source.ahead.announce([1, 2, 1, 1].map(id));
  assert.deepEqual(source.asked, [1, 2, 1, 1]);
  source.answer();
  for (const n of [1, 1, 2, 1]) assert.equal(contentOf(await source.ahead.take(id(n))), n);
  assert.equal(source.asked.length, 4);
});

Deno.test("no more are under way than the window, which moves on as they are taken", async () => {
  const source = new Source();
  const { window } = source.ahead;
  assert.equal(window, 128, "16 MiB of the 128 KiB that are guessed at first");
  source.ahead.announce(range(0, 1000).map(id));
  assert.deepEqual(source.asked, range(0, 128));
  // That they have arrived changes nothing: they still take up memory.
  source.answer(128 << 10);
  await settled();
  assert.equal(source.asked.length, 128);
  for (let n = 0; n < 10; n++) await source.ahead.take(id(n));
  assert.deepEqual(source.asked, range(0, 138));
});

Deno.test("the window follows what objects weigh: many small ones, few large ones, two at the least", async () => {
  for (const [bytes, least, most] of [[10, 4096, 4096], [2 * MIB, 7, 9], [20 * MIB, 2, 2]] as const) {
    const source = new Source();
    for (let n = 0; n < 60; n++) {
      const taken = source.ahead.take(id(n));
      source.answer(bytes);
      await taken;
    }
    const { window } = source.ahead;
    assert.ok(window >= least && window <= most, `${bytes} bytes: ${window}`);
    source.ahead.announce(range(100, 10_000).map(id));
    assert.equal(source.open, Math.ceil(window));
  }
});

Deno.test("a second announcement queues behind the first", () => {
  const source = new Source();
  source.ahead.announce(range(0, 120).map(id));
  source.ahead.announce(range(500, 520).map(id));
  assert.deepEqual(source.asked, [...range(0, 120), ...range(500, 508)]);
});

Deno.test("what is taken before its turn is not asked for again when that comes", async () => {
  const source = new Source();
  source.ahead.announce(range(0, 200).map(id));
  const early = source.ahead.take(id(150));
  assert.equal(source.asked.at(-1), 150);
  source.answer();
  assert.equal(contentOf(await early), 150);
  for (let n = 0; n < 150; n++) {
    const taken = source.ahead.take(id(n));
    source.answer();
    assert.equal(contentOf(await taken), n);
  }
  assert.deepEqual(source.asked.toSorted((a, b) => a - b), range(0, 200));
});

Deno.test("after forget nothing old is given out, and the window is free again", async () => {
  const source = new Source();
  source.ahead.announce(range(0, 1000).map(id));
  source.answer();
  source.ahead.forget();
  const taken = source.ahead.take(id(0));
  assert.deepEqual(source.asked, [...range(0, 128), 0]);
  source.answer(8);
  const answer = await taken;
  assert.ok("data" in answer && answer.data.length === 8, "the new answer");
  source.ahead.announce(range(2000, 2010).map(id));
  assert.deepEqual(source.asked.slice(129), range(2000, 2010), "nothing of the old queue");
});

Deno.test("a failure is the answer for whoever takes it, and nobody else's", async () => {
  const source = new Source();
  const error = new Error("no such object");
  source.ahead.announce([1, 2].map(id));
  source.fail(error);
  await settled(); // nobody waits for it yet: it is no unhandled rejection
  assert.deepEqual(await source.ahead.take(id(1)), { error });
  source.ahead.announce([id(3)]);
  source.answer();
  assert.equal(contentOf(await source.ahead.take(id(3))), 3);
  assert.deepEqual(await source.ahead.take(id(2)), { error });
});

Deno.test("failures free their place in the window", async () => {
  const source = new Source();
  source.ahead.announce(range(0, 300).map(id));
  for (let n = 0; n < 300; n++) {
    source.fail(new Error(`${n}`));
    await source.ahead.take(id(n));
  }
  assert.deepEqual(source.asked, range(0, 300));
});
