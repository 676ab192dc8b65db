/**
 * `deno task demo [PATH…]`: the whole round on real files. Makes an encrypted repository, backs PATH up, changes something,
 * backs up again, lists, restores into a fresh folder, compares, verifies everything, and says how to go on. PATH is only
 * read; what changes is a file of the demo's own.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { compareTrees } from "./compare_trees.ts";

const MAIN = new URL("../cli/main.ts", import.meta.url).pathname;
const LAUNCHER = new URL("alcove", import.meta.url).pathname;
/** Enough files to see something, few enough to be done in a minute. */
const WANTED_FILES = 2000;
const CANDIDATES = [
  "/usr/share/doc",
  "/usr/share/zoneinfo",
  "/usr/share",
  "/usr/include",
  "/etc",
  "/Library",
  "C:\\Windows\\System32\\drivers",
];

function countFiles(root: string, limit: number): number {
  let count = 0;
  const walk = (folder: string): void => {
    let entries: fs.Dirent[];
    try {
      entries = fs.readdirSync(folder, { withFileTypes: true });
    } catch {
      return;
    }
    for (const entry of entries) {
      if (count >= limit) return;
      if (entry.isDirectory()) walk(join(folder, entry.name));
      else if (entry.isFile()) count++;
    }
  };
  walk(root);
  return count;
}

/** The first candidate with enough files, else the one with the most. */
function defaultSource(): string {
  let best = process.cwd();
  let most = 0;
  for (const candidate of CANDIDATES) {
    const count = countFiles(candidate, WANTED_FILES);
    if (count >= WANTED_FILES) return candidate;
    if (count > most) [best, most] = [candidate, count];
  }
  return best;
}

const work = fs.mkdtempSync(join(tmpdir(), "alcove-demo-"));
const repository = join(work, "repository");
const notes = join(work, "notes");
const passphrase = randomBytes(9).toString("base64url");
const environment = { BORG_BASE_DIR: join(work, "home"), BORG_PASSPHRASE: passphrase };
const sources = Deno.args.length > 0 ? Deno.args.map((path) => resolve(path)) : [defaultSource()];

function say(text: string): void {
  console.log(`\n=== ${text}`);
}

function alcove(
  args: readonly string[],
  options: { cwd?: string; quiet?: boolean; warningsAllowed?: boolean } = {},
): void {
  if (!options.quiet) {
    console.log(`$ alcove ${args.map((word) => /[\s{}]/.test(word) ? `'${word}'` : word).join(" ")}`);
  }
  const { status, signal } = spawnSync(Deno.execPath(), [
    "run",
    "-A",
    "--no-prompt",
    "--quiet",
    MAIN,
    ...args,
  ], {
    stdio: ["ignore", options.quiet ? "ignore" : "inherit", "inherit"],
    env: { ...process.env, ...environment },
    cwd: options.cwd ?? work,
  });
  if (status === 0 || (options.warningsAllowed && status === 1)) return;
  console.error(
    `demo: alcove ${args[0]} failed (${signal ?? `exit code ${status}`}); everything is in ${work}`,
  );
  process.exit(2);
}

function writeNotes(generation: string): void {
  fs.mkdirSync(notes, { recursive: true });
  fs.writeFileSync(join(notes, "diary.txt"), `dear diary, this is the ${generation} backup\n`.repeat(20_000));
  fs.writeFileSync(join(notes, `${generation}.bin`), randomBytes(1_000_000));
}

console.log(`Alcove's demo. Everything it makes lies in ${work}\nIt backs up ${sources.join(", ")}`);
const started = performance.now();

say("1. A new repository; its key is inside, protected by a passphrase");
alcove(["init", "--encryption", "repokey-blake2", repository]);

say("2. The first backup");
writeNotes("first");
alcove(["create", "--stats", `${repository}::first`, ...sources, notes], { warningsAllowed: true });

say("3. Something changes, and the second backup: only what is new is stored");
writeNotes("second");
alcove(["create", "--stats", `${repository}::second`, ...sources, notes], { warningsAllowed: true });

say("4. What is in the repository");
alcove(["list", repository]);

say("5. Restore the second backup into a fresh folder, and compare");
const restored = join(work, "restored");
fs.mkdirSync(restored);
alcove(["extract", `${repository}::second`], { cwd: restored });
const result = compareTrees([...sources, notes], restored);
console.log(
  `compared ${result.files} files and ${result.others} folders, links and others, ${
    (result.bytes / 1e6).toFixed(1)
  } MB: ` +
    (result.differences.length === 0 ? "no difference in contents or metadata" : "DIFFERENT"),
);
for (const difference of result.differences.slice(0, 20)) console.log(`  ${difference}`);

say("6. Verify everything: checksums, authenticity, contents");
alcove(["check", "--verify-data", "--info", repository]);

say(`Done in ${((performance.now() - started) / 1000).toFixed(1)} seconds. To go on with this repository:`);
console.log(`export BORG_BASE_DIR=${environment.BORG_BASE_DIR} BORG_PASSPHRASE=${passphrase}
${LAUNCHER} list ${repository}::second
${LAUNCHER} create --stats '${repository}::{hostname}-{now}' ~/Documents
${LAUNCHER} delete ${repository}::first && ${LAUNCHER} compact ${repository}
borg list ${repository}                      # the real borg reads it too
rm -rf ${work}                               # and all is gone`);
if (result.differences.length > 0) process.exit(1);
