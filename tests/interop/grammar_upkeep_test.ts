/**
 * The option grammar of prune, rename, with-lock, config, upgrade and break-lock: each command line is accepted or refused
 * as borg's parser does, with the same values. borg's parser runs in one process of Python.
 */
import assert from "node:assert/strict";
import { type BorgPython, borgTest } from "../fixtures/borg.ts";
import { borg14PythonTest } from "../fixtures/borg14.ts";
import { readUnlike, type Taken } from "../fixtures/command_lines.ts";

/** Values that both programs keep under the same name. */
const COMMON = ["progress", "iec", "log_json", "lock_wait", "show_rc", "show_version", "umask"];
const NAMES: Record<string, string[]> = {
  prune: [
    ...["dry_run", "stats", "output_list", "within", "secondly", "minutely", "hourly", "daily", "weekly"],
    ...["monthly", "yearly", "prefix", "glob_archives", "save_space", "checkpoint_interval"],
  ],
  rename: ["name"],
  "with-lock": ["command", "args"],
  config: ["cache", "delete", "list", "name", "value"],
  upgrade: ["dry_run", "inplace", "force", "tam", "disable_tam"],
  "break-lock": [],
};

const LINES: string[] = [
  // Every option of prune, long, short, abbreviated, joined.
  "prune r",
  "prune",
  "prune -n --list -s r",
  "prune --dry-run --stats --list --force --save-space r",
  "prune --keep-last 3 r",
  "prune --keep-secondly 3 r",
  "prune --keep-secondly=3 --keep-last=4 r",
  "prune --keep-minutely 3 --keep-hourly 4 --keep-daily 5 --keep-weekly 6 --keep-monthly 7 --keep-yearly 8 r",
  "prune -H 1 -d 2 -w 3 -m 4 -y 5 r",
  "prune -H1 -d2 -w3 -m4 -y5 r",
  "prune -nH1 r",
  "prune -d -1 r",
  "prune --keep-daily -1 r",
  "prune --keep-daily=-1 r",
  "prune --keep-da 1 r",
  "prune --keep-d=1 r",
  "prune --keep-m 1 r",
  "prune --keep 1 r",
  "prune --keep-w 1d r",
  "prune --keep-wi 1d r",
  "prune -d +3 r",
  "prune -d 1_000 r",
  "prune -d 0 r",
  "prune -d 1.5 r",
  "prune -d x r",
  "prune -d",
  "prune -d= r",
  "prune -d=3 r",
  "prune r -d 3",
  "prune r -d 3 --list",
  "prune r s",
  "prune --keep-within 1H r",
  "prune --keep-within 2d r",
  "prune --keep-within 3w r",
  "prune --keep-within 4m r",
  "prune --keep-within 5y r",
  "prune --keep-within 05d r",
  "prune --keep-within 1_0d r",
  "prune --keep-within +5d r",
  "prune --keep-within 0d r",
  "prune --keep-within -1d r",
  "prune --keep-within 1.5d r",
  "prune --keep-within d r",
  "prune --keep-within 5 r",
  "prune --keep-within 5D r",
  "prune --keep-within 5h r",
  "prune --keep-within= r",
  "prune -P x r",
  "prune --prefix x r",
  "prune --prefix= r",
  "prune -a x* r",
  "prune --glob-archives=x* r",
  "prune -a x -P y r",
  "prune -P y -a x r",
  "prune -P x -P y r",
  "prune -a x -a y r",
  "prune --first 1 r",
  "prune --last 1 r",
  "prune --sort-by name r",
  "prune -c 60 r",
  "prune --checkpoint-interval=60 r",
  "prune -c x r",
  "prune --no-such r",
  "prune -x r",
  "prune --dry-run=1 r",
  "prune -- r",
  // Common options before and after the command.
  "-v prune -d 1 r",
  "prune -d 1 -v r",
  "--lock-wait 5 prune r",
  "--lock-wait=5 prune --lock-wait 7 r",
  "prune --lock-wait x r",
  "-p --iec prune --log-json --show-rc --show-version r",
  "prune --umask 0022 r",
  "prune --umask 9 r",
  // rename
  "rename r::a b",
  "rename r::a",
  "rename",
  "rename r::a b c",
  "rename --stats r::a b",
  "rename r::a -- -b",
  "rename -p r::a b",
  // with-lock
  "with-lock r cmd",
  "with-lock r cmd a b",
  "with-lock r cmd -a --b=c -- d",
  "with-lock r cmd -- d -- e",
  "with-lock -- r cmd -a",
  "with-lock r -- cmd -a",
  "with-lock --lock-wait 3 r cmd --lock-wait 4",
  "with-lock r --lock-wait 3 cmd --lock-wait 4",
  "with-lock r -p cmd -p",
  "with-lock r",
  "with-lock",
  "with-lock --no-such r cmd",
  // config
  "config r",
  "config r name",
  "config r name value",
  "config r name value more",
  "config",
  "config -l",
  "config -l r",
  "config --list r",
  "config -d r name",
  // Not "config r -d name": Python's argparse gives up where an option stands between optional words; here it may.
  "config -d -l r",
  "config -c r name",
  "config --cache --delete r name",
  "config -cd r name",
  "config -x r",
  // upgrade
  "upgrade r",
  "upgrade",
  "upgrade -n r",
  "upgrade --dry-run --inplace --force r",
  "upgrade --tam r",
  "upgrade --tam --disable-tam r",
  "upgrade --disable r",
  "upgrade --in r",
  "upgrade --force --tam -p r",
  "upgrade --no-such r",
  "upgrade r s",
  // break-lock
  "break-lock r",
  "break-lock",
  "break-lock r s",
  "break-lock --force r",
  "break-lock --lock-wait 1 r",
];

function differences({ command, own, borg }: Taken): string[] {
  const pick = (values: Record<string, unknown>) =>
    Object.fromEntries([...COMMON, ...NAMES[command]!].map((name) => [name, values[name] ?? null]));
  try {
    assert.deepEqual(pick(own), pick(borg));
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

async function compare(python?: BorgPython): Promise<void> {
  assert.deepEqual(await readUnlike(LINES, differences, python), []);
}

const NAMED = "prune, rename, with-lock, config, upgrade, break-lock: the same command lines mean the same";
borgTest(NAMED, () => compare());
borg14PythonTest(`${NAMED} to borg 1.4`, compare);
