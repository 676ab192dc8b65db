import assert from "node:assert/strict";
import { concatBytes } from "../../../core/bytes/mod.ts";
import { logOrder } from "../../../core/store/_log_order.ts";
import { StoreIndex } from "../../../core/store/store_index.ts";
import { idOf } from "../../fixtures/store_env.ts";

Deno.test("logOrder() sorts by segment and offset, leaves out what is not there, and keeps what comes twice", () => {
  const index = StoreIndex.empty();
  let random = 11;
  const next = (limit: number) => (random = (Math.imul(random, 1103515245) + 12345) >>> 0) % limit;
  // Offsets as near as entries can be, and up to the end of the largest segment.
  const ends = new Map<number, number>();
  const segments = [3, 0, 70_000, 0xfffffffd];
  const places = Array.from({ length: 3000 }, () => {
    const segment = segments[next(segments.length)]!;
    const offset = (ends.get(segment) ?? 8) + 41 + next(100);
    ends.set(segment, offset);
    return { segment, offset };
  });
  places.push({ segment: 3, offset: 0xffffffd6 }, { segment: 3, offset: 0xffffffad });
  for (const [n, { segment, offset }] of places.entries()) index.set(idOf(n), segment, offset);
  const asked = places.map((_, n) => n).filter((n) => n % 7 !== 0).sort((a, b) =>
    (a * 7919) % 3001 - (b * 7919) % 3001
  );
  asked.push(5000, asked[0]!, 6000);
  const order = logOrder(index, concatBytes(...asked.map(idOf)));
  const expected = asked.filter((n) => n < places.length).sort((a, b) =>
    places[a]!.segment - places[b]!.segment || places[a]!.offset - places[b]!.offset
  );
  assert.deepEqual([...order].map((at) => asked[at]), expected);
  assert.equal(logOrder(index, new Uint8Array(0)).length, 0);
});
