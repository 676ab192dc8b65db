import assert from "node:assert/strict";
import { hexOfId } from "../../../core/bytes/mod.ts";
import { decodeHints, encodeHints, Hints } from "../../../core/store/hints.ts";
import { ShadowIndex } from "../../../core/store/shadow_index.ts";
import { idOf } from "../../fixtures/store_env.ts";

/** What a dictionary of lists does: the meaning of the shadow index. */
class Twin {
  readonly map = new Map<string, number[]>();

  add(id: string, segment: number): void {
    this.map.set(id, [...(this.map.get(id) ?? []), segment]);
  }

  removeSegment(id: string, segment: number): void {
    const list = this.map.get(id);
    const at = list?.indexOf(segment) ?? -1;
    if (at >= 0) this.map.set(id, list!.toSpliced(at, 1));
  }

  dropIfEmpty(id: string): void {
    if (this.map.get(id)?.length === 0) this.map.delete(id);
  }

  dropAfter(last: number): void {
    for (const [id, list] of this.map) this.map.set(id, list.filter((segment) => segment <= last));
  }
}

function contents(shadow: ShadowIndex): [string, number[]][] {
  const all: [string, number[]][] = [];
  shadow.forEach((id, segments) => all.push([hexOfId(id as Parameters<typeof hexOfId>[0]), [...segments]]));
  return all;
}

Deno.test("ShadowIndex does what a dictionary of lists does, in the order of first insertion", () => {
  let random = 5;
  const next = (limit: number) => (random = (Math.imul(random, 1103515245) + 12345) >>> 0) % limit;
  const shadow = new ShadowIndex();
  const twin = new Twin();
  // Growing, then mostly removing (records go, the table is made anew without them), then growing again.
  for (const [steps, removesIn10] of [[30_000, 2], [60_000, 9], [30_000, 3]] as const) {
    for (let i = 0; i < steps; i++) {
      const id = idOf(next(9000));
      const key = hexOfId(id);
      const segment = next(4);
      if (next(10) < removesIn10) {
        shadow.removeSegment(id, segment);
        twin.removeSegment(key, segment);
        shadow.dropIfEmpty(id);
        twin.dropIfEmpty(key);
      } else if (next(20) === 0) {
        const segments = Array.from({ length: next(3) }, () => next(1000));
        shadow.put(id, [...segments]);
        twin.map.set(key, segments);
      } else {
        shadow.add(id, segment);
        twin.add(key, segment);
      }
    }
    assert.equal(shadow.size, twin.map.size);
    assert.deepEqual(contents(shadow), [...twin.map]);
    for (let n = 0; n < 9000; n++) {
      assert.deepEqual(shadow.get(idOf(n)), twin.map.get(hexOfId(idOf(n))) ?? null);
    }
  }
  shadow.dropAfter(1);
  twin.dropAfter(1);
  assert.deepEqual(contents(shadow), [...twin.map]);
});

Deno.test("ShadowIndex tells segments apart from its marks, and lets go of emptied records", () => {
  const shadow = new ShadowIndex();
  for (const segment of [0xfffffffc, 0xfffffffd, 0xfffffffe, 0xffffffff]) {
    shadow.add(idOf(1), segment);
    assert.deepEqual(shadow.get(idOf(1)), [segment]);
    shadow.dropIfEmpty(idOf(1));
    shadow.removeSegment(idOf(1), segment);
    assert.deepEqual(shadow.get(idOf(1)), []);
    shadow.dropIfEmpty(idOf(1));
    assert.equal(shadow.get(idOf(1)), null);
  }
  assert.equal(shadow.size, 0);
});

Deno.test("a shadow index of many objects goes through hints byte for byte, its unusual entries too", () => {
  const hints = new Hints();
  for (let n = 0; n < 40_000; n++) hints.shadow.add(idOf(n), n * 131_072);
  for (const n of [0, 7, 39_999]) hints.shadow.add(idOf(n), 5);
  hints.shadow.put(idOf(3), []);
  for (const [n, segment] of [127, 128, 255, 256, 65_535, 65_536, 0xfffffffd].entries()) {
    hints.shadow.put(idOf(100 + n), [segment]);
  }
  // No segment has such numbers, but what was read is written again.
  hints.shadow.put(idOf(200), [-1]);
  hints.shadow.put(idOf(201), [2 ** 40]);
  hints.shadow.put(idOf(202), [0xffffffff]);
  const bytes = encodeHints(hints);
  const again = decodeHints(bytes).hints;
  assert.deepEqual(contents(again.shadow), contents(hints.shadow));
  assert.deepEqual(again.shadow.get(idOf(201)), [2 ** 40]);
  assert.deepEqual(again.shadow.get(idOf(106)), [0xfffffffd]);
  assert.ok(encodeHints(again).every((byte, i) => byte === bytes[i]));
});
