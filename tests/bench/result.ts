/** What a benchmark run found out, as `--json` writes it: figures, and where and with what they were measured. */
import { cpus, totalmem } from "node:os";
import type { Program } from "./programs.ts";
import type { Row } from "./rows.ts";

export interface BenchResult {
  /** ISO 8601, the day alone. */
  date: string;
  machine: { cpu: string; cores: number; memoryBytes: number; system: string };
  /** By program. */
  versions: Record<string, string>;
  runs: number;
  rows: Row[];
}

/** `runtime`: what Alcove ran on. */
export function describeRun(programs: readonly Program[], runs: number, runtime: string): BenchResult {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      cpu: cpus()[0]?.model.trim() || "unknown processor",
      cores: cpus().length,
      memoryBytes: totalmem(),
      system: `${Deno.build.os} ${Deno.build.arch}`,
    },
    versions: {
      ...Object.fromEntries(programs.map(({ name, version }) => [name, version ?? "unknown"])),
      ...(runtime === "" ? {} : { deno: runtime }),
    },
    runs,
    rows: [],
  };
}

/** One line on date, machine and versions, for table and picture. */
export function provenance({ date, machine, versions, runs }: BenchResult): string[] {
  const memory = `${Math.round(machine.memoryBytes / 2 ** 30)} GiB`;
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ");
  return [
    `${date}, ${machine.cpu}, ${machine.cores} cores, ${memory}, ${machine.system}`,
    `${list}; medians of ${runs} ${runs === 1 ? "run" : "alternating runs"}`,
  ];
}

/** Programs in the order of the rows' results, Alcove first. */
export function programsOf({ rows }: Pick<BenchResult, "rows">): string[] {
  const names = new Set(rows.flatMap((row) => Object.keys(row.results)));
  return [...names].sort((a, b) => Number(b === "alcove") - Number(a === "alcove") || (a < b ? -1 : 1));
}
