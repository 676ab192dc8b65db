import assert from "node:assert/strict";
import { parsePosixZone } from "../../../cli/posix_zone.ts";
import { borgPython, borgTest } from "../../fixtures/borg.ts";

/** Offset and name as the C library tells them. */
const LOCAL = `
import json, os, sys, time
answers = []
for zone, instants in json.load(sys.stdin):
    os.environ['TZ'] = zone
    time.tzset()
    answers.append([[time.localtime(t).tm_gmtoff, time.localtime(t).tm_zone] for t in instants])
print(json.dumps(answers))
`;

const ZONES = [
  "CET-1",
  "XYZ3",
  "<+0330>-3:30",
  "<-12>+12",
  "ABC-5:45:30",
  // Not "CET-1CEST": without rules each system has its own.
  "CET-1CEST,M3.5.0,M10.5.0/3",
  "CET-1CEST-2,M3.5.0/2,M10.5.0/3",
  "EST5EDT4,M3.2.0,M11.1.0/2:00:00",
  "AEST-10AEDT,M10.1.0,M4.1.0/3",
  "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
  "IST-1GMT0,M10.5.0,M3.5.0/1",
  "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
  "IST-2IDT,M3.4.4/26,M10.5.0",
  "AAA3BBB,J60/0,J300",
  "AAA3BBB,59/0,299",
  "AAA-3BBB,J1/0,J365/23",
  ":CET-1CEST,M3.5.0,M10.5.0/3",
];

borgTest("parsePosixZone() tells the offsets and names that the C library tells", () => {
  const instants: number[] = [];
  for (let year = 1996; year <= 2037; year++) {
    for (let day = 0; day < 366; day += 9) {
      instants.push(Date.UTC(year, 0, 1 + day, (year * 5 + day) % 24, 30) / 1000);
    }
    // Every half hour around the usual changes.
    for (const [month, day] of [[2, 8], [2, 25], [3, 1], [9, 1], [9, 25], [10, 1]] as const) {
      if (year % 5 !== 0) continue;
      for (let step = 0; step < 7 * 48; step++) {
        instants.push(Date.UTC(year, month, day, 0, 30 * step) / 1000);
      }
    }
  }
  const expected = borgPython<[number, string][][]>(LOCAL, ZONES.map((zone) => [zone, instants]));
  for (const [i, text] of ZONES.entries()) {
    const zone = parsePosixZone(text)!;
    assert.ok(zone, text);
    const wrong = instants.filter((t, j) => {
      const [offset, name] = expected[i]![j]!;
      return zone.offsetAt(t) !== offset || zone.nameAt(t) !== name;
    });
    assert.deepEqual(wrong, [], text);
  }
});

Deno.test("parsePosixZone() takes nothing else for a zone", () => {
  for (
    const text of [
      "",
      "UTC",
      "Europe/Berlin",
      "CE-1",
      "CET-1CEST,M13.1.0,M10.1.0",
      "CET-1CEST,J0,J5",
      "CET-1,",
    ]
  ) {
    assert.equal(parsePosixZone(text), null, text);
  }
});
