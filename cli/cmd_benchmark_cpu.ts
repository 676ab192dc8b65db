/** `benchmark cpu`: how fast this machine does what a backup consists of. */
import { borrowAccel, randomBytes } from "../core/platform/mod.ts";
import { UsageError } from "../core/errors.ts";
import { benchmarkSections, type Row } from "./benchmark_cpu_rows.ts";
import type { CommandContext } from "./context.ts";
import { formatSize } from "./format_size.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "benchmark cpu",
  summary: "measure how fast this machine chunks, hashes, encrypts and compresses",
  description:
    `Works on data in memory, each operation for a third of a second, and shows how much it did, how long it took
and what that is per second. Have the machine do nothing else meanwhile, and look at more than one run: figures of a
machine that saves power, gets hot or is shared vary.

Where Alcove uses a library of this machine (libcrypto, liblz4), the line below, marked (portable), is the program's own
code, which runs where there is none, or with ALCOVE_ACCEL=0 in the environment. One core is measured; backups of large
files compress and encrypt on all of them.`,
  options: [],
  positionals: [],
};

/** What is usual for a chunk. */
const BUFFER_BYTES = 2 << 20;
const LEAST_MS = 330;
const TITLE_WIDTH = 64;

async function run(context: CommandContext): Promise<void> {
  const wanted = context.env("ALCOVE_BENCHMARK_BYTES");
  const bytes = wanted === undefined ? BUFFER_BYTES : Number(wanted);
  if (!(Number.isInteger(bytes) && bytes >= 1 && bytes <= 1 << 28)) {
    throw new UsageError("Error", [
      `ALCOVE_BENCHMARK_BYTES cannot be "${wanted}": it is a number of bytes`,
    ]);
  }
  const accel = context.env("ALCOVE_ACCEL") === "0" ? null : borrowAccel();
  context.print(`Borrowed libraries: ${accel?.description ?? "none"}\n`);
  // Whoever sets the size wants to see it work, not to know how fast it is.
  const leastMs = wanted === undefined ? LEAST_MS : 0;
  for (const section of benchmarkSections({ accel, bytes, randomBytes })) {
    context.print(`${`${section.title} `.padEnd(TITLE_WIDTH, "=")}\n`);
    for (const row of await section.rows()) context.print(`${await measure(row, leastMs)}\n`);
  }
}

/** Repeats a row's work for at least so long, and answers its line. */
async function measure(row: Row, leastMs: number): Promise<string> {
  // Once beforehand, so that the code is compiled and the memory there.
  if (leastMs > 0) await row.work();
  const start = performance.now();
  let amount = 0;
  let ms = 0;
  do {
    const done = row.work();
    if (done instanceof Promise) await done;
    amount += row.amount;
    ms = performance.now() - start;
  } while (ms < leastMs);
  const seconds = ms / 1000;
  // The clock may be too coarse for a very small piece of work.
  const rate = (scale: number): string => (seconds > 0 ? amount / scale / seconds : 0).toFixed(1).padStart(8);
  const what = row.unit ? `${amount} ${row.unit}` : formatSize(amount, true);
  const speed = row.unit ? `${rate(1)} ${row.unit}/s` : `${rate(1e6)} MB/s`;
  return `${row.name.padEnd(36)} ${what.padEnd(13)} ${seconds.toFixed(3)}s  ${speed}`;
}

export const command: Command = { spec, run };
