/**
 * Whether `prune` keeps what borg keeps: random sets of archives, random policies, many time zones. borg's own command runs
 * in one process of Python, over one repository that holds all sets under prefixes. ALCOVE_PRUNE_CASES says how many
 * policies to try; the default keeps the test short.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { PrunePolicy, PruneRule } from "../../core/archive/mod.ts";
import { borgPython, borgTest, run } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import type { PruneInput, PruneOutput } from "../fixtures/prune_plans.ts";

const CASES = Number(process.env["ALCOVE_PRUNE_CASES"] ?? 240);
const SETS = Math.min(60, Math.ceil(CASES / 12));
const SEED = Number(process.env["ALCOVE_PRUNE_SEED"] ?? 1);

const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/St_Johns",
  "America/Santiago",
  "Asia/Kathmandu",
  "Asia/Tehran",
  "Africa/Casablanca",
  "Antarctica/Troll",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "Pacific/Kiritimati",
  "CET-1CEST,M3.5.0,M10.5.0/3",
  "AEST-10AEDT,M10.1.0,M4.1.0/3",
  "<+0330>-3:30",
  "/usr/share/zoneinfo/Europe/Berlin",
];

/** Adds archives without contents to a repository, all in one transaction. */
const BUILD = `
import json, os, sys
request = json.load(sys.stdin)
os.environ.update(request['env'])
from borg.repository import Repository
from borg.helpers import Manifest
from borg.cache import Cache
from borg.archive import Statistics
from borg.logger import setup_logging
setup_logging(level='warning')
with Repository(request['repo'], exclusive=True) as repository:
    manifest, key = Manifest.load(repository, Manifest.NO_OPERATION_CHECK)
    with Cache(repository, key, manifest) as cache:
        stats = Statistics()
        for name, time in request['archives']:
            data = key.pack_and_authenticate_metadata({
                'version': 1, 'name': name, 'comment': '', 'items': [], 'cmdline': [], 'hostname': 'h',
                'username': 'u', 'time': time, 'time_end': time, 'size': 0, 'csize': 0, 'nfiles': 0,
                'size_parts': 0, 'csize_parts': 0, 'nfiles_parts': 0}, context=b'archive')
            id = key.id_hash(data)
            cache.add_chunk(id, data, stats)
            manifest.archives[name] = (id, time)
        manifest.write()
        repository.commit(compact=False)
        cache.commit()
print('null')
`;

/** What \`borg prune --dry-run --list\` prints for each job, in this one process. */
const PRUNE = `
import json, logging, os, sys, time
request = json.load(sys.stdin)
os.environ.update(request['env'])
from borg.archiver import Archiver
from borg.logger import setup_logging
setup_logging(level='warning')
lines = []
class Collect(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logger = logging.getLogger('borg.output.list')
logger.setLevel('INFO')
logger.propagate = False
logger.handlers = [Collect()]
answers = []
for job in request['jobs']:
    os.environ['TZ'] = job['zone']
    time.tzset()
    archiver = Archiver()
    args = archiver.parse_args(['prune', '--dry-run', '--list', *job['options'], request['repo']])
    archiver.lock_wait = 1
    archiver.do_prune(args)
    answers.append(list(lines))
    lines.clear()
print(json.dumps(answers))
`;

/** Small and repeatable; not for secrets. */
function makeRandom(seed: number): (below: number) => number {
  let state = (seed * 2654435761 + 12345) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

const HOUR = 3600;
/** Around these the sets are dense: changes of daylight saving time, ends of years and quarters, a day that was skipped. */
const MOMENTS = [
  "2026-03-29T00:00",
  "2025-10-26T00:00",
  "2026-03-08T07:00",
  "2025-11-02T05:00",
  "2020-12-31T12:00",
  "2021-01-03T12:00",
  "2016-01-03T23:00",
  "2011-12-30T10:00",
  "2024-02-29T12:00",
  "2025-09-29T00:00",
  "2026-04-05T15:00",
  "1987-06-30T23:00",
].map((time) => Date.parse(`${time}Z`) / 1000);

/** Seconds since 1970 of one set. */
function makeTimes(random: (below: number) => number, nowS: number): number[] {
  const moment = MOMENTS[random(MOMENTS.length)]!;
  const kinds: (() => number)[] = [
    // Whole hours back, and half an hour: so the present may be some minutes later for the other program.
    () => nowS - random(24 * 90) * HOUR - 1800,
    () => moment + (random(96) - 48) * 1800,
    () => moment + (random(200) - 100) * 86_400,
    () => moment + random(120) - 60,
    () => Date.UTC(1998 + random(32), random(12), 1 + random(31), random(24)) / 1000,
  ];
  const kind = random(kinds.length + 1);
  return Array.from(
    { length: 1 + random(45) },
    () => kinds[kind < kinds.length ? kind : random(kinds.length)]!(),
  );
}

function makeArchives(random: (below: number) => number, nowS: number): [string, string][] {
  const archives: [string, string][] = [];
  for (let set = 0; set < SETS; set++) {
    for (const [i, seconds] of makeTimes(random, nowS).entries()) {
      const suffix = ["", "", "", "", "", "", ".checkpoint", `.checkpoint.${i}`, ".checkpoint.x"][random(9)]!;
      const fraction = String(random(3) > 0 ? 0 : random(1e6)).padStart(6, "0");
      const time = `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}`;
      archives.push([`s${set}-${String(random(1000)).padStart(3, "0")}-${i}${suffix}`, time]);
    }
  }
  // The order in which borg packs a manifest.
  return archives.sort(([a], [b]) => a < b ? -1 : 1);
}

const OPTIONS: Partial<Record<PruneRule, string>> = {
  secondly: "--keep-secondly",
  minutely: "--keep-minutely",
  hourly: "-H",
  daily: "-d",
  weekly: "-w",
  monthly: "-m",
  yearly: "-y",
};

interface Job {
  zone: string;
  prefix: string;
  policy: PrunePolicy;
  options: string[];
}

function makeJob(random: (below: number) => number, zone: string): Job {
  const keep: Partial<Record<PruneRule, number>> = {};
  const prefix = `s${random(SETS)}-`;
  const options = random(2) === 0 ? ["-P", prefix] : ["-a", `${prefix}*`];
  for (const [rule, flag] of Object.entries(OPTIONS)) {
    if (random(3) !== 0) continue;
    const count = [-1, 1, 2, 3, 5, 8, 30][random(7)]!;
    keep[rule as PruneRule] = count;
    options.push(`${flag}=${count}`);
  }
  if (Object.keys(keep).length > 0 && random(4) > 0) return { zone, prefix, policy: { keep }, options };
  const days = 1 + random(60);
  return {
    zone,
    prefix,
    policy: { keep, withinHours: days * 24 },
    options: [...options, `--keep-within=${days}d`],
  };
}

/** Name and reason of the kept archives of borg's list. */
function keptByBorg(lines: readonly string[]): [string, string][] {
  return lines.filter((line) => line.startsWith("Keeping")).map((line) => {
    const match = /^Keeping (?:archive \(rule: (\S+ #\d+)\)|checkpoint archive): +(\S+) /.exec(line)!;
    return [match[2]!, match[1] ?? ""];
  });
}

function keptByAlcove(zone: string, input: PruneInput): PruneOutput {
  const program = new URL("../fixtures/prune_plans.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = run(Deno.execPath(), ["run", "-A", "--no-prompt", "--quiet", program], {
    env: { TZ: zone },
    input: JSON.stringify(input),
  });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as PruneOutput;
}

function build(place: Workplace, archives: [string, string][]): string {
  place.borg(["init", "-e", "none", "repo"]);
  const repo = join(place.path, "repo");
  borgPython(BUILD, { env: place.env, repo, archives });
  return repo;
}

borgTest("prune keeps the same archives, for the same reasons, as borg does in every time zone", () => {
  using place = workplace();
  const random = makeRandom(SEED);
  const nowS = Math.floor(Date.now() / 1000);
  const archives = makeArchives(random, nowS);
  const repo = build(place, archives);
  const jobs = Array.from({ length: CASES }, (_, i) => makeJob(random, ZONES[i % ZONES.length]!));
  const borg = borgPython<string[][]>(PRUNE, { env: place.env, repo, jobs });
  let kept = 0;
  for (const zone of ZONES) {
    const own = [...jobs.keys()].filter((i) => jobs[i]!.zone === zone);
    const plans = keptByAlcove(zone, { archives, nowUs: nowS * 1e6, jobs: own.map((i) => jobs[i]!) });
    for (const [j, i] of own.entries()) {
      assert.deepEqual(plans[j], keptByBorg(borg[i]!), `${zone} ${jobs[i]!.options.join(" ")}`);
      kept += plans[j]!.length;
    }
  }
  assert.ok(kept > CASES, "the sets are too small to tell anything");
});

borgTest("prune prints and deletes what borg prints and deletes", () => {
  using place = workplace({ BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes", TZ: "Europe/Berlin" });
  fs.mkdirSync(join(place.path, "src"));
  place.borg(["init", "-e", "none", "a"]);
  for (const [i, name] of ["x-1", "x-2", "y-1", "x-3", "x-4.checkpoint"].entries()) {
    fs.writeFileSync(join(place.path, `src/${i}`), `contents ${i}`.repeat(1000));
    place.borg(["create", "--timestamp", `2026-10-2${5 - i}T00:30:00`, `a::${name}`, "src"]);
  }
  fs.cpSync(join(place.path, "a"), join(place.path, "b"), { recursive: true });
  const other = { env: { BORG_BASE_DIR: join(place.path, "other") } };
  /** borg 1.4 leaves four columns more for the reason than 1.2. */
  const lines = (text: string): string[] =>
    text.split("\n").filter((line) => !/previously located|Do you want|not encrypted/.test(line))
      .map((line) => line.replace(/: {2,}/, ": "));
  const runs = [
    ["-n", "--list", "--keep-daily=2", "-a", "x*"],
    ["--list", "--keep-daily=2", "--keep-yearly=1", "-P", "x", "--stats"],
    ["--list", "--keep-last=1", "--stats"],
    ["--list", "--keep-last=1", "--stats"],
  ];
  for (const options of runs) {
    const alcove = place.alcove(["prune", ...options, "a"], other);
    const borg = place.borg(["prune", ...options, "b"]);
    assert.deepEqual(lines(alcove.stderr), lines(borg.stderr));
    assert.equal(alcove.stdout, borg.stdout);
  }
  assert.equal(place.borg(["list", "a"], other).stdout, place.borg(["list", "b"]).stdout);
  place.borg(["check", "a"], other);
});
