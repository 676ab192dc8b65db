/** A benchmark's result as text. In: the result. Out: a table, one line for each row and program. */
import type { Measured } from "./measure.ts";
import { type BenchResult, programsOf, provenance } from "./result.ts";

interface Column {
  title: string;
  pick: (measured: Measured) => number | undefined;
  digits: number;
}

const COLUMNS: readonly Column[] = [
  { title: "wall s", pick: (measured) => measured.wallSeconds, digits: 2 },
  { title: "cpu s", pick: (measured) => measured.cpuSeconds, digits: 2 },
  { title: "peak MB", pick: (measured) => measured.peakMegabytes, digits: 0 },
  {
    title: "stored MB",
    pick: ({ storedBytes }) => storedBytes === undefined ? undefined : storedBytes / 1e6,
    digits: 1,
  },
];

const WIDTH = 10;

/** `ratio` is Alcove's figure divided by the line's: below 1 Alcove is faster, or smaller. */
export function renderTable(result: BenchResult): string {
  const programs = programsOf(result);
  const nameWidth = Math.max(8, ...programs.map((name) => name.length)) + 2;
  const heads = COLUMNS.map(({ title }) => title.padStart(WIDTH) + "ratio".padStart(WIDTH - 3)).join("");
  const lines = [...provenance(result), "", " ".repeat(nameWidth) + heads];
  for (const { name, results } of result.rows) {
    lines.push("", name);
    for (const program of programs) {
      const measured = results[program];
      if (!measured) continue;
      const base = program === "alcove" ? undefined : results["alcove"];
      const cells = COLUMNS.map((column) => cell(column, measured, base)).join("");
      lines.push((program.padEnd(nameWidth) + cells).trimEnd());
    }
  }
  lines.push("", "ratio: Alcove's figure divided by this one; MB: 10^6 bytes");
  return `${lines.join("\n")}\n`;
}

function cell({ pick, digits }: Column, measured: Measured, base: Measured | undefined): string {
  const value = pick(measured);
  if (value === undefined) return "".padStart(2 * WIDTH - 3);
  const own = base && pick(base);
  const ratio = own === undefined || value === 0 ? "" : (own / value).toFixed(2);
  return value.toFixed(digits).padStart(WIDTH) + ratio.padStart(WIDTH - 3);
}
