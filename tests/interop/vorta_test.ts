/**
 * Vorta backs up with Alcove as its `borg`: its own code builds the command lines, reads what is printed, and keeps it in
 * its database. The driver runs the same steps with borg, and both must have the same to tell.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { borgVersion } from "../fixtures/borg.ts";
import { homeOf, programsTest, writeAlcove } from "../fixtures/front_end.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

const DRIVER = new URL("../fixtures/vorta_driver.py", import.meta.url).pathname;

/** What a user of Vorta sees of one job. */
interface Job {
  code: number;
  errors: string[];
  log: string[];
  progress?: string[];
  msgids: string[];
}

type Answers = Record<string, unknown>;

/** Runs the driver with `program` as borg, in a folder of its own; answers what Vorta made of it. */
async function drive(program: "alcove" | "borg"): Promise<Answers> {
  const path = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "alcove-vorta-")));
  const at = (name: string) => join(path, name);
  try {
    fs.mkdirSync(at("bin"));
    if (program === "alcove") writeAlcove(at("bin/borg"));
    for (const folder of ["source/folder", "source/tagged"]) fs.mkdirSync(at(folder), { recursive: true });
    fs.writeFileSync(at("source/text"), "text\n");
    fs.writeFileSync(at("source/gone"), "gone\n");
    fs.writeFileSync(at("source/folder/inside"), "inside\n");
    fs.writeFileSync(at("source/left.tmp"), "excluded");
    fs.writeFileSync(at("source/tagged/.nobackup"), "");
    fs.writeFileSync(at("source/noise"), pseudoRandom("vorta", 3_000_000));
    fs.symlinkSync("text", at("source/link"));
    const env = {
      ...homeOf(at("home")),
      PATH: `${at("bin")}:${Deno.env.get("PATH")}`,
      QT_QPA_PLATFORM: "offscreen",
      XDG_RUNTIME_DIR: at("home"),
      // No keyring but Vorta's own, and no notifications on somebody's desktop.
      DBUS_SESSION_BUS_ADDRESS: "disabled:",
      BORG_EXIT_CODES: "legacy",
    };
    const child = new Deno.Command("/usr/bin/python3", {
      args: [DRIVER],
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const input = child.stdin.getWriter();
    // borg needs longer than Vorta's patience to stop.
    const tries = program === "alcove" ? 20 : 1;
    const task = { place: path, repository: at("repository"), password: "secret phrase", tries };
    await input.write(new TextEncoder().encode(JSON.stringify(task)));
    await input.close();
    const { code, stdout, stderr } = await child.output();
    const said = new TextDecoder().decode(stderr);
    assert.equal(code, 0, said);
    assert.doesNotMatch(said, /bug in Alcove/);
    if (program === "alcove") {
      for (const name of ["inside", "new"]) {
        const restored = fs.readFileSync(join(at("target"), at("source/folder"), name));
        assert.deepEqual(restored, fs.readFileSync(join(at("source/folder"), name)));
      }
      assert.deepEqual(fs.readdirSync(join(at("target"), at("source"))), ["folder"]);
    }
    // In paths of an archive the first slash is missing.
    const text = new TextDecoder().decode(stdout);
    return JSON.parse(text.replaceAll(path, "PLACE").replaceAll(path.slice(1), "PLACE")) as Answers;
  } finally {
    fs.rmSync(path, { recursive: true, force: true });
  }
}

/** Exit code, message ids and what the status line said: the same with both programs. */
const outcome = (value: unknown) => {
  const { code, msgids, progress } = value as Job;
  return { code, msgids, progress };
};

programsTest("Vorta works with Alcove as it does with borg", ["vorta"], async () => {
  const runs = await Promise.allSettled([drive("alcove"), borgVersion === null ? null : drive("borg")]);
  for (const one of runs) if (one.status === "rejected") throw one.reason;
  const [ours, theirs] = runs.map((one) => (one as PromiseFulfilledResult<Answers>).value);
  assert.ok(ours);

  assert.deepEqual(ours["version"], { version: "1.4.5", path: "PLACE/bin/borg" });
  assert.deepEqual(ours["failures"], []);
  assert.match((ours["vorta --create"] as { said: string }).said, /existing Vorta instance/);
  const names = (key: string) => (ours[key] as { name: string; timed: boolean }[]).map(({ name }) => name);
  assert.deepEqual(names("after create"), ["first"]);
  assert.deepEqual(names("after info"), ["first", "second"]);
  assert.deepEqual(names("after command"), ["renamed", "second", "third"]);
  assert.deepEqual(names("after prune"), ["third"]);
  assert.deepEqual(names("at last"), []);
  assert.deepEqual((ours["repository"] as { encryption: string }).encryption, "repokey-blake2");
  const events = ours["events"] as [string, number][];
  const failed = events.filter(([, code]) => code !== 0);
  // A wrong passphrase, no repository, a name that is taken, a lock; and the backup that was cancelled.
  assert.deepEqual(failed, [["info", 2], ["info", 2], ["create", 2], ["list", 2], ["create", 130]]);
  assert.deepEqual((ours["locked"] as Job).msgids, ["LockTimeout"]);
  assert.match((ours["create"] as Job).log.join("\n"), /^PLACE\/source\/folder\/inside \(A\)$/m);
  assert.match((ours["create"] as Job).progress!.join("\n"), /^Files: \d+, Original: /m);
  assert.match((ours["cancelled"] as Job).log.join("\n"), /^WARNING: Stopping: .*\nERROR: Interrupted: /m);
  const differences = ours["differences"] as Record<string, unknown[]>;
  assert.deepEqual(differences["PLACE/source/gone"], ["REMOVED", "FILE", -5, null, null]);
  assert.deepEqual(differences["PLACE/source/text"], ["MODIFIED", "FILE", 8, null, [13, 5]]);

  if (!theirs) return console.log("notice: borg is not installed, Vorta is not driven with it");
  for (const [step, value] of Object.entries(theirs)) {
    if (step === "cancelled") continue;
    if (step === "contents") assert.deepEqual(ours[step], value, step);
    if (Object.hasOwn(value as object, "errors")) {
      assert.deepEqual(outcome(ours[step]), outcome(value), step);
      const shown = (job: unknown) =>
        (job as Job).log.filter((line) => /^PLACE.* \([A-Za-z-]\)$/.test(line)).sort();
      assert.deepEqual(shown(ours[step]), shown(value), step);
    }
  }
  const without = (events: unknown) =>
    (events as [string, number][]).map(([name, code]) => [name, code !== 0]);
  assert.deepEqual(without(events), without(theirs["events"]));
});
