/** JSON lines that scripts search as text: Python's own `json.dumps` is the judge. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { pythonJson } from "../../../cli/python_json.ts";

const VALUES = [
  {
    type: "log_message",
    message: 'a "b" \\ \n\t\u0000\u001f\u007f',
    time: 1.5,
    n: null,
    yes: true,
    no: false,
  },
  { z: [1, 2.25, []], a: { y: {}, b: "ü\u2028\ud83d\ude00\udc80" }, "ö": -7 },
  "plain",
];
const DUMPS =
  "import json, sys\nfor v in json.load(sys.stdin): print(json.dumps(v, sort_keys=sys.argv[1] == 'sorted'))";

for (const order of ["as is", "sorted"] as const) {
  Deno.test(`pythonJson() writes what json.dumps writes, keys ${order}`, () => {
    const { status, stdout } = spawnSync("python3", ["-c", DUMPS, order], {
      input: JSON.stringify(VALUES),
      encoding: "utf8",
    });
    if (status !== 0) return console.log("skipped: no Python to compare with");
    assert.deepEqual(VALUES.map((value) => pythonJson(value, order)), stdout.trimEnd().split("\n"));
  });
}
