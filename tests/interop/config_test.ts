/** `config` and `with-lock` against the real borg: what they print, write, accept and answer. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";

borgTest("config: what one program sets the other reads, and the files are equal", () => {
  using place = workplace();
  place.borg(["init", "-e", "none", "a"]);
  fs.cpSync(join(place.path, "a"), join(place.path, "b"), { recursive: true });
  const text = (repository: string): string =>
    fs.readFileSync(join(place.path, repository, "config"), "utf8");
  for (
    const args of [
      ["additional_free_space", "2G"],
      ["storage_quota", "1.5T"],
      ["repository.append_only", "1"],
      ["append_only", "0"],
      ["max_segment_size", "1e8"],
      ["segments_per_dir", "500"],
      ["last_segment_checked", "7"],
      ["-d", "last_segment_checked"],
      ["-d", "storage_quota"],
      ["--delete", "nothing_like_this"],
    ]
  ) {
    const options = args.filter((arg) => arg.startsWith("-"));
    const words = args.filter((arg) => !arg.startsWith("-"));
    const codes = [
      place.borg(["config", ...options, "a", ...words], { code: null }).code,
      place.alcove(["config", ...options, "b", ...words], { code: null }).code,
    ];
    assert.equal(codes[1], codes[0], args.join(" "));
    assert.equal(text("b"), text("a"), args.join(" "));
    const name = words[0]!;
    const read = [
      place.borg(["config", "a", name], { code: null }),
      place.alcove(["config", "b", name], {
        code: null,
      }),
    ];
    assert.equal(read[1]!.stdout, read[0]!.stdout);
  }
  place.borg(["config", "a", "storage_quota", "20M"]);
  place.alcove(["config", "b", "storage_quota", "20M"]);
  assert.equal(place.alcove(["config", "--list", "b"]).stdout, place.borg(["config", "--list", "a"]).stdout);
});

borgTest("config: what borg refuses is refused, and changes nothing", () => {
  using place = workplace();
  place.borg(["init", "-e", "repokey", "repo"]);
  const path = join(place.path, "repo/config");
  const before = fs.readFileSync(path, "utf8");
  for (
    const args of [
      ["repo"],
      ["repo", "version", "2"],
      ["repo", "key", "x"],
      ["-d", "repo", "key"],
      ["repo", "cache.previous_location", "x"],
      ["repo", "a.b.c", "x"],
      ["repo", "append_only", "yes"],
      ["repo", "segments_per_dir", "many"],
      ["repo", "storage_quota", "5M"],
      ["repo", "additional_free_space", "1k"],
      ["repo", "max_segment_size", "5G"],
      ["repo", "id", "abc"],
      ["-d", "-l", "repo"],
      ["repo::archive", "id"],
      ["nowhere", "id"],
      ["repo", "id", "x", "y"],
    ]
  ) {
    const borg = place.borg(["config", ...args], { code: null });
    const alcove = place.alcove(["config", ...args], { code: null });
    assert.equal(alcove.code, borg.code, `config ${args.join(" ")}: ${alcove.stderr}`);
    assert.equal(alcove.code, 2);
    assert.equal(fs.readFileSync(path, "utf8"), before);
  }
});

borgTest("with-lock: output, exit code and arguments are the program's, as with borg", () => {
  using place = workplace();
  place.borg(["init", "-e", "none", "repo"]);
  const cases: [args: string[], input?: string][] = [
    [["repo", "echo", "-a", "--help", "--", "b", "-s"]],
    [["repo", "echo", "--", "-x"]],
    [["--", "repo", "echo", "-x"]],
    [["--lock-wait", "3", "repo", "--umask", "0022", "sh", "-c", "echo out; echo err >&2; exit 7"]],
    [["repo", "false"]],
    [["repo", "cat"], "some input\n"],
    [["repo", "sh", "-c", 'echo "${BORG_PASSPHRASE:-none} ${BORG_VERSION:+some}"']],
    [["repo", "no-such-program"]],
    [["repo"]],
    [["repo::archive", "true"]],
    [["nowhere", "true"]],
    [["--no-such-option", "repo", "true"]],
  ];
  for (const [args, input] of cases) {
    const options = { code: null, ...(input === undefined ? {} : { input }) };
    const borg = place.borg(["with-lock", ...args], options);
    const alcove = place.alcove(["with-lock", ...args], options);
    assert.equal(alcove.stdout, borg.stdout, args.join(" "));
    assert.equal(alcove.code, borg.code, `${args.join(" ")}: ${alcove.stderr}`);
  }
  // borg says 0 here, which hides a failure.
  place.alcove(["with-lock", "repo", "sh", "-c", "kill -9 $$"], { code: 137 });
});

borgTest("with-lock: the repository is locked for borg, unlocked afterwards, and not changed", () => {
  using place = workplace();
  place.borg(["init", "-e", "none", "repo"]);
  const segments = () => fs.readdirSync(join(place.path, "repo/data/0")).sort();
  const before = segments();
  const locked = place.alcove(["with-lock", "repo", "borg", "list", "--lock-wait", "0", "repo"], {
    code: null,
  });
  assert.equal(locked.code, 2);
  assert.match(locked.stderr, /lock/);
  place.alcove(["with-lock", "repo", "true"]);
  place.alcove(["with-lock", "repo", "no-such-program"], { code: 2 });
  place.borg(["list", "--lock-wait", "0", "repo"]);
  assert.deepEqual(segments(), before);
});
