/** The `debug` commands print and write what borg's print and write. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

/** A repository with two archives, a deleted one, and names and contents that need care. */
function repository(place: Workplace, mode: string): void {
  place.alcove(["init", "-e", mode, "repo"]);
  fs.mkdirSync(join(place.path, "src"));
  const write = (name: string, data: string | Uint8Array) =>
    fs.writeFileSync(join(place.path, "src", name), data);
  write("plain", "some words, 'quoted' and \"quoted\", \\ and\r\n\ta needle\0\x7f end");
  write("grüße \u{1f600}", "more words and a needle, and a needle");
  write("needle", pseudoRandom("x", 100_000));
  fs.symlinkSync("plain", join(place.path, "src/link"));
  place.alcove(["create", "repo::first", "src"]);
  place.borg(["create", "--comment", "ünd", "repo::second", "src"]);
  write("void", "soon gone");
  place.alcove(["create", "repo::third", "src"]);
  place.alcove(["delete", "repo::third"]);
}

/** Runs both programs, each in a folder of its own, and compares what they print and write; answers what was printed. */
function same(place: Workplace, args: string[], code = 0): string {
  const files: Record<string, string>[] = [];
  const printed: string[] = [];
  for (const name of ["alcove", "borg"] as const) {
    const cwd = join(place.path, `at-${name}`);
    fs.rmSync(cwd, { recursive: true, force: true });
    fs.mkdirSync(cwd);
    fs.writeFileSync(join(cwd, "input"), "some words, 'quoted'");
    printed.push(place[name](args, { cwd, code }).stdout);
    files.push(Object.fromEntries(
      fs.readdirSync(cwd).map((file) => [file, fs.readFileSync(join(cwd, file)).toString("base64")]),
    ));
  }
  assert.equal(printed[0], printed[1]);
  assert.deepEqual(files[0], files[1]);
  return printed[0]!;
}

for (const mode of ["repokey-blake2", "none"]) {
  borgTest(`debug commands that read give what borg's give (${mode})`, () => {
    using place = workplace();
    repository(place, mode);
    same(place, ["debug", "dump-archive", "../repo::second", "-"]);
    same(place, ["debug", "dump-archive", "../repo::first", "out"]);
    same(place, ["debug", "dump-archive-items", "../repo::second"]);
    same(place, ["debug", "dump-manifest", "../repo", "out"]);
    same(place, ["debug", "dump-manifest", "../repo", "-"]);
    const dumped = same(place, ["debug", "dump-repo-objs", "../repo"]);
    assert.match(dumped, /Done\.\n$/);
    const ghosts = same(place, ["debug", "dump-repo-objs", "--ghost", "../repo"]);
    assert.match(ghosts, /_commit\.obj\n/);
    assert.match(ghosts, /_del_[0-9a-f]{64}\.obj\n/);
    same(place, ["debug", "dump-repo-objs", "--ghost", "--segment", "3", "../repo"]);
    same(place, ["debug", "dump-repo-objs", "--ghost", "--segment", "3", "--offset", "8", "../repo"]);
    for (const wanted of ["str:needle", "hex:0a096120", "str:n", "str:not there", "str:grüße"]) {
      same(place, ["debug", "search-repo-objs", "../repo", wanted]);
    }
    const id = same(place, ["debug", "id-hash", "../repo", "input"]).trim();
    assert.match(id, /^[0-9a-f]{64}$/);
    const zeros = "00".repeat(32);
    const some = dumped.match(/[0-9a-f]{64}/g)!;
    same(place, ["debug", "get-obj", "../repo", some[0]!, "out"]);
    same(place, ["debug", "get-obj", "../repo", zeros, "out"]);
    same(place, ["debug", "refcount-obj", "../repo", ...some, zeros, id, "xyz"]);
    // borg 1.2 breaks down on an id that is too short.
    const short = place.alcove(["debug", "refcount-obj", "repo", "00"]).stdout;
    assert.equal(short, "object id 00 is invalid.\n");
    const hints = JSON.parse(place.alcove(["debug", "dump-hints", "repo", "-"]).stdout);
    assert.deepEqual(hints, JSON.parse(place.borg(["debug", "dump-hints", "repo", "-"]).stdout));
  });
}

borgTest("debug put-obj and delete-obj change what borg's change, and complain as they do", () => {
  using place = workplace({ BORG_EXIT_CODES: "modern" });
  repository(place, "repokey");
  const id = "ab".repeat(32);
  for (const [one, other] of [["alcove", "borg"], ["borg", "alcove"]] as const) {
    fs.writeFileSync(join(place.path, "in"), one);
    assert.equal(place[one](["debug", "put-obj", "repo", id, "in"]).stdout, `object ${id} put.\n`);
    place[other](["debug", "get-obj", "repo", id, "out"]);
    assert.equal(fs.readFileSync(join(place.path, "out"), "utf8"), one);
    const deleted = place[other](["debug", "delete-obj", "repo", id, "ff".repeat(32), "xyz"]).stdout;
    assert.equal(
      deleted,
      `object ${id} deleted.\nobject ${"ff".repeat(32)} not found.\nobject id xyz is invalid.\nDone.\n`,
    );
  }
  place.alcove(["check", "repo"]);
  place.alcove(["debug", "get-obj", "repo", "xyz", "out"], { code: 4 });
  place.alcove(["debug", "get-obj", "repo", id, "out"], { code: 2 });
  place.alcove(["debug", "put-obj", "repo", "xyz", "in"], { code: 4 });
  place.alcove(["debug", "search-repo-objs", "repo", "needle"], { code: 4 });
  place.alcove(["debug", "dump-archive", "repo::nothing", "-"], { code: 31 });
  assert.match(place.alcove(["debug", "convert-profile", "a", "b"], { code: 4 }).stderr, /Python/);
});

borgTest("debug info begins its lines as borg does, and BORG_SHOW_SYSINFO=no keeps them back", () => {
  using place = workplace();
  const heads = (text: string) => text.split("\n").map((line) => line.split(":")[0]);
  const ours = heads(place.alcove(["debug", "info"]).stdout);
  const theirs = heads(place.borg(["debug", "info"]).stdout).filter((head) => head !== "Linux");
  assert.deepEqual(ours.filter((head) => head !== "Borrowed libraries"), theirs);
  const env = { BORG_SHOW_SYSINFO: "no" };
  const quiet = heads(place.alcove(["debug", "info"], { env }).stdout);
  assert.deepEqual(quiet, heads(place.borg(["debug", "info"], { env }).stdout));
});
