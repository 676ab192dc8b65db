import assert from "node:assert/strict";
import { limitRate } from "../../../core/rpc/rate_limit.ts";
import { MemoryWire } from "../../fixtures/memory_wire.ts";

/** A clock that only sleeping moves. */
class FakeClock {
  now = 5000;
  readonly slept: number[] = [];
  nowMs(): number {
    return this.now;
  }
  sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    this.now += ms;
    return Promise.resolve();
  }
}

/** Notes the length of each write and when it was. */
class Sink extends MemoryWire {
  readonly log: [atMs: number, bytes: number][] = [];
  readonly taken: number[] = [];
  constructor(private readonly clock: FakeClock, private readonly tookMs = 0) {
    super();
  }
  override write(bytes: Uint8Array): Promise<void> {
    this.log.push([this.clock.now - 5000, bytes.length]);
    this.taken.push(...bytes);
    this.clock.now += this.tookMs;
    return Promise.resolve();
  }
}

const numbered = (length: number) => Uint8Array.from({ length }, (_, i) => i);

Deno.test("limitRate sends a tenth of a second's worth at a time, and pays for each before the next", async () => {
  const clock = new FakeClock();
  const sink = new Sink(clock);
  const limited = limitRate(sink, 1000, clock);
  await limited.write(numbered(250));
  assert.deepEqual(sink.log, [[0, 100], [100, 100], [200, 50]]);
  await limited.write(numbered(100));
  assert.deepEqual(sink.log.at(-1), [250, 100], "the last piece costs as much as it is long");
  assert.deepEqual(sink.taken, [...numbered(250), ...numbered(100)]);
});

Deno.test("limitRate: a pause is not saved up for later", async () => {
  const clock = new FakeClock();
  const sink = new Sink(clock);
  const limited = limitRate(sink, 1000, clock);
  await limited.write(numbered(100));
  clock.now += 60_000;
  await limited.write(numbered(200));
  assert.deepEqual(sink.log, [[0, 100], [60_000, 100], [60_100, 100]]);
});

Deno.test("limitRate does not slow down what is slow already", async () => {
  const clock = new FakeClock();
  const sink = new Sink(clock, 70);
  await limitRate(sink, 1_000_000, clock).write(numbered(300_000));
  assert.deepEqual(sink.log.map(([at]) => at), [0, 170, 340]);
});

Deno.test("limitRate at one byte per second still gets along", async () => {
  const clock = new FakeClock();
  const sink = new Sink(clock);
  await limitRate(sink, 1, clock).write(numbered(3));
  assert.deepEqual(sink.log, [[0, 1], [1000, 1], [2000, 1]]);
  await limitRate(sink, 1, clock).write(new Uint8Array());
  assert.equal(sink.log.length, 3);
});

Deno.test("limitRate passes reading and closing on, and a failure of writing", async () => {
  const clock = new FakeClock();
  const wire = new MemoryWire();
  const limited = limitRate(wire, 1000, clock);
  wire.say(numbered(7));
  assert.deepEqual(await limited.read(), numbered(7));
  wire.broken = new Error("broken");
  await assert.rejects(limited.write(numbered(1)), /broken/);
  await limited.close();
  assert.equal(wire.closes, 1);
});
