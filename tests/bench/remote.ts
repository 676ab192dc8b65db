/**
 * Rows over a wire: a client at one end of a pipe and a server at the other, each of them Alcove or borg. The pipe is a real
 * ssh on the loopback device, with a server of its own, or a stand-in that delivers all bytes 50 ms late in either direction
 * (a round trip of 100 ms, without ssh's own work). Repositories lie in memory.
 *
 * In the results `alcove` and `borg` stand for the same program at both ends.
 */
import { randomFillSync } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startSshd } from "../fixtures/sshd.ts";
import { makeRandomFile } from "./data.ts";
import { measure, type Measured, median } from "./measure.ts";
import { environment, FIRST, type Program, type Work } from "./programs.ts";
import type { BenchContext, Row } from "./rows.ts";

const RUNS = 3;
const ONE_WAY_MS = 50;
const MEGABYTES = 500;
const FOLDERS = 100;
const FILES_PER_FOLDER = 100;
const MAX_SMALL_BYTES = 8000;
/** What another client does between two backups of the first: so many archives, each with so many new files. */
const OTHERS_ARCHIVES = 20;
const OTHERS_FILES = 500;
const COMPRESSION = "lz4";

const DELAY_PIPE = fileURLToPath(new URL("../fixtures/delay_pipe.ts", import.meta.url));

/** They have four programs to a row, and no place in the picture. */
export const isRemote = ({ name }: Row): boolean => name.startsWith("remote, ");

type Step = "first" | "again" | "extract" | "list";
const STEPS: readonly Step[] = ["first", "again", "extract", "list"];
const STEP_NAMES: Readonly<Record<Step, string>> = {
  first: "first backup",
  again: "unchanged second backup",
  extract: "extract",
  list: "list of the archive",
};

interface Wire {
  name: string;
  /** Value of BORG_RSH. */
  rsh: string;
  /** What stands before the path of a repository. */
  prefix: string;
  /** With the file of random bytes, too: where it is the work that counts and not the way. */
  large: boolean;
}

interface Pair {
  name: string;
  client: Program;
  server: Program;
}

const DATA = {
  small: `${FOLDERS * FILES_PER_FOLDER} small files`,
  large: `${MEGABYTES} MB random`,
} as const;
type Data = keyof typeof DATA;

const rowName = (wire: Wire, step: Step, data: Data): string =>
  `remote, ${wire.name}: ${STEP_NAMES[step]}, ${DATA[data]}`;
const othersName = (wire: Wire): string =>
  `remote, ${wire.name}: backup of one file after another client's ${OTHERS_ARCHIVES} archives of ${OTHERS_FILES} new files`;

/** All rows that `only` lets through. */
export async function runRemote(context: BenchContext): Promise<Row[]> {
  const wanted = (name: string): boolean => !context.only || context.only.test(name);
  const pairs = pairsOf(context.programs.filter(({ name }) => name === "alcove" || name === "borg"));
  const delayed: Wire = {
    name: `${ONE_WAY_MS} ms each way`,
    rsh: `${Deno.execPath()} run -A --no-prompt ${DELAY_PIPE} ${ONE_WAY_MS}`,
    prefix: "ssh://host",
    large: false,
  };
  const ssh: Wire = { name: "ssh", rsh: "", prefix: "", large: true };
  const needed = [ssh, delayed].filter((wire) =>
    wanted(othersName(wire)) || STEPS.some((step) => wanted(rowName(wire, step, "small"))) ||
    wire.large && wanted(rowName(wire, "first", "large"))
  );
  if (needed.length === 0 || pairs.length === 0) return [];
  await using sshd = await startSshd({ BORG_BASE_DIR: join(context.work, "home-server") });
  Object.assign(ssh, { rsh: sshd.rsh(), prefix: sshd.prefix });
  const rows = new RemoteRows(context, pairs, wanted);
  for (const wire of needed) rows.measure(wire);
  return rows.rows;
}

function pairsOf(programs: readonly Program[]): Pair[] {
  return programs.flatMap((client) =>
    programs.map((server) => ({
      name: client === server ? client.name : `${client.name} to ${server.name}`,
      client,
      server,
    }))
  );
}

class RemoteRows {
  readonly rows: Row[] = [];
  readonly #sources = new Map<Data, string>();

  constructor(
    private readonly context: BenchContext,
    private readonly pairs: readonly Pair[],
    private readonly wanted: (name: string) => boolean,
  ) {}

  measure(wire: Wire): void {
    this.#life(wire, "small", STEPS);
    if (wire.large) this.#life(wire, "large", ["first"]);
    if (this.wanted(othersName(wire))) this.#others(wire);
  }

  /** One repository after the other, from the first backup on. */
  #life(wire: Wire, data: Data, steps: readonly Step[]): void {
    const names = steps.map((step) => rowName(wire, step, data)).filter(this.wanted);
    if (names.length === 0) return;
    const source = this.#source(data);
    this.#alternate(names, (pair, measured) => {
      using place = new Place(this.context.work, wire, pair);
      place.run({ do: "init", encryption: "repokey" });
      for (const step of steps) {
        // The others work on the first backup.
        if (step !== "first" && !names.includes(rowName(wire, step, data))) continue;
        measured(rowName(wire, step, data), place.step(step, source));
      }
    });
  }

  /** Two clients, one repository: what the first has to learn of what the second did. Both ends are the same program. */
  #others(wire: Wire): void {
    const [source, one] = [this.#source("small"), join(this.context.work, "source-one")];
    fs.mkdirSync(one, { recursive: true });
    const pairs = this.pairs.filter(({ client, server }) => client === server);
    using places = new DisposableStack();
    const ready = new Map(pairs.map((pair) => [pair, places.use(new Place(this.context.work, wire, pair))]));
    for (const place of ready.values()) {
      place.run({ do: "init", encryption: "repokey" });
      place.run({ do: "create", archive: FIRST, source, compression: COMPRESSION });
      place.letOthersWork();
    }
    this.#alternate([othersName(wire)], (pair, measured, run) => {
      const place = ready.get(pair)!;
      place.forget();
      fs.writeFileSync(join(one, "file"), `${Math.random()}`);
      const work: Work = { do: "create", archive: `one-${run}`, source: one, compression: COMPRESSION };
      measured(othersName(wire), place.run(work));
    }, pairs);
  }

  /** All pairs in turn, several times over; adds the rows `names`. */
  #alternate(
    names: readonly string[],
    work: (pair: Pair, measured: (name: string, result: Measured) => void, run: number) => void,
    pairs = this.pairs,
  ): void {
    const runs = new Map<string, Record<string, Measured[]>>(names.map((name) => [name, {}]));
    const count = Math.min(this.context.runs, RUNS);
    for (let run = 0; run < count; run++) {
      for (const pair of pairs) {
        work(pair, (name, result) => {
          const results = runs.get(name);
          if (results) (results[pair.name] ??= []).push(result);
        }, run);
      }
      this.context.note(`run ${run + 1} of ${count}: ${names.join("; ")}`);
    }
    for (const [name, results] of runs) {
      this.rows.push({
        name,
        results: Object.fromEntries(Object.entries(results).map(([pair, list]) => [pair, median(list)])),
      });
    }
  }

  #source(data: Data): string {
    const path = join(this.context.work, `source-${data}`);
    if (!this.#sources.has(data)) {
      fs.mkdirSync(path);
      if (data === "large") makeRandomFile(join(path, "random.bin"), MEGABYTES);
      else makeSmallFiles(path, FOLDERS, FILES_PER_FOLDER);
      this.#sources.set(data, path);
    }
    return path;
  }
}

/** Files of up to some kilobytes, one half of each random. New ones each time. */
function makeSmallFiles(path: string, folders: number, filesEach: number): void {
  fs.rmSync(path, { recursive: true, force: true });
  const bytes = new Uint8Array(MAX_SMALL_BYTES);
  for (let folder = 0; folder < folders; folder++) {
    fs.mkdirSync(join(path, `folder-${folder}`), { recursive: true });
    for (let file = 0; file < filesEach; file++) {
      const length = (folder * filesEach + file) * 7919 % MAX_SMALL_BYTES;
      randomFillSync(bytes, 0, Math.ceil(length / 2));
      const name = join(path, `folder-${folder}`, `file-${file}`);
      fs.writeFileSync(name, bytes.subarray(0, length));
      // Programs distrust files that are as new as the backup.
      fs.utimesSync(name, 1_700_000_000, 1_700_000_000);
    }
  }
}

/** A repository behind a wire, and the home of a client. */
class Place implements Disposable {
  readonly path: string;
  readonly #home: string;
  readonly #kept: string;

  constructor(work: string, private readonly wire: Wire, private readonly pair: Pair) {
    this.path = join(work, `remote-${pair.name.replaceAll(" ", "-")}`);
    this.#home = join(this.path, "home");
    this.#kept = join(this.path, "home-kept");
    fs.mkdirSync(this.#home, { recursive: true });
  }

  get #repository(): string {
    return join(this.path, "repository");
  }

  /** Another client makes its archives, on the spot: that is quicker. What the first one knows is kept for {@link forget}. */
  letOthersWork(): void {
    fs.cpSync(this.#home, this.#kept, { recursive: true });
    const [home, source] = [join(this.path, "home-other"), join(this.path, "source-other")];
    fs.mkdirSync(home);
    const { client } = this.pair;
    for (let n = 0; n < OTHERS_ARCHIVES; n++) {
      makeSmallFiles(source, 5, OTHERS_FILES / 5);
      const work: Work = { do: "create", archive: `other-${n}`, source, compression: COMPRESSION };
      measure(client.command(work, this.#repository, home)!, { env: environment(client, home) });
    }
  }

  /** The client knows what it knew before others worked. */
  forget(): void {
    fs.rmSync(this.#home, { recursive: true });
    fs.cpSync(this.#kept, this.#home, { recursive: true });
  }

  step(step: Step, source: string): Measured {
    if (step === "first") return this.run({ do: "create", archive: FIRST, source, compression: COMPRESSION });
    if (step === "again") {
      return this.run({ do: "create", archive: "again", source, compression: COMPRESSION });
    }
    if (step === "list") return this.run({ do: "list" });
    const target = join(this.path, "restored");
    fs.mkdirSync(target);
    return this.run({ do: "extract", target }, target);
  }

  run(work: Work, cwd = this.path): Measured {
    const { client, server } = this.pair;
    const command = client.command(work, `${this.wire.prefix}${this.#repository}`, this.#home)!;
    const env = {
      ...environment(client, this.#home),
      BORG_RSH: this.wire.rsh,
      BORG_REMOTE_PATH: server.start.join(" "),
    };
    return measure(command, { env, cwd });
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.path, { recursive: true, force: true });
  }
}
