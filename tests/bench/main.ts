/**
 * `deno task bench`: Alcove beside borg and restic, in one run, the programs in turn. Sources and repositories lie in
 * memory (/dev/shm) unless told otherwise, so that the programs and not the disk are measured.
 *
 *     --runs N           runs of each row (5), of which the medians are shown
 *     --megabytes N      size of the random file (2000)
 *     --files N          files of the tree (60000), copied from /usr/share, /usr/lib and on
 *     --small N          files of the tree whose backups are pruned (1000)
 *     --only PATTERN     rows whose name fits the regular expression; `remote` for those over a wire (remote.ts)
 *     --programs A,B     which of alcove,borg,restic
 *     --alcove COMMAND   how to start Alcove (words), for instance dist/alcove; default: these sources, bundled
 *     --dir DIR          where the data lies (/dev/shm)
 *     --disk DIR         where the row on disk writes (the folder for temporary files, if that is on disk)
 *     --json [FILE]      writes all figures; default tests/bench/results/bench.json
 *     --svg [FILE]       writes the picture; default tests/bench/results/bench.svg
 *     --from FILE        measures nothing, shows the figures of a --json file
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { copyTree, isInMemory, makeRandomFile, requireSpace } from "./data.ts";
import { allPrograms, bundledAlcove } from "./programs.ts";
import { isRemote, runRemote } from "./remote.ts";
import { type BenchResult, describeRun } from "./result.ts";
import { runScenario, type Scenario, SCENARIOS, type Sources } from "./rows.ts";
import { renderSvg } from "./svg.ts";
import { renderTable } from "./table.ts";

const RESULTS = fileURLToPath(new URL("./results", import.meta.url));
const TREE_SOURCES = ["/usr/share", "/usr/lib", "/usr/include", "/usr/local"];

/** `--json` and `--svg` may stand without a file. */
function withDefaults(args: readonly string[]): string[] {
  return args.map((arg, i) => {
    const bare = (arg === "--json" || arg === "--svg") && (args[i + 1] ?? "--").startsWith("--");
    return bare ? `${arg}=${join(RESULTS, `bench.${arg.slice(2)}`)}` : arg;
  });
}

const { values: options } = parseArgs({
  args: withDefaults(Deno.args),
  options: {
    runs: { type: "string", default: "5" },
    megabytes: { type: "string", default: "2000" },
    files: { type: "string", default: "60000" },
    small: { type: "string", default: "1000" },
    only: { type: "string" },
    programs: { type: "string", default: "alcove,borg,restic" },
    alcove: { type: "string" },
    dir: { type: "string", default: fs.existsSync("/dev/shm") ? "/dev/shm" : tmpdir() },
    disk: { type: "string" },
    json: { type: "string" },
    svg: { type: "string" },
    from: { type: "string" },
  },
});

const note = (text: string): void => console.error(text);

function count(name: "runs" | "megabytes" | "files" | "small"): number {
  const value = Number(options[name]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is not a number above 0`);
  return value;
}

function makeSources(work: string): Sources {
  const megabytes = count("megabytes");
  const sizes = { tree: count("files"), small: count("small") };
  const made = new Map<Scenario["source"], string>();
  const make = (source: Scenario["source"]): string => {
    const path = join(work, "source", source);
    fs.mkdirSync(path, { recursive: true });
    if (source === "random") makeRandomFile(join(path, "random.bin"), megabytes);
    else {
      const files = sizes[source];
      const tree = copyTree(TREE_SOURCES, path, files);
      // The rows' names tell the number.
      if (tree.files < files) throw new Error(`This machine has but ${tree.files} files, use --files`);
      note(`tree: ${tree.files} files, ${(tree.bytes / 1e6).toFixed(0)} MB`);
    }
    return path;
  };
  return {
    labels: {
      random: `${megabytes} MB random`,
      tree: `${sizes.tree} real files`,
      small: `${sizes.small} real files`,
    },
    path(source) {
      // One at a time: memory is short where 2 GB lie in it three times.
      for (const [other, path] of made) {
        if (other === source) return path;
        fs.rmSync(path, { recursive: true });
        made.delete(other);
      }
      const path = make(source);
      made.set(source, path);
      return path;
    },
  };
}

/** A new folder on disk, null where there is no disk. */
function diskFolder(): string | null {
  const base = options.disk ?? tmpdir();
  return options.disk === undefined && isInMemory(base) ? null : fs.mkdtempSync(join(base, "alcove-bench-"));
}

async function bench(): Promise<BenchResult> {
  const wanted = options.programs.split(",");
  const bundled = options.alcove === undefined ? bundledAlcove() : null;
  const installed = allPrograms(bundled?.command ?? options.alcove!.split(" ")).filter(({ name }) =>
    wanted.includes(name)
  );
  for (const { name, version } of installed) if (version === null) note(`left out, not installed: ${name}`);
  const programs = installed.filter(({ version }) => version !== null);
  const runtime = options.alcove === undefined ? Deno.version.deno : "";
  const result = describeRun(programs, count("runs"), runtime);
  const work = fs.mkdtempSync(join(options.dir, "alcove-bench-"));
  const disk = diskFolder();
  try {
    // The file, its repository, and what is extracted.
    requireSpace(work, 3.2e6 * count("megabytes"));
    const context = {
      sources: makeSources(work),
      work,
      disk,
      runs: result.runs,
      programs,
      only: options.only === undefined ? null : new RegExp(options.only),
      note,
    };
    for (const scenario of SCENARIOS) result.rows.push(...runScenario(scenario, context));
    result.rows.push(...await runRemote(context));
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
    if (disk !== null) fs.rmSync(disk, { recursive: true, force: true });
    if (bundled !== null) fs.rmSync(bundled.folder, { recursive: true });
  }
  return result;
}

const result: BenchResult = options.from === undefined
  ? await bench()
  : JSON.parse(fs.readFileSync(options.from, "utf8"));
if (options.json !== undefined) fs.writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
if (options.svg !== undefined) {
  fs.writeFileSync(
    options.svg,
    renderSvg({ ...result, rows: result.rows.filter((row) => !isRemote(row)) }),
  );
}
console.log(renderTable(result));
