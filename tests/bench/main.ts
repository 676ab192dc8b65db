/**
 * `deno task bench [--megabytes N] [--files N] [--runs N] [--dir DIR]`: Alcove beside the real borg, in one run,
 * run by run in turn. Data and repositories lie in memory (/dev/shm) unless told otherwise, so that the programs and not
 * the disk are measured. Prints medians and ratios (below 1: Alcove is faster or smaller).
 */
import * as fs from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { copySmallFiles, makeRandomFile } from "./data.ts";
import { measure, type Measured, median } from "./measure.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    megabytes: { type: "string", default: "1024" },
    files: { type: "string", default: "20000" },
    runs: { type: "string", default: "3" },
    encryption: { type: "string", default: "repokey" },
    dir: { type: "string" },
    program: { type: "string", multiple: true },
  },
});

const base = options.dir ?? (fs.existsSync("/dev/shm") ? "/dev/shm" : "/tmp");
const work = fs.mkdtempSync(join(base, "alcove-bench-"));
const main = new URL("../../cli/main.ts", import.meta.url).pathname;
const PROGRAMS: Record<string, string[]> = {
  borg: ["borg"],
  alcove: options.program ?? [Deno.execPath(), "run", "-A", "--no-prompt", main],
};

function environment(program: string): Record<string, string> {
  return {
    BORG_BASE_DIR: join(work, `home-${program}`),
    BORG_PASSPHRASE: "bench",
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
    BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
  };
}

function runProgram(program: string, args: readonly string[], cwd = work): Measured {
  return measure([...PROGRAMS[program]!, ...args], { env: environment(program), cwd });
}

interface Row {
  name: string;
  results: Record<string, Measured>;
}
const rows: Row[] = [];

/** Runs `body` for each program in turn, several times; it prepares, and answers what to measure. */
function row(name: string, body: (program: string, run: number) => Measured): void {
  const runs: Record<string, Measured[]> = { borg: [], alcove: [] };
  for (let i = 0; i < Number(options.runs); i++) {
    for (const program of Object.keys(PROGRAMS)) runs[program]!.push(body(program, i));
  }
  rows.push({ name, results: { borg: median(runs["borg"]!), alcove: median(runs["alcove"]!) } });
  console.error(`measured: ${name}`);
}

function freshRepository(program: string): string {
  const repository = join(work, `repo-${program}`);
  fs.rmSync(repository, { recursive: true, force: true });
  fs.rmSync(environment(program)["BORG_BASE_DIR"]!, { recursive: true, force: true });
  runProgram(program, ["init", "-e", options.encryption, repository]);
  return repository;
}

function benchSource(label: string, source: string): void {
  const repository = (program: string): string => join(work, `repo-${program}`);
  row(`first backup, ${label}`, (program) => {
    freshRepository(program);
    return runProgram(program, ["create", `${repository(program)}::first`, source]);
  });
  row(
    `unchanged second backup, ${label}`,
    (program, run) => runProgram(program, ["create", `${repository(program)}::again${run}`, source]),
  );
  row(`extract, ${label}`, (program) => {
    const target = join(work, "restore");
    fs.rmSync(target, { recursive: true, force: true });
    fs.mkdirSync(target);
    return runProgram(program, ["extract", `${repository(program)}::first`], target);
  });
  row(`list, ${label}`, (program) => runProgram(program, ["list", `${repository(program)}::first`]));
  row(`check, ${label}`, (program) => runProgram(program, ["check", repository(program)]));
  row(
    `check --verify-data, ${label}`,
    (program) => runProgram(program, ["check", "--verify-data", repository(program)]),
  );
}

function print(): void {
  const number = (value: number): string => value.toFixed(2).padStart(8);
  console.log(
    `Alcove beside borg, ${
      cpus()[0]?.model.trim()
    }, ${cpus().length} cores, encryption ${options.encryption}, ` +
      `medians of ${options.runs} runs in ${base}`,
  );
  console.log(`${"".padEnd(52)}  borg s alcove s   ratio  borg cpu alc. cpu   ratio  borg MB alcove MB`);
  for (const { name, results } of rows) {
    const { borg, alcove } = results as { borg: Measured; alcove: Measured };
    console.log(
      name.padEnd(52) + number(borg.wallSeconds) + number(alcove.wallSeconds) +
        number(alcove.wallSeconds / borg.wallSeconds) + "  " + number(borg.cpuSeconds) +
        number(alcove.cpuSeconds) +
        number(alcove.cpuSeconds / borg.cpuSeconds) + "  " + borg.peakMegabytes.toFixed(0).padStart(8) +
        alcove.peakMegabytes.toFixed(0).padStart(9),
    );
  }
}

try {
  const large = join(work, "large");
  fs.mkdirSync(large);
  makeRandomFile(join(large, "random.bin"), Number(options.megabytes));
  benchSource(`${options.megabytes} MB random in one file`, large);
  fs.rmSync(large, { recursive: true });
  const tree = join(work, "tree");
  const { files, bytes } = copySmallFiles("/usr", tree, Number(options.files));
  benchSource(`${files} small files, ${(bytes / 1e6).toFixed(0)} MB`, tree);
  print();
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
