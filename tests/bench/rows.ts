/**
 * What is measured. A scenario is one repository's life: a first backup and what follows. It runs from beginning to end
 * for one program, then for the next, several times over, so that the programs take turns and no more than one
 * repository is there at a time. Each of its steps is a row of the result.
 */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { changeTree, folderBytes } from "./data.ts";
import { measure, type Measured, median } from "./measure.ts";
import { CHANGED, environment, FIRST, type Program, type Work } from "./programs.ts";

export type Step =
  | "first"
  | "again"
  | "changed"
  | "extract"
  | "list"
  | "info"
  | "info-archive"
  | "diff"
  | "export-tar"
  | "check"
  | "verify"
  | "recreate"
  | "delete"
  | "prune";

export interface Scenario {
  source: "random" | "tree" | "small";
  encryption: string;
  compression: string;
  /** The repository lies in the folder on disk instead of memory. */
  onDisk?: boolean;
  /** Not more than so many runs: for what takes long. */
  maxRuns?: number;
  /** Those that have such commands; all, where it is absent. */
  programs?: readonly string[];
  steps: readonly Step[];
}

/** Files that are changed before the step "changed", and before each backup of the row "prune". */
const CHANGED_FILES = 300;
const CHANGED_DAILY = 20;
/** Archives in the repository that is pruned, a day apart. */
const PRUNED_ARCHIVES = 60;
const FIRST_DAY = Date.UTC(2026, 0, 1, 12);
const RECREATE_COMPRESSION = "zstd,3";

/** In which they are done: what deletes comes last. */
const ORDER: readonly Step[] = [
  "first",
  "again",
  "changed",
  "extract",
  "list",
  "info",
  "info-archive",
  "diff",
  "export-tar",
  "check",
  "verify",
  "recreate",
  "delete",
  "prune",
];
const ON_CHANGED: ReadonlySet<Step> = new Set(["diff", "delete"]);

/** In the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  {
    source: "random",
    encryption: "repokey",
    compression: "lz4",
    steps: ["first", "extract", "verify"],
  },
  { source: "random", encryption: "repokey-blake2", compression: "lz4", steps: ["first"] },
  { source: "random", encryption: "repokey", compression: "lz4", onDisk: true, steps: ["first"] },
  {
    source: "tree",
    encryption: "repokey",
    compression: "lz4",
    steps: ["first", "again", "extract", "list", "info", "check", "verify"],
  },
  {
    source: "tree",
    encryption: "repokey",
    compression: "lz4",
    maxRuns: 3,
    programs: ["alcove", "borg"],
    steps: ["changed", "info-archive", "diff", "export-tar", "recreate", "delete"],
  },
  { source: "tree", encryption: "repokey", compression: "zstd,3", steps: ["first"] },
  {
    source: "small",
    encryption: "repokey",
    compression: "lz4",
    maxRuns: 2,
    programs: ["alcove", "borg"],
    steps: ["prune"],
  },
];

const STEP_NAMES: Readonly<Record<Step, string>> = {
  first: "first backup",
  again: "unchanged second backup",
  extract: "extract",
  list: "list of the archive",
  info: "info of the repository",
  "info-archive": "info of an archive",
  changed: `backup after ${CHANGED_FILES} files have changed`,
  diff: `diff of two archives, ${CHANGED_FILES} files changed`,
  "export-tar": "export-tar",
  recreate: `recreate --recompress, lz4 to ${RECREATE_COMPRESSION}`,
  delete: "delete of an archive",
  prune: `prune --list of ${PRUNED_ARCHIVES} archives`,
  check: "check",
  verify: "check --verify-data",
};

export interface Row {
  name: string;
  /** By program; absent where it has no such command. */
  results: Record<string, Measured>;
}

export interface Sources {
  /** What is in each source, for the rows' names: "2000 MB random". */
  readonly labels: Readonly<Record<Scenario["source"], string>>;
  /** Path of a source; it is made when first asked for. */
  path(source: Scenario["source"]): string;
}

export interface BenchContext {
  sources: Sources;
  /** Folder in memory for repositories, caches and what is extracted. */
  work: string;
  /** Folder on disk, null where there is none: such scenarios are left out. */
  disk: string | null;
  runs: number;
  programs: readonly Program[];
  /** Which rows; all where it is null. */
  only: RegExp | null;
  note(text: string): void;
}

export function rowName(scenario: Scenario, step: Step, labels: Sources["labels"]): string {
  const { source, encryption, compression, onDisk } = scenario;
  const name = `${STEP_NAMES[step]}, ${labels[source]}`;
  if (step !== "first") return name;
  return `${name}, ${encryption}, ${compression}${onDisk ? ", repository on disk" : ""}`;
}

/** Runs a scenario and answers its rows, those that `only` lets through. */
export function runScenario(scenario: Scenario, context: BenchContext): Row[] {
  const nameOf = (step: Step) => rowName(scenario, step, context.sources.labels);
  const wanted = scenario.steps.filter((step) => !context.only || context.only.test(nameOf(step)));
  if (wanted.length === 0) return [];
  if (scenario.onDisk && context.disk === null) {
    context.note(`left out, no disk to write to: ${nameOf("first")}`);
    return [];
  }
  const runs = new Map<Step, Record<string, Measured[]>>(wanted.map((step) => [step, {}]));
  const count = Math.min(context.runs, scenario.maxRuns ?? context.runs);
  for (let run = 0; run < count; run++) {
    for (const program of context.programs) {
      if (!(scenario.programs ?? [program.name]).includes(program.name)) continue;
      const life = new RepositoryLife(scenario, program, context);
      try {
        life.run(wanted, (step, measured) => (runs.get(step)![program.name] ??= []).push(measured));
      } finally {
        life.remove();
      }
    }
    context.note(`run ${run + 1} of ${count}: ${wanted.map(nameOf).join("; ")}`);
  }
  return wanted.map((step) => ({
    name: nameOf(step),
    results: Object.fromEntries(
      Object.entries(runs.get(step)!).map(([program, measured]) => [program, median(measured)]),
    ),
  }));
}

/** One repository of one program, from `init` to its removal. */
class RepositoryLife {
  readonly #repository: string;
  readonly #home: string;
  readonly #restored: string;

  constructor(
    private readonly scenario: Scenario,
    private readonly program: Program,
    private readonly context: BenchContext,
  ) {
    const base = scenario.onDisk ? context.disk! : context.work;
    this.#repository = join(base, `repository-${program.name}`);
    this.#home = join(context.work, `home-${program.name}`);
    this.#restored = join(context.work, `restored-${program.name}`);
  }

  run(wanted: readonly Step[], measured: (step: Step, result: Measured) => void): void {
    this.remove();
    fs.mkdirSync(this.#home);
    const { encryption } = this.scenario;
    this.#measure({ do: "init", encryption });
    for (const step of ORDER) {
      // The others work on these backups.
      const needed = step === "first" || step === "changed" && wanted.some((step) => ON_CHANGED.has(step));
      if (!wanted.includes(step) && !needed) continue;
      const result = this.#step(step);
      if (result && wanted.includes(step)) measured(step, result);
    }
  }

  #step(step: Step): Measured | null {
    const { sources } = this.context;
    const { compression } = this.scenario;
    if (step === "first" || step === "again" || step === "changed") {
      const source = sources.path(this.scenario.source);
      const archive = { first: FIRST, again: "again", changed: CHANGED }[step];
      if (step === "changed") changeTree(source, CHANGED_FILES);
      // What another program left to be written must not slow down this one.
      if (this.scenario.onDisk) spawnSync("sync");
      const result = this.#measure({ do: "create", archive, source, compression });
      return result && { ...result, storedBytes: folderBytes(this.#repository) };
    }
    if (step === "prune") this.#fillDaily();
    if (step === "recreate") return this.#measure({ do: step, compression: RECREATE_COMPRESSION });
    if (step !== "extract") return this.#measure({ do: step });
    fs.mkdirSync(this.#restored);
    const result = this.#measure({ do: "extract", target: this.#restored }, this.#restored);
    fs.rmSync(this.#restored, { recursive: true });
    return result;
  }

  /** One archive for each day, as a machine has them. */
  #fillDaily(): void {
    const { compression } = this.scenario;
    const source = this.context.sources.path(this.scenario.source);
    for (let day = 0; day < PRUNED_ARCHIVES; day++) {
      changeTree(source, CHANGED_DAILY);
      const timestamp = new Date(FIRST_DAY + day * 86_400_000).toISOString().slice(0, 19);
      this.#measure({ do: "create", archive: `day-${day}`, source, compression, timestamp });
    }
  }

  #measure(work: Work, cwd = this.context.work): Measured | null {
    const command = this.program.command(work, this.#repository, this.#home);
    return command && measure(command, { env: environment(this.program, this.#home), cwd });
  }

  remove(): void {
    for (const path of [this.#repository, this.#home, this.#restored]) {
      fs.rmSync(path, { recursive: true, force: true });
    }
  }
}
