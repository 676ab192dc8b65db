/** `help`, `version` and the options that tell about the program itself; where borg has them, its exit codes. */
import assert from "node:assert/strict";
import { borgTest } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";
import { HELP_TOPICS } from "../../cli/help_topics.ts";

borgTest("help shows the program, commands, families and topics, with borg's exit codes", () => {
  using place = workplace();
  const both = (args: string[], code: number) => {
    place.borg(args, { code });
    return place.alcove(args, { code });
  };
  assert.match(both(["help"], 0).stdout, /commands:\n[^]* {2}create /);
  assert.match(both([], 0).stdout, /commands:\n[^]* {2}create /);
  const page = both(["help", "create"], 0).stdout;
  assert.equal(page, both(["create", "--help"], 0).stdout);
  assert.match(both(["help", "key"], 0).stdout, /key export/);
  assert.match(both(["key"], 0).stdout, /key export/);
  assert.equal(
    place.alcove(["help", "key", "export"]).stdout,
    place.alcove(["key", "export", "--help"]).stdout,
  );
  const description = both(["help", "compact", "--epilog-only"], 0).stdout;
  assert.doesNotMatch(description, /usage|--threshold +PERCENT/);
  const usage = both(["help", "--usage-only", "compact"], 0).stdout;
  assert.match(usage, /^usage: alcove compact[^]*--threshold/);
  assert.ok(!usage.includes(description.split("\n")[0]!));
  for (const { name } of HELP_TOPICS) {
    const borgHasIt = !["environment", "remote"].includes(name);
    const { stdout } = borgHasIt ? both(["help", name], 0) : place.alcove(["help", name]);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 125, line);
  }
  assert.match(both(["help", "paterns"], 2).stderr, /did you mean patterns\?/);
  assert.match(both(["help", "nosuchthing"], 2).stderr, /commands: .*create.*topics: .*patterns/);
});

borgTest("unknown commands and options end with 2 and the word that was probably meant", () => {
  using place = workplace();
  const wrong: [string[], RegExp][] = [
    [["crate"], /did you mean create\?/],
    [["nosuchthing"], /--help lists the commands/],
    [["key", "exprot"], /did you mean export\?/],
    [["list", "--shrot", "repo"], /did you mean --short\?/],
    [["list", "--stats", "repo"], /unrecognized arguments: --stats/],
    [["--nosuch", "list", "repo"], /unrecognized arguments: --nosuch/],
  ];
  for (const [args, words] of wrong) {
    place.borg(args, { code: 2 });
    assert.match(place.alcove(args, { code: 2 }).stderr, words);
  }
});

Deno.test("version shows client and server, --version and --show-version this program, --show-rc the exit code", () => {
  using place = workplace();
  for (const args of [["version"], ["version", "."], ["version", "/no/such/repository"]]) {
    assert.equal(place.alcove(args).stdout, "1.4.5 / 1.4.5\n");
  }
  place.alcove(["version", "repo::archive"], { code: 2 });
  assert.match(place.alcove(["--version"]).stdout, /^alcove 1\.4\.5 /);
  assert.match(place.alcove(["-V"]).stdout, /^alcove 1\.4\.5 /);
  const shown = place.alcove(["--show-version", "--show-rc", "version"]).stderr;
  assert.match(shown, /^alcove 1\.4\.5 .*\nterminating with success status, rc 0\n$/);
  const failed = place.alcove(["list", "--show-rc", "--log-json", "nowhere"], { code: 2 }).stderr;
  const last = JSON.parse(failed.trim().split("\n").at(-1)!);
  assert.deepEqual([last.name, last.levelname, last.message], [
    "borg.output.show-rc",
    "ERROR",
    "terminating with error status, rc 2",
  ]);
});
