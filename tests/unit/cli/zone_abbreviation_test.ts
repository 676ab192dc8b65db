/** Short names of zones, against `date`, which has them from the same C library as Python. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { zoneAbbreviation } from "../../../cli/zone_abbreviation.ts";
import { run } from "../../fixtures/borg.ts";

const ZONES = [
  ...["Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Sao_Paulo"],
  ...[
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "UTC",
    "Etc/GMT+5",
  ],
];
/** Before all rules, war time, old rules, winter, summer, the last change on file, and far beyond it. */
const TIMES = [-3e9, -8e8, 1e8, 1_700_000_000, 1_720_000_000, 2_100_000_000, 4_000_000_000, 4_010_000_000];

Deno.test("zoneAbbreviation() says what date says", () => {
  if (!existsSync("/usr/share/zoneinfo/Europe/Berlin")) return console.log("skipped: no zone files here");
  for (const zone of ZONES) {
    const dates = TIMES.map((time) =>
      run("date", ["-d", `@${time}`, "+%Z"], { env: { TZ: zone } }).stdout.trim()
    );
    assert.deepEqual(TIMES.map((time) => zoneAbbreviation(time, zone)), dates, zone);
  }
});

Deno.test("zoneAbbreviation() does not know what has no file", () => {
  assert.equal(zoneAbbreviation(0, "Europe/Nowhere"), null);
  assert.equal(zoneAbbreviation(0, "../../../etc/passwd"), null);
});
