/** `benchmark crud`: how fast archives of made-up files are created, read, updated and deleted. */
import { join, resolve } from "node:path";
import { AppError, OsError } from "../core/errors.ts";
import { monotonicMs, randomBytes } from "../core/platform/mod.ts";
import { parseCommandArgs } from "./args.ts";
import type { CommandContext } from "./context.ts";
import { formatSize } from "./format_size.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { parsePath } from "./values.ts";

const spec: CommandSpec = {
  name: "benchmark crud",
  summary: "measure how fast archives are created, read, updated and deleted",
  description:
    `Makes files below PATH, backs them up into the repository, which must exist, and measures. About 1 GB must be
free in both places. Archives named borg-benchmark-crud… in the repository are made and deleted.

The files are all zeros (Z) or random (R), of 100 MB, 1 MB and 10 kB. Nothing is compressed. No real data is like
that, so real backups are faster or slower.

  C  create the first archive, without files cache
  R  extract it, all but the writing of files
  U  create another archive of the unchanged files, with the files cache
  D  delete the last archive with these files

The repository's passphrase must be in the environment, or it is asked for each time. Measure more than once, on a machine
that does nothing else.`,
  options: [],
  positionals: [
    { name: "location", metavar: "REPOSITORY", help: "an existing repository" },
    { name: "path", metavar: "PATH", parse: parsePath, help: "the folder for the files that are made" },
  ],
};

interface Sample {
  name: string;
  count: number;
  size: number;
  random: boolean;
}

const sample = (name: string, count: number, size: number): Sample[] =>
  ["Z", "R"].map((kind) => ({ name: `${kind}-${name}`, count, size, random: kind === "R" }));

const SAMPLES = [...sample("BIG", 10, 1e8), ...sample("MEDIUM", 1000, 1e6), ...sample("SMALL", 10_000, 1e4)];
/** For who wants to see it work, not to know how fast it is; borg's variable. */
const TEST_VARIABLE = "_BORG_BENCHMARK_CRUD_TEST";
const PIECE_BYTES = 1 << 20;

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  const repository = values["location"] as string;
  const folder = join(resolve(context.cwd, values["path"] as string), "borg-test-data");
  const samples = context.env(TEST_VARIABLE) === undefined ? SAMPLES : sample("TEST", 1, 1);
  for (const sample of samples) {
    const removal = () => removeFiles(context, folder);
    makeFolder(context, folder);
    using _signal = context.atSignal(removal);
    try {
      makeFiles(context, folder, sample);
      await measure(context, { repository, folder, sample });
    } finally {
      removal();
    }
  }
}

interface Measurement {
  repository: string;
  folder: string;
  sample: Sample;
}

async function measure(context: CommandContext, { repository, folder, sample }: Measurement): Promise<void> {
  const archive = `${repository}::borg-benchmark-crud`;
  const create = "--compression=none";
  const created = await timed(context, [
    "create",
    create,
    "--files-cache=disabled",
    `${archive}1`,
    folder,
  ]);
  // Fills the files cache.
  await timed(context, ["create", create, `${archive}2`, folder]);
  await timed(context, ["delete", `${archive}2`]);
  const updated = await timed(context, ["create", create, `${archive}3`, folder]);
  await timed(context, ["delete", `${archive}3`]);
  const extracted = await timed(context, ["extract", "--dry-run", `${archive}1`]);
  const deleted = await timed(context, ["delete", `${archive}1`]);
  const { name, count, size, random } = sample;
  const files = `${count} * ${formatSize(size, false)} ${random ? "random" : "all-zero"} files`;
  const show = (letter: string, seconds: number): void => {
    const speed = (count * size / 1e6 / seconds).toFixed(2).padStart(9);
    context.print(`${letter}-${name.padEnd(10)} ${speed} MB/s (${files}: ${seconds.toFixed(2)}s)\n`);
  };
  show("C", created);
  show("R", extracted);
  show("U", updated);
  show("D", deleted);
}

const RUNNABLE: Record<string, () => Promise<{ command: Command }>> = {
  create: () => import("./cmd_create.ts"),
  extract: () => import("./cmd_extract.ts"),
  delete: () => import("./cmd_delete.ts"),
};

/** Runs another command in this process, with what this one was told of the connection; answers the seconds it took. */
async function timed(context: CommandContext, [name, ...args]: string[]): Promise<number> {
  const { command } = await RUNNABLE[name!]!();
  const { rsh, remote_path: remotePath } = context.common;
  const connection = [
    ...(rsh === undefined ? [] : [`--rsh=${rsh}`]),
    ...(remotePath === undefined ? [] : [`--remote-path=${remotePath}`]),
  ];
  const values = parseCommandArgs(command.spec, [...connection, ...args]);
  const start = monotonicMs();
  await command.run(context, values);
  return Math.max(monotonicMs() - start, 0.001) / 1000;
}

function makeFolder(context: CommandContext, folder: string): void {
  // What is there already is somebody's, and would be removed in the end.
  if (context.files.exists(folder)) {
    throw new AppError("CommandError", [`${folder} exists already: remove it, or choose another PATH`]);
  }
  context.files.mkdirAll(folder);
}

function makeFiles({ files }: CommandContext, folder: string, { count, size, random }: Sample): void {
  const zeros = new Uint8Array(Math.min(size, PIECE_BYTES));
  for (let number = 0; number < count; number++) {
    const fd = files.open(join(folder, `file_${number}`), { write: true, create: true, exclusive: true });
    try {
      for (let left = size; left > 0; left -= PIECE_BYTES) {
        const length = Math.min(left, PIECE_BYTES);
        files.write(fd, random ? randomBytes(length) : zeros.subarray(0, length));
      }
      // The backup shall find the files on the disk, as it finds those of people.
      files.sync(fd);
      files.dropCache(fd, 0, 0);
    } finally {
      files.close(fd);
    }
  }
}

function removeFiles({ files }: CommandContext, folder: string): void {
  try {
    for (const name of files.readDir(folder)) files.unlink(join(folder, name));
    files.rmdir(folder);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}

export const command: Command = { spec, run };
