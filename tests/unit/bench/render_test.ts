/** The benchmark's table and picture, from figures made up here. */
import assert from "node:assert/strict";
import { escapeXml, renderSvg } from "../../bench/svg.ts";
import { renderTable } from "../../bench/table.ts";
import { median } from "../../bench/measure.ts";
import type { BenchResult } from "../../bench/result.ts";

const RESULT: BenchResult = {
  date: "2026-11-24",
  machine: {
    cpu: 'Fast & <"Loose"> \u0007 9000',
    cores: 2,
    memoryBytes: 24 * 2 ** 30,
    system: "linux x86_64",
  },
  versions: { alcove: "0.1.0", borg: "1.2.4", restic: "0.14.0" },
  runs: 5,
  rows: [
    {
      name: "first <backup> & more",
      results: {
        borg: { wallSeconds: 4, cpuSeconds: 3, peakMegabytes: 80, storedBytes: 2_000_000 },
        alcove: { wallSeconds: 2, cpuSeconds: 3, peakMegabytes: 160, storedBytes: 1_000_000 },
      },
    },
    {
      name: "nothing took any time",
      results: { alcove: { wallSeconds: 0, cpuSeconds: 0, peakMegabytes: 0 } },
    },
  ],
};

const NAME = "[A-Za-z][A-Za-z0-9-]*";
const TAG = new RegExp(`^<(/?)(${NAME})((?:\\s+${NAME}="[^"<&]*")*)\\s*(/?)>`);

/** Throws unless `xml` is one element in which every tag is closed in its turn, without bare `<` and `&`. */
function assertWellFormed(xml: string): void {
  const open: string[] = [];
  let roots = 0;
  for (let rest = xml.trim(); rest !== "";) {
    if (!rest.startsWith("<")) {
      const content = /^[^<]+/.exec(rest)![0];
      assert.doesNotMatch(content.replace(/&(#\d+|amp|lt|gt|quot|apos);/g, ""), /[&>]/);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(content, /[\x00-\x08\x0b\x0c\x0e-\x1f]/);
      assert.notEqual(open.length, 0, "text outside of the root");
      rest = rest.slice(content.length);
      continue;
    }
    const tag = TAG.exec(rest);
    assert.ok(tag, `no tag: ${rest.slice(0, 60)}`);
    const [whole, closing, name, , empty] = tag;
    if (closing) assert.equal(open.pop(), name);
    else {
      if (open.length === 0) roots++;
      if (!empty) open.push(name!);
    }
    rest = rest.slice(whole.length);
  }
  assert.deepEqual([open, roots], [[], 1]);
}

Deno.test("assertWellFormed() of this test sees what is not well-formed", () => {
  assertWellFormed('<a b="1">x &#38; y<c/></a>');
  for (const bad of ["<a>", "<a></b>", "<a>&</a>", "<a/><b/>", "<a b='<'/>", "<a>\u0007</a>", "x"]) {
    assert.throws(() => assertWellFormed(bad), bad);
  }
});

Deno.test("renderSvg() writes well-formed XML whatever the names are, without script and foreign files", () => {
  const svg = renderSvg(RESULT);
  assertWellFormed(svg);
  assert.match(svg, /first &#60;backup&#62; &#38; more/);
  assert.match(svg, /2026-11-24, Fast &#38; &#60;&#34;Loose&#34;&#62; \ufffd 9000, 2 cores/);
  assert.match(svg, /borg 1\.2\.4/);
  assert.doesNotMatch(svg, /<script|href|url\(|@import|NaN|Infinity/);
});

Deno.test("renderSvg() draws the slowest bar of a row in full and the others in proportion", () => {
  const widths = [...renderSvg(RESULT).matchAll(/<rect class="(p\d)"[^>]* width="(\d+)"/g)]
    .map(([, program, width]) => [program, Number(width)]);
  const full = Math.max(...widths.map(([, width]) => width as number));
  assert.deepEqual(widths, [["p0", full / 2], ["p1", full], ["p0", 1]]);
});

Deno.test("escapeXml() leaves plain text alone", () => {
  assert.equal(escapeXml("äöü – 1,5 s"), "äöü – 1,5 s");
});

Deno.test("renderTable() shows Alcove's figure divided by the other's, and gaps where nothing was measured", () => {
  const lines = renderTable(RESULT).split("\n");
  const borg = lines.find((line) => line.startsWith("borg "))!;
  assert.deepEqual(borg.trim().split(/\s+/), [
    "borg",
    "4.00",
    "0.50",
    "3.00",
    "1.00",
    "80",
    "2.00",
    "2.0",
    "0.50",
  ]);
  const alcove = lines.findLast((line) => line.startsWith("alcove "))!;
  assert.deepEqual(alcove.trim().split(/\s+/), ["alcove", "0.00", "0.00", "0"]);
  assert.ok(lines.every((line) => line === line.trimEnd()));
});

Deno.test("median() takes each figure by itself", () => {
  const run = (wallSeconds: number, peakMegabytes: number) => ({ wallSeconds, cpuSeconds: 1, peakMegabytes });
  assert.deepEqual(median([run(3, 1), run(1, 3), run(2, 2)]), run(2, 2));
});
