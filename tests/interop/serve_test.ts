/** Real borg clients at work on our server: every command that opens a repository. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type RunOptions, type Workplace, workplace } from "../fixtures/alcove.ts";
import process from "node:process";
import { breakCopies } from "../fixtures/broken_repositories.ts";
import { type Borg14, borg14Test } from "../fixtures/borg14.ts";
import { borgTest, type Ran } from "../fixtures/borg.ts";
import { ServePeer } from "../fixtures/serve_peer.ts";
import { serveRsh } from "../fixtures/serve_rsh.ts";

type Client = (args: readonly string[], options?: RunOptions) => Ran;

/** Files that make many small objects and some large ones. */
function makeSource(place: Workplace): void {
  const source = join(place.path, "source");
  fs.mkdirSync(join(source, "deep", "er"), { recursive: true });
  for (let i = 0; i < 120; i++) fs.writeFileSync(join(source, `file${i}`), `content ${i}\n`.repeat(i * 20));
  const large = new Uint8Array(6_000_000);
  for (let at = 0; at < large.length; at += 65536) crypto.getRandomValues(large.subarray(at, at + 65536));
  fs.writeFileSync(join(source, "deep", "large"), large);
  fs.writeFileSync(join(source, "deep", "er", "repeated"), new Uint8Array(5_000_000));
}

function allCommands(place: Workplace, client: Client): void {
  makeSource(place);
  const env = serveRsh(place);
  const url = `ssh://host${place.path}/repo`;
  const remote = (...args: string[]): Ran => client(args, { env });
  const fails = (code: number, ...args: string[]): Ran => client(args, { env, code });
  remote("init", "-e", "repokey-blake2", url);
  remote("create", "--stats", "--list", `${url}::first`, "source");
  fs.appendFileSync(join(place.path, "source", "file7"), "more");
  remote("create", "-C", "zstd", `${url}::second`, "source");
  assert.deepEqual(remote("list", "--short", url).stdout.split(/\s+/).filter(Boolean), ["first", "second"]);
  assert.match(remote("list", `${url}::first`).stdout, /source\/deep\/large/);
  assert.match(remote("info", `${url}::second`).stdout, /Number of files: 122/);
  assert.match(remote("diff", `${url}::first`, "second").stdout, /source\/file7/);
  remote("extract", "--dry-run", `${url}::first`);
  fs.mkdirSync(join(place.path, "out"));
  client(["extract", `${url}::second`], { env, cwd: join(place.path, "out") });
  assert.equal(fs.readFileSync(join(place.path, "out/source/file7"), "utf8").endsWith("more"), true);
  remote("export-tar", `${url}::first`, "first.tar");
  remote("import-tar", `${url}::from-tar`, "first.tar");
  remote("recreate", "--exclude", "*/large", `${url}::from-tar`);
  remote("rename", `${url}::from-tar`, "renamed");
  remote("create", `${url}::third`, "source");
  remote("prune", "--keep-last", "1", "--glob-archives", "third", url);
  remote("prune", "--keep-daily", "1", "--glob-archives", "*ir*", url);
  remote("delete", "--stats", `${url}::renamed`);
  assert.match(remote("compact", "-v", "--threshold", "0", url).stderr, /Remote: compaction freed about/);
  remote("key", "export", url, "key.txt");
  remote("key", "import", url, "key.txt");
  client(["key", "change-passphrase", url], { env: { ...env, BORG_NEW_PASSPHRASE: "new words" } });
  const opened = { env: { ...env, BORG_PASSPHRASE: "new words" } };
  client(["list", url], opened);
  client(["check", "--verify-data", "-v", url], opened);
  client(["check", "--repair", url], { env: { ...opened.env, BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "YES" } });
  client(["check", "--repository-only", "--max-duration", "100", url], opened);
  client(["with-lock", url, "true"], opened);
  client(["config", "--list", `${place.path}/repo`], opened);
  client(["break-lock", url], opened);
  fails(2, "init", "-e", "none", url);
  fails(2, "list", `${url}-which-is-not-there`);
  fails(2, "list", `${url}::no-such-archive`);
  // What they all have left is right by the files, too.
  place.borg(["check", "--verify-data", "repo"], {
    env: { BORG_PASSPHRASE: "new words", BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" },
  });
  client(["delete", url], { env: { ...opened.env, BORG_DELETE_I_KNOW_WHAT_I_AM_DOING: "YES" } });
  assert.equal(fs.existsSync(join(place.path, "repo")), false);
}

borgTest("borg 1.2 does everything with our server", () => {
  using place = workplace();
  allCommands(place, place.borg);
});

borgTest("borg shows the progress and the messages of our server as its own server's", () => {
  using place = workplace();
  const env = serveRsh(place);
  const url = `ssh://host${place.path}/repo`;
  place.borg(["init", "-e", "none", url], { env });
  const checked = place.borg(["check", "--info", "--progress", "--log-json", url], { env }).stderr;
  const events = checked.trimEnd().split("\n").map((line) => JSON.parse(line));
  const remote = events.filter(({ message }) => message?.startsWith("Remote: "));
  assert.ok(remote.some(({ type, levelname }) => type === "log_message" && levelname === "INFO"));
  assert.ok(remote.some(({ type, msgid }) => type === "progress_percent" && msgid === "repository.check"));
  assert.match(place.borg(["check", "--progress", url], { env }).stderr, /Remote: Checking segments/);
  assert.doesNotMatch(place.borg(["check", url], { env }).stderr, /Remote: /);
  assert.match(place.borg(["check", "--debug", url], { env }).stderr, /Remote: The path of the repository/);
});

/** Any exit code but 0 is an error where none is expected. */
const strict = (place: Workplace, borg: Borg14): Client => (args, options = {}) =>
  borg(place, args, { code: 0, ...options });

borg14Test("borg 1.4 does everything with our server", (borg) => {
  using place = workplace();
  allCommands(place, strict(place, borg));
});

borg14Test("borg 1.4 ends with the exit code that its own server gives it", async (borg) => {
  using place = workplace({ BORG_EXIT_CODES: "modern", BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" });
  const theirs = [process.env["ALCOVE_BORG14"]!, "serve"];
  const folder = join(place.path, "origin");
  fs.mkdirSync(folder);
  fs.mkdirSync(join(place.path, "source"));
  fs.writeFileSync(join(place.path, "source", "file"), crypto.getRandomValues(new Uint8Array(50_000)));
  borg(place, ["init", "-e", "none", "origin/repo"]);
  borg(place, ["create", "origin/repo::archive", "source"]);
  breakCopies(folder);
  // Whose lock stands in everybody's way.
  const holder = new ServePeer(["borg", "serve"], { cwd: folder });
  fs.cpSync(join(folder, "repo"), join(folder, "locked"), { recursive: true });
  await holder.open("locked", { exclusive: true });
  const at = (name: string): string => `ssh://host${folder}/${name}`;
  const create = (name: string): string[] => ["create", `${at(name)}::new`, "source"];
  const cases: [code: number, args: string[], forced?: string[]][] = [
    [0, ["list", at("repo")]],
    [13, ["list", at("missing")]],
    [10, ["init", "-e", "none", at("repo")]],
    [10, ["init", "-e", "none", at("repo/inner")]],
    [19, ["init", "-e", "none", at("folder")]],
    [18, ["init", "-e", "none", at("no/such/parent")]],
    [83, ["list", at("repo")], ["--restrict-to-path", "/nonexistent"]],
    [83, ["break-lock", at("repo")], ["--restrict-to-repository", folder]],
    [73, ["list", "--lock-wait", "0", at("locked")]],
    [15, ["list", at("folder")]],
    [15, ["list", at("folder/file")]],
    [15, ["list", at("no-config")]],
    [16, ["list", at("version-2")]],
    [16, ["list", at("no-section")]],
    [11, ["list", at("attic")]],
    [12, ["list", at("no-commits")]],
    [90, ["list", at("damaged")]],
    [1, ["check", at("damaged")]],
    [20, create("small-quota")],
    [14, create("no-space")],
    [2, ["delete", at("append-only")]],
    [2, ["delete", at("repo")], ["--append-only"]],
  ];
  for (const [code, args, forced = []] of cases) {
    const env = { BORG_DELETE_I_KNOW_WHAT_I_AM_DOING: "YES" };
    const run = (program?: readonly string[]) =>
      borg(place, args, {
        env: { ...env, ...serveRsh(place, { forced, ...(program ? { program } : {}) }) },
      });
    const ours = run();
    assert.equal(ours.code, code, `${args}: ${ours.stderr}`);
    assert.equal(ours.code, run(theirs).code, args.join(" "));
    // With these two borg's clients always show where they were themselves.
    if (code !== 12 && code !== 90) assert.doesNotMatch(ours.stderr, /Traceback/, args.join(" "));
  }
  holder.kill("SIGTERM");
  await holder.finished();
});
