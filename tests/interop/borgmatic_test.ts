/**
 * borgmatic does with Alcove as its `local_path` what it does with borg: each action ends with the same exit code, says
 * the same in JSON, and leaves the same archives. Both drive it through the same steps, each in a place of its own.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../fixtures/borg.ts";
import { homeOf, programsTest, writeAlcove } from "../fixtures/front_end.ts";
import { assertCovers } from "../fixtures/json_shape.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

interface Step {
  code: number;
  out: string;
  err: string;
}

type Program = "alcove" | "borg";

interface Place extends Disposable {
  readonly program: Program;
  readonly path: string;
  /** Runs borgmatic; the exit code must be `code`. */
  borgmatic(args: readonly string[], code?: number): Promise<Step>;
}

/** Makes a place whose borgmatic runs `program`; `config` is added to the common configuration. */
function makePlace(program: Program, config: string): Place {
  const path = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "alcove-borgmatic-")));
  const at = (name: string) => join(path, name);
  if (program === "alcove") writeAlcove(at("program"));
  else fs.writeFileSync(at("program"), `#!/bin/sh\nexec borg "$@"\n`, { mode: 0o755 });
  fs.mkdirSync(at("bin"));
  fs.writeFileSync(at("config.yaml"), config.replaceAll("PLACE", path));
  for (const [name, contents] of Object.entries(FILES)) {
    fs.mkdirSync(join(at(name), ".."), { recursive: true });
    fs.writeFileSync(at(name), contents);
    fs.utimesSync(at(name), 1_600_000_000, 1_600_000_000);
  }
  const env = { ...homeOf(at("home")), PATH: `${at("bin")}:${Deno.env.get("PATH")}` };
  return {
    program,
    path,
    async borgmatic(args, code = 0) {
      // With a log file borgmatic does not look for syslog.
      const all = ["--log-file", at("log"), "--config", at("config.yaml"), "--no-color", ...args];
      const output = await new Deno.Command("borgmatic", { args: all, env, cwd: path, stdin: "null" })
        .output();
      const decode = (bytes: Uint8Array) =>
        new TextDecoder().decode(bytes).replaceAll(path, "PLACE").replaceAll(path.slice(1), "PLACE");
      const step = { code: output.code, out: decode(output.stdout), err: decode(output.stderr) };
      const said = `${program}: borgmatic ${args.join(" ")}\n${step.out}\n${step.err}`;
      assert.equal(step.code, code, said);
      assert.doesNotMatch(said, /bug in Alcove|Traceback/);
      return step;
    },
    [Symbol.dispose]: () => fs.rmSync(path, { recursive: true, force: true }),
  };
}

const FILES: Readonly<Record<string, string | Uint8Array>> = {
  "source/a/one": "1",
  "source/a/noise": pseudoRandom("borgmatic", 300_000),
  "source/a/left.tmp": "excluded by its name",
  "source/tagged/.nobackup": "",
  "source/tagged/file": "excluded by the tag beside it",
  "source/cache/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55",
  "source/cache/file": "excluded, a cache",
  "more/x/y": "y",
  "more/x/z": "z",
};

/** All that borgmatic hands on to borg. */
const CONFIG = `
location:
  source_directories: [source]
  repositories: [PLACE/parent/repository]
  working_directory: PLACE
  local_path: PLACE/program
  one_file_system: true
  numeric_ids: true
  atime: false
  ctime: false
  birthtime: false
  flags: false
  files_cache: mtime,size,inode
  exclude_patterns: ['*.tmp']
  exclude_if_present: [.nobackup]
  exclude_caches: true
  keep_exclude_tags: true
storage:
  encryption_passcommand: echo "secret phrase"
  compression: zstd,3
  chunker_params: 10,23,16,4095
  checkpoint_interval: 60
  upload_rate_limit: 1000
  umask: 0077
  lock_wait: 5
  borg_base_directory: PLACE/base
  relocated_repo_access_is_ok: true
  archive_name_format: '{hostname}-{user}-{now:%Y}'
  extra_borg_options:
    create: --comment hello
    prune: --save-space
    check: --show-version
    compact: --show-rc
retention:
  keep_within: 1H
  keep_daily: 2
  keep_weekly: 1
  keep_yearly: 1
  prefix: 'day-'
consistency:
  checks:
    - name: repository
      frequency: always
    - name: archives
    - name: data
    - name: extract
  check_last: 2
  prefix: ''
hooks:
  before_backup: [echo the hook before]
  after_backup: [echo the hook behind]
`;

/** Options that name an archive and its time. */
const archive = (name: string, time: string) => [
  "--override",
  `storage.archive_name_format=${name}`,
  `storage.extra_borg_options.create=--timestamp ${time}`,
];

/** Gives both programs the same work at the same time. */
async function both(config: string, work: (place: Place) => Promise<void>): Promise<void> {
  using ours = makePlace("alcove", config);
  using theirs = makePlace("borg", config);
  // A failure of one must not remove the folder under the other's feet.
  const ended = await Promise.allSettled([work(ours), work(theirs)]);
  for (const one of ended) if (one.status === "rejected") throw one.reason;
}

/** What the two programs answered, by the question. */
class Answers {
  readonly #given = new Map<string, Partial<Record<Program, string>>>();

  /** The order of entries follows their inodes, which differ: a list is kept sorted. */
  addList(program: Program, question: string, answer: string): void {
    this.add(program, question, answer.split("\n").sort().join("\n"));
  }

  add(program: Program, question: string, answer: string): void {
    this.#given.set(question, { ...this.#given.get(question), [program]: answer });
  }

  /** Compares each pair, as text or as JSON (keys and types). */
  assertSame(): void {
    for (const [question, { alcove, borg }] of this.#given) {
      if (question.includes("--json")) assertCovers(JSON.parse(alcove!), JSON.parse(borg!), question);
      else assert.equal(alcove, borg, question);
    }
  }
}

programsTest("borgmatic works with Alcove as it does with borg", ["borgmatic", "borg"], async () => {
  const answers = new Answers();
  await both(CONFIG, async (place) => {
    const { borgmatic } = place;
    /** Both programs must print the same, or in JSON the same keys and types. */
    const same = async (...args: string[]) => {
      const { out } = await borgmatic(args);
      if (args[0] === "list") answers.addList(place.program, args.join(" "), out);
      else answers.add(place.program, args.join(" "), out);
    };

    // The first one finds out by exit code 2 that there is no repository yet, the second that there is one.
    await borgmatic(["rcreate", "--encryption", "repokey-blake2", "--make-parent-dirs"]);
    const again = await borgmatic(["-v", "1", "rcreate", "--encryption", "repokey-blake2"]);
    assert.match(again.out, /Repository already exists/);

    const first = await borgmatic(["create", "--stats"]);
    assert.match(first.out, /^This archive: +\d/m);
    assert.match(first.err, /the hook before[^]*the hook behind/);
    const name = (await borgmatic(["rlist", "--short"])).out.trim().split("\n").at(-1)!;
    assert.match(name, /^[^-].*-[^-]+-20\d\d$/);
    for (const day of ["01", "02", "03", "15"]) {
      const changed = join(place.path, "source/a/one");
      fs.appendFileSync(changed, day);
      fs.utimesSync(changed, 1_700_000_000, 1_700_000_000 + Number(day));
      await borgmatic(["create", ...archive(`day-${day}`, `2024-03-${day}T12:00:00`)]);
    }
    await same("create", "--json", ...archive("day-16", "2024-03-16T12:00:00"));
    const listed = await borgmatic(["create", "--list", ...archive("other-1", "2024-03-17T12:00:00")]);
    assert.match(listed.out, /^x source\/a\/left\.tmp$/m);
    await borgmatic(["create", "--progress", ...archive("other-2", "2024-03-18T12:00:00")]);
    const verbose = await borgmatic([
      "-v",
      "2",
      "create",
      "--stats",
      ...archive("other-3", "2024-03-19T12:00:00"),
    ]);
    assert.match(verbose.out, /terminating with success status, rc 0/);
    await borgmatic(["--dry-run", "create", "--list", ...archive("never", "2024-03-20T12:00:00")]);
    // An archive of that name is there.
    await borgmatic(["create", ...archive("other-3", "2024-03-19T12:00:00")], 1);

    await same("rlist", "--short");
    await same("rlist", "--prefix", "day-", "--last", "2", "--format", "{archive} {time} {comment}{NL}");
    await same("rlist", "--json");
    await same("list", "--json");
    await same("list", "--archive", "latest");
    await same("list", "--archive", "latest", "--format", "{path} {size}{NL}");
    await same("list", "--find", "one", "--prefix", "other");
    await borgmatic(["list", "--archive", "nothing"], 1);
    await same("rinfo", "--json");
    await same("info", "--archive", "latest", "--json");
    assert.match((await borgmatic(["info"])).out, /Repository ID: [^]*All archives:/);

    fs.mkdirSync(join(place.path, "restored"));
    await borgmatic(["extract", "--archive", "day-15", "--destination", "restored"]);
    const restored = join(place.path, "restored/source");
    assert.equal(fs.readFileSync(join(restored, "a/one"), "utf8"), "101020315");
    const noise = fs.readFileSync(join(restored, "a/noise"));
    assert.equal(Buffer.compare(noise, FILES["source/a/noise"] as Uint8Array), 0);
    assert.deepEqual(fs.readdirSync(join(restored, "a")).sort(), ["noise", "one"]);
    assert.deepEqual(fs.readdirSync(join(restored, "tagged")), [".nobackup"]);
    assert.deepEqual(fs.readdirSync(join(restored, "cache")), ["CACHEDIR.TAG"]);
    await borgmatic([
      "extract",
      "--archive",
      "latest",
      "--path",
      "source/nothing",
      "--destination",
      "restored",
    ], 1);
    const part = ["--path", "source/a", "--strip-components", "2", "--progress", "--destination", "restored"];
    await borgmatic(["extract", "--archive", "latest", ...part]);
    assert.ok(fs.existsSync(join(place.path, "restored/one")));
    await borgmatic(["export-tar", "--archive", "latest", "--destination", "a.tar.gz", "--list"]);
    answers.addList(place.program, "tar", run("tar", ["tvzf", join(place.path, "a.tar.gz"), "--utc"]).stdout);

    await borgmatic(["check"]);
    // borgmatic remembers by the repository's id when it has checked what.
    const checked = join(place.path, "home/.borgmatic/checks");
    const [id] = fs.readdirSync(checked);
    assert.deepEqual(fs.readdirSync(join(checked, id!)).sort(), [
      "archives",
      "data",
      "extract",
      "repository",
    ]);
    await borgmatic(["check", "--only", "data", "--progress", "--force"]);

    const planned = await borgmatic(["--dry-run", "prune", "--list"]);
    assert.match(planned.out, /Would prune: +day-02/);
    await borgmatic(["prune", "--list", "--stats"]);
    await same("rlist", "--short");
    await borgmatic(["compact", "--progress", "--threshold", "5", "--cleanup-commits"]);

    await same("borg", "list", "--short");
    await borgmatic(["borg", "key", "export", "--paper"]);
    await borgmatic(["borg", "nonsense"], 1);
    await borgmatic(["break-lock"]);
    // No action: prune, compact, create and check, one after the other.
    const all = await borgmatic(["-v", "1", ...archive("day-17", "2024-03-21T12:00:00")]);
    assert.match(all.out, /Successfully ran configuration file/);
    await same("rlist", "--short");
    await borgmatic(["--override", "storage.encryption_passcommand=echo wrong", "rlist"], 1);
  });
  answers.assertSame();
});

/** Stand-ins for a database's programs: what they write and read goes through pipes that borgmatic makes. */
const DUMP = `#!/bin/sh\necho "dump of $*"\nhead -c 5000000 /dev/zero\n`;
const RESTORE = `#!/bin/sh\ncat >"$HOME/restored"\n`;

const PATTERNS_CONFIG = `
location:
  repositories: [PLACE/repository]
  working_directory: PLACE
  local_path: PLACE/program
  patterns: ['R source', 'P sh', '+ source/a/noise', '- source/a', '- source/cache/**']
  patterns_from: [PLACE/patterns]
storage:
  encryption_passphrase: secret phrase
  compression: auto,lzma,1
  remote_rate_limit: 100
hooks:
  mongodb_databases:
    - name: books
`;

programsTest(
  "borgmatic streams databases through Alcove, and hands on patterns",
  ["borgmatic", "borg"],
  async () => {
    const answers = new Answers();
    await both(PATTERNS_CONFIG, async ({ program, path, borgmatic }) => {
      const at = (name: string) => join(path, name);
      fs.writeFileSync(at("patterns"), "R more\n- pp:more/x/z\n");
      fs.writeFileSync(at("bin/mongodump"), DUMP, { mode: 0o755 });
      fs.writeFileSync(at("bin/mongorestore"), RESTORE, { mode: 0o755 });
      run("mkfifo", [at("source/a/pipe")]);
      await borgmatic(["rcreate", "--encryption", "repokey"]);
      const { err } = await borgmatic(["create", "--list"]);
      answers.add(program, "special files that are left out", err);
      const { out } = await borgmatic(["list", "--archive", "latest", "--short"]);
      answers.addList(program, "list", out.replace(/^.*Listing archive.*$/m, ""));
      await borgmatic(["restore", "--archive", "latest"]);
      const restored = fs.readFileSync(at("home/restored"), "latin1");
      assert.match(restored, /^dump of --db books --archive\n\0+$/);
      assert.equal(restored.length, 5_000_000 + "dump of --db books --archive\n".length);
    });
    answers.assertSame();
  },
);
