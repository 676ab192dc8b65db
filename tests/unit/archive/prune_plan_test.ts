import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ArchiveInfo,
  formatTimestamp,
  isCheckpoint,
  planPrune,
  PRUNE_RULES,
  type PruneDecision,
  type PrunePolicy,
  type PruneRule,
} from "../../../core/archive/mod.ts";
import { asChunkId } from "../../../core/bytes/mod.ts";

const HOUR = 3_600_000_000;
const DAY = 24 * HOUR;

const utc = (us: number) => {
  const date = new Date(us / 1000);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  };
};

const archive = (name: string, us: number): ArchiveInfo => ({
  name,
  id: asChunkId(new Uint8Array(32)),
  time: formatTimestamp(us),
});

const at = (...times: string[]): ArchiveInfo[] => times.map((time) => archive(time, Date.parse(time) * 1000));

const plan = (archives: readonly ArchiveInfo[], policy: PrunePolicy, nowUs = 0): PruneDecision[] =>
  planPrune(archives, policy, { nowUs, local: utc });

/** "name:rule#n" of what is kept, in the order of the plan. */
const kept = (decisions: readonly PruneDecision[]): string[] =>
  decisions.filter(({ keep }) => keep).map(({ info, rule, ordinal }) => `${info.name}:${rule}#${ordinal}`);

const policies: fc.Arbitrary<PrunePolicy> = fc.record({
  keep: fc.dictionary(fc.constantFrom(...PRUNE_RULES), fc.integer({ min: -1, max: 6 })),
}, { requiredKeys: ["keep"] });

const sets = fc.array(
  fc.record({
    us: fc.oneof(
      fc.integer({ min: 0, max: 4_000 }).map((n) => n * 6 * HOUR),
      fc.integer({ min: 0, max: 2_000_000_000 }).map((n) => n * 1_000_000),
    ),
    suffix: fc.constantFrom("", "", "", ".checkpoint", ".checkpoint.2"),
  }),
  { maxLength: 60 },
).map((entries) => entries.map(({ us, suffix }, i) => archive(`a${i}${suffix}`, us)));

Deno.test("planPrune() decides once about each archive, from the newest to the oldest", () => {
  fc.assert(fc.property(sets, policies, (archives, policy) => {
    const decisions = plan(archives, policy);
    assert.deepEqual(decisions.map((d) => d.info.name).sort(), archives.map((a) => a.name).sort());
    for (let i = 1; i < decisions.length; i++) {
      assert.ok(decisions[i - 1]!.info.time >= decisions[i]!.info.time);
    }
    for (const { keep, checkpoint, rule } of decisions) assert.equal(keep && !checkpoint, rule !== null);
  }));
});

Deno.test("planPrune() numbers what a rule keeps without gaps, and never above the limit", () => {
  fc.assert(fc.property(sets, policies, (archives, policy) => {
    for (const rule of PRUNE_RULES) {
      const numbers = plan(archives, policy)
        .filter((d) => d.rule === rule || d.rule === `${rule}[oldest]`).map((d) => d.ordinal);
      assert.deepEqual(numbers, numbers.map((_, i) => i + 1));
      const limit = policy.keep[rule] ?? 0;
      if (limit >= 0) assert.ok(numbers.length <= limit);
    }
  }));
});

Deno.test("planPrune() keeps the newest backup whatever the rule, and only the newest checkpoint of all", () => {
  fc.assert(fc.property(sets, fc.constantFrom(...PRUNE_RULES), (archives, rule) => {
    const decisions = plan(archives, { keep: { [rule]: 1 } });
    const newest = decisions.find(({ checkpoint }) => !checkpoint);
    if (newest) assert.equal(newest.rule, rule);
    for (const [i, { keep, checkpoint }] of decisions.entries()) {
      if (checkpoint) assert.equal(keep, i === 0);
    }
  }));
});

Deno.test("planPrune() keeps everything of a set that it has thinned out already", () => {
  fc.assert(fc.property(sets, fc.constantFrom(...PRUNE_RULES), fc.nat(8), (archives, rule, count) => {
    const policy = { keep: { [rule]: count + 1 } };
    const survivors = new Set(plan(archives, policy).filter(({ keep }) => keep).map(({ info }) => info));
    const again = plan(archives.filter((info) => survivors.has(info)), policy);
    assert.ok(again.every(({ keep }) => keep));
  }));
});

Deno.test("planPrune() with a negative number keeps one of every period", () => {
  fc.assert(fc.property(sets, (archives) => {
    const backups = archives.filter((info) => !isCheckpoint(info.name));
    const days = new Set(backups.map((info) => info.time.slice(0, 10)));
    const found = plan(archives, { keep: { daily: -1 } }).filter(({ rule }) => rule === "daily");
    assert.deepEqual(new Set(found.map(({ info }) => info.time.slice(0, 10))), days);
    assert.equal(found.length, days.size);
  }));
});

Deno.test("planPrune() lets rules skip what earlier ones keep, and keeps the oldest where one finds too few", () => {
  const archives = at("2026-01-01T10:00Z", "2026-01-01T12:00Z", "2026-01-02T10:00Z", "2026-01-02T12:00Z");
  assert.deepEqual(kept(plan(archives, { keep: { secondly: 1, daily: 2 } })), [
    "2026-01-02T12:00Z:secondly#1",
    "2026-01-01T12:00Z:daily#1",
    "2026-01-01T10:00Z:daily[oldest]#2",
  ]);
  assert.deepEqual(kept(plan(archives, { keep: { daily: -1 } })), [
    "2026-01-02T12:00Z:daily#1",
    "2026-01-01T12:00Z:daily#2",
  ]);
  assert.deepEqual(kept(plan(archives, { keep: {} })), []);
});

Deno.test("planPrune() keeps what is younger than the interval, and does not count that for rules", () => {
  const now = Date.parse("2026-01-10T00:00Z") * 1000;
  const archives = [1, 2, 3, 24, 25, 49].map((hours) => archive(`h${hours}`, now - hours * HOUR));
  assert.deepEqual(
    kept(plan(archives, { withinHours: 24, keep: { daily: 1 } }, now)),
    [
      "h1:within#1",
      "h2:within#2",
      "h3:within#3",
      "h25:daily#1",
    ].map((line) => line === "h25:daily#1" ? "h25:daily#1" : line),
  );
  assert.deepEqual(kept(plan(archives, { withinHours: 25, keep: {} }, now)).length, 4);
});

Deno.test("planPrune() takes the later one in the manifest of two archives of one instant", () => {
  const archives = [archive("first", DAY), archive("second", DAY)];
  assert.deepEqual(kept(plan(archives, { keep: { secondly: 1 } })), ["second:secondly#1"]);
});

Deno.test("planPrune() forms weeks and quarters as ISO 8601 and the calendar do", () => {
  const kinds = (rule: PruneRule, ...days: string[]): number =>
    plan(at(...days.map((day) => `${day}T00:00Z`)), { keep: { [rule]: -1 } }).filter(({ keep }) => keep)
      .length;
  // 2020-12-28 to 2021-01-03 is week 53 of 2020.
  assert.equal(kinds("weekly", "2020-12-28", "2020-12-31", "2021-01-03"), 1);
  assert.equal(kinds("weekly", "2020-12-27", "2020-12-28", "2021-01-04"), 3);
  // Week 53 belongs to the fourth quarter; weeks 13, 26 and 39 end quarters.
  assert.equal(kinds("quarterly_13weekly", "2020-10-01", "2020-12-31", "2021-01-03"), 1);
  assert.equal(kinds("quarterly_13weekly", "2021-01-04", "2021-04-04"), 1);
  assert.equal(kinds("quarterly_13weekly", "2021-04-04", "2021-04-05", "2021-07-04", "2021-07-05"), 3);
  assert.equal(kinds("quarterly_13weekly", "2021-10-03", "2021-10-04"), 2);
  assert.equal(kinds("quarterly_3monthly", "2021-01-01", "2021-03-31", "2021-04-01", "2021-06-30"), 2);
  assert.equal(kinds("quarterly_3monthly", "2020-12-31", "2021-01-01", "2021-10-01", "2021-12-31"), 3);
});

Deno.test("planPrune() refuses a time that it cannot read", () => {
  const broken = { ...archive("broken", 0), time: "yesterday" };
  assert.throws(() => plan([broken], { keep: { daily: 1 } }), { code: "IntegrityError" });
});
