/** Outputs that scripts and front ends read: the same keys, types and shapes as borg's. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { assertCovers } from "../fixtures/json_shape.ts";
import { makeTree } from "../fixtures/tree.ts";

function makeRepository(place: Workplace): void {
  makeTree(join(place.path, "tree"));
  place.alcove(["init", "-e", "keyfile", "repo"]);
  place.alcove(["create", "--comment", "a remark", "repo::first", "tree"]);
}

borgTest("JSON output has borg's keys and types", () => {
  using place = workplace();
  makeRepository(place);
  const commands = [
    ["list", "--json", "repo"],
    ["list", "--json", "--format", "{comment}{hostname}{username}{end}{command_line}", "repo"],
    ["info", "--json", "repo"],
    ["info", "--json", "repo::first"],
    ["info", "--json", "--last", "1", "repo"],
  ];
  for (const command of commands) {
    assertCovers(
      JSON.parse(place.alcove(command).stdout),
      JSON.parse(place.borg(command).stdout),
      command.join(" "),
    );
  }
  const ours = JSON.parse(place.alcove(["create", "--json", "repo::ours", "tree"]).stdout);
  assertCovers(ours, JSON.parse(place.borg(["create", "--json", "repo::theirs", "tree"]).stdout));
});

borgTest("list --json-lines is borg's, line by line", () => {
  using place = workplace();
  makeRepository(place);
  const formats = [
    "",
    "{size}{csize}{num_chunks}{isomtime}{sha256}{xxh64}{archiveid}",
    "{dsize}{dcsize}{unique_chunks}",
  ];
  for (const format of formats) {
    const command = ["list", "--json-lines", ...(format ? ["--format", format] : []), "repo::first"];
    const lines = (text: string) =>
      text.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    const ours = lines(place.alcove(command).stdout);
    const theirs = lines(place.borg(command).stdout);
    assert.equal(ours.length, theirs.length);
    for (const [i, line] of theirs.entries()) {
      // borg 1.2.4 leaves the archive's id out of JSON lines; 1.4 has it.
      const { archiveid, ...rest } = ours[i]!;
      assert.deepEqual("archiveid" in line ? { ...rest, archiveid } : rest, line);
    }
  }
});

borgTest("list --format prints what borg prints", () => {
  using place = workplace();
  makeRepository(place);
  const items =
    "{mode}|{type}|{user:>8}|{group:<8}|{uid:05}|{size:>10}|{csize}|{mtime}|{isomtime}|{mtime:%Y}|{path:40}|" +
    "{source}|{linktarget}|{extra}|{health}|{md5}|{sha3_256}|{blake2b}|{TAB}|{bpath!r:<3}{NL}";
  const withoutRepr = items.replace("{bpath!r:<3}", "");
  assert.equal(
    place.alcove(["list", "--format", withoutRepr, "repo::first"]).stdout,
    place.borg(["list", "--format", withoutRepr, "repo::first"]).stdout,
  );
  const archives = "{archive}|{name:>20}|{id}|{start}|{time}|{end}|{comment}|{hostname}|{username}|{{x}}{NL}";
  assert.equal(
    place.alcove(["list", "--format", archives, "repo"]).stdout,
    place.borg(["list", "--format", archives, "repo"]).stdout,
  );
});

Deno.test("--log-json writes one JSON object with a type per line, questions and progress included", () => {
  using place = workplace();
  makeTree(join(place.path, "tree"));
  const events = (stderr: string) =>
    stderr.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  place.alcove(["init", "-e", "none", "--log-json", "repo"]);
  const created = events(
    place.alcove(["create", "--log-json", "--progress", "--list", "--stats", "--show-rc", "repo::a", "tree"])
      .stderr,
  );
  const types = new Set(created.map((event) => event["type"]));
  for (const type of ["archive_progress", "file_status", "log_message"]) assert.ok(types.has(type), type);
  assert.ok(created.some((event) => String(event["message"]).includes("rc 0")));
  assert.deepEqual(created.filter((event) => event["type"] === "archive_progress").at(-1)!["finished"], true);
  const warned = events(
    place.alcove(["create", "--log-json", "repo::b", "tree", "nowhere"], { code: 1 }).stderr,
  );
  assert.equal(warned[0]!["msgid"], "BackupFileNotFoundError");
  assert.equal(warned[0]!["levelname"], "WARNING");
  const failed = events(place.alcove(["list", "--log-json", "nowhere"], { code: 2 }).stderr);
  assert.equal(failed[0]!["msgid"], "Repository.DoesNotExist");
  const asked = events(place.alcove(["delete", "--log-json", "repo"], { code: 2, input: "\n" }).stderr);
  assert.equal(asked[0]!["type"], "question_prompt");
  assert.equal(asked[0]!["msgid"], "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING");
});
