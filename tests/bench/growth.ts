/**
 * `deno task bench-growth`: how time and memory of the commands grow with the repository. Synthetic repositories of 10^5
 * and 10^6 chunks (`growth_build.ts`), each with an archive of as many files and a thousand small archives; on each the
 * real commands run, each in a process of its own.
 *
 *     --large            10^7 chunks, too (1 GB of memory for files, several for the commands)
 *     --sizes A,B        other numbers of chunks; files are as many, at most 10^6
 *     --archives N       small archives (1000)
 *     --repeats N        further archives with the same files as the large one, as daily backups make them (0)
 *     --programs A,B     alcove (default), borg: each on its own copy
 *     --dir DIR          where the repositories lie (/dev/shm)
 *     --json FILE        writes all figures
 */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { HashIndex } from "../../wasm/mod.ts";
import { folderBytes } from "./data.ts";
import { filePath, type Size } from "./growth_build.ts";
import { measure, type Measured } from "./measure.ts";
import { allPrograms, bundledAlcove, environment, type Program } from "./programs.ts";

const BUILD = fileURLToPath(new URL("./growth_build.ts", import.meta.url));
const MAX_FILES = 1_000_000;

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    large: { type: "boolean", default: false },
    sizes: { type: "string" },
    archives: { type: "string", default: "1000" },
    repeats: { type: "string", default: "0" },
    programs: { type: "string", default: "alcove" },
    dir: { type: "string", default: fs.existsSync("/dev/shm") ? "/dev/shm" : tmpdir() },
    json: { type: "string" },
  },
});

interface Place {
  repository: string;
  /** A small file to back up, and a folder to extract to. */
  file: string;
  target: string;
  /** Files of the large archive. */
  files: number;
}

interface GrowthStep {
  name: string;
  args(place: Place): string[];
  /** Before it the caches of the program are removed. */
  cold?: boolean;
}

/** In this order, on one repository. */
const STEPS: readonly GrowthStep[] = [
  { name: "list of the repository", args: ({ repository }) => ["list", repository] },
  { name: "list of the large archive", args: ({ repository }) => ["list", `${repository}::large`] },
  {
    name: "extract of one file of it",
    args: ({ repository, files }) => ["extract", `${repository}::large`, filePath(files >> 1)],
  },
  { name: "create of one file", args: ({ repository, file }) => ["create", `${repository}::one`, file] },
  { name: "create of it again", args: ({ repository, file }) => ["create", `${repository}::two`, file] },
  { name: "info, no caches", args: ({ repository }) => ["info", repository], cold: true },
  { name: "info again", args: ({ repository }) => ["info", repository] },
  { name: "delete of a small archive", args: ({ repository }) => ["delete", `${repository}::small-0`] },
  {
    name: "delete of another, no caches",
    args: ({ repository }) => ["delete", `${repository}::small-1`],
    cold: true,
  },
  { name: "compact", args: ({ repository }) => ["compact", repository] },
  { name: "check", args: ({ repository }) => ["check", repository] },
  { name: "delete of the large archive", args: ({ repository }) => ["delete", `${repository}::large`] },
  { name: "create after that", args: ({ repository, file }) => ["create", `${repository}::three`, file] },
  { name: "compact after that", args: ({ repository }) => ["compact", repository] },
];

interface SizeResult extends Size {
  repositoryBytes: number;
  /** By program, then by step; a step that failed is absent. */
  steps: Record<string, Record<string, Measured>>;
  /** Bytes of memory for each chunk. */
  index: { store: number; chunks: number };
}

const note = (text: string): void => console.error(text);

function runSteps(program: Program, place: Place, home: string): Record<string, Measured> {
  const start = program.command({ do: "list" }, "", home)!.slice(0, -2);
  const results: Record<string, Measured> = {};
  const env = environment(program, home);
  for (const step of STEPS) {
    if (step.cold) fs.rmSync(join(home, ".cache"), { recursive: true, force: true });
    try {
      results[step.name] = measure([...start, ...step.args(place)], { env, cwd: place.target });
    } catch (error) {
      // A size that a command cannot do is a result, too.
      note(`  ${program.name}, ${step.name}: ${(error as Error).message}`);
      continue;
    }
    note(`  ${program.name}, ${step.name}: ${figures(results[step.name])}`);
  }
  return results;
}

/** Bytes of memory per entry of an index with `valueWords` words per value and `chunks` entries, grown one by one. */
function indexBytes(chunks: number, valueWords: number): number {
  const index = HashIndex.create({ valueWords });
  const id = new Uint8Array(32);
  const view = new DataView(id.buffer);
  for (let n = 0; n < chunks; n++) {
    // Ids are evenly spread; the table looks at the first four bytes.
    view.setUint32(0, Math.imul(n + 1, 0x9e3779b1) >>> 0);
    view.setUint32(4, n);
    index.set(id, n, n, n);
  }
  const bytes = index.memoryBytes / chunks;
  index.dispose();
  return bytes;
}

function runSize(size: Size, programs: readonly Program[], work: string): SizeResult {
  const { chunks, files, archives, repeats } = size;
  note(`${chunks} chunks, ${files} files, ${archives} small archives, ${repeats} repeats:`);
  const original = join(work, "repository");
  const target = join(work, "target");
  const file = join(work, "small.txt");
  fs.mkdirSync(target);
  fs.writeFileSync(file, "a small file\n");
  const build = [BUILD, original, chunks, files, archives, repeats].map(String);
  const built = spawnSync(Deno.execPath(), ["run", "-A", "--no-prompt", ...build], { stdio: "inherit" });
  if (built.status !== 0) throw new Error("Cannot build the repository");
  const result: SizeResult = {
    ...size,
    repositoryBytes: folderBytes(original),
    steps: {},
    index: { store: indexBytes(chunks, 2), chunks: indexBytes(chunks, 3) },
  };
  for (const [i, program] of programs.entries()) {
    // The last may have the original: memory is short.
    const repository = i === programs.length - 1 ? original : join(work, `copy-${program.name}`);
    if (repository !== original) fs.cpSync(original, repository, { recursive: true });
    const home = join(work, `home-${program.name}`);
    fs.mkdirSync(home);
    result.steps[program.name] = runSteps(program, { repository, file, target, files }, home);
    for (const path of [repository, home]) fs.rmSync(path, { recursive: true });
  }
  fs.rmSync(target, { recursive: true });
  return result;
}

function figures(measured: Measured | undefined): string {
  if (!measured) return "failed";
  const { wallSeconds, cpuSeconds, peakMegabytes } = measured;
  return `${wallSeconds.toFixed(2)} s ${cpuSeconds.toFixed(2).padStart(7)} s ${
    peakMegabytes.toFixed(0).padStart(5)
  } MB`;
}

function growthTable(results: readonly SizeResult[]): string {
  const width = 30;
  const sizes = results.map(({ chunks }) => `${chunks.toExponential(0).replace("e+", "e")} chunks`);
  const lines = ["wall seconds, seconds of processor, peak memory", ""];
  for (const program of Object.keys(results[0]!.steps)) {
    lines.push(program.padEnd(32) + sizes.map((size) => size.padStart(width)).join(""));
    for (const { name } of STEPS) {
      const cells = results.map(({ steps }) => {
        return figures(steps[program]![name]).padStart(width);
      });
      lines.push(name.padEnd(32) + cells.join(""));
    }
    lines.push("");
  }
  const perChunk = (name: string, pick: (result: SizeResult) => number): string =>
    name.padEnd(32) + results.map((result) => `${pick(result).toFixed(1)} B`.padStart(width)).join("");
  lines.push(
    perChunk("repository, per chunk", ({ repositoryBytes, chunks }) => repositoryBytes / chunks),
    perChunk("store index, per chunk", ({ index }) => index.store),
    perChunk("chunk list, per chunk", ({ index }) => index.chunks),
  );
  return lines.join("\n");
}

const sizes = options.sizes?.split(",").map(Number) ?? [1e5, 1e6, ...(options.large ? [1e7] : [])];
const wanted = options.programs.split(",");
const programs = allPrograms(bundledAlcove().command).filter(({ name, version }) =>
  wanted.includes(name) && name !== "restic" && version !== null
);
const results: SizeResult[] = [];
for (const chunks of sizes) {
  const work = fs.mkdtempSync(join(options.dir, "alcove-growth-"));
  try {
    const [archives, repeats] = [Number(options.archives), Number(options.repeats)];
    const size = { chunks, files: Math.min(chunks, MAX_FILES), archives, repeats };
    results.push(runSize(size, programs, work));
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}
if (options.json !== undefined) fs.writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
console.log(growthTable(results));
