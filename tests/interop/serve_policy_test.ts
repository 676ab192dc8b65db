/** What a server's owner can rely on whatever its clients do: append-only repositories, and storage quotas. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest } from "../fixtures/borg.ts";
import { ALCOVE_SERVE, BORG_SERVE, ServePeer } from "../fixtures/serve_peer.ts";
import { serveRsh } from "../fixtures/serve_rsh.ts";
import { idOf } from "../fixtures/store_env.ts";

/** Goes back to `transaction` as the help of `serve` says. */
function goBack(repo: string, transaction: number): void {
  for (const name of fs.readdirSync(repo)) {
    if (/^(index|hints|integrity)\./.test(name)) fs.rmSync(join(repo, name));
  }
  for (const folder of fs.readdirSync(join(repo, "data"))) {
    for (const name of fs.readdirSync(join(repo, "data", folder))) {
      if (Number(name) > transaction) fs.rmSync(join(repo, "data", folder, name));
    }
  }
}

function transactions(repo: string): number[] {
  const text = fs.readFileSync(join(repo, "transactions"), "utf8");
  return text.trimEnd().split("\n").map((line) => {
    const number = /^transaction (\d+), UTC time \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/.exec(line)?.[1];
    assert.ok(number, line);
    return Number(number);
  });
}

const shaOf = (folder: string): string[] =>
  fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()
    .filter((name) => fs.statSync(join(folder, name)).isFile())
    .map((name) => `${name} ${fs.readFileSync(join(folder, name)).toString("base64")}`);

function fill(place: Workplace): void {
  fs.mkdirSync(join(place.path, "source"));
  for (let i = 0; i < 20; i++) {
    fs.writeFileSync(
      join(place.path, "source", `file${i}`),
      crypto.getRandomValues(new Uint8Array(5000 + i)),
    );
  }
}

borgTest(
  "what a client does to an append-only server can be undone, whichever program served and deleted",
  () => {
    using place = workplace({ BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" });
    fill(place);
    const repo = join(place.path, "repo");
    const url = `ssh://host${repo}`;
    const env = serveRsh(place, { forced: ["--append-only"] });
    place.borg(["init", "-e", "repokey", url], { env });
    place.borg(["create", `${url}::one`, "source"], { env });
    place.borg(["create", `${url}::two`, "source"], { env });
    const config = fs.readFileSync(join(repo, "config"), "utf8");
    assert.match(config, /append_only = 0/);
    const sound = transactions(repo).at(-1)!;
    const segments = shaOf(join(repo, "data"));

    // What somebody may try who has taken over the client.
    place.borg(["delete", `${url}::one`], { env });
    place.borg(["prune", "--keep-last", "1", url], { env });
    place.borg(["compact", "--cleanup-commits", "--threshold", "0", url], { env });
    // Not later: what borg 1.2 recreates fails its own authentication.
    place.alcove(["create", `${url}::three`, "source"], { env });
    place.alcove(["delete", `${url}::three`], { env });
    place.alcove(["compact", "--threshold", "0", url], { env });
    place.borg(["recreate", "--exclude", "*", url], { env });
    place.borg(["compact", "--threshold", "0", url], { env });
    const forced = { BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "YES", BORG_DELETE_I_KNOW_WHAT_I_AM_DOING: "YES" };
    place.borg(["check", "--repair", url], { env: { ...env, ...forced }, code: 2 });
    place.borg(["delete", url], { env: { ...env, ...forced }, code: 2 });
    place.alcove(["check", "--repair", url], { env: { ...env, ...forced }, code: 2 });
    place.alcove(["delete", url], { env: { ...env, ...forced }, code: 2 });
    place.borg(["delete", "-a", "*", url], { env: { ...env, ...forced } });
    assert.equal(place.borg(["list", "--short", url], { env }).stdout, "");

    const after = shaOf(join(repo, "data"));
    assert.deepEqual(segments.filter((line) => !after.includes(line)), [], "nothing committed was changed");
    assert.ok(transactions(repo).at(-1)! > sound);

    for (const check of [place.borg, place.alcove]) {
      const copy = join(place.path, "copy");
      fs.cpSync(repo, copy, { recursive: true });
      goBack(copy, sound);
      assert.deepEqual(shaOf(join(copy, "data")), segments);
      place.borg(["delete", "--cache-only", "copy"]);
      fs.rmSync(join(place.path, "home", ".config", "borg", "security"), { recursive: true });
      check(["check", "--verify-data", "copy"]);
      assert.deepEqual(check(["list", "--short", "copy"]).stdout.split(/\s+/).filter(Boolean), [
        "one",
        "two",
      ]);
      check(["extract", "--dry-run", "copy::one"]);
      fs.rmSync(copy, { recursive: true });
    }
  },
);

Deno.test("append-only holds for all that speaks the protocol, and not for a repository that is being made", async () => {
  using place = workplace();
  const cwd = place.path;
  const data = new Uint8Array(1000);
  const maker = new ServePeer(ALCOVE_SERVE, { cwd, args: ["--append-only"] });
  await maker.open("repo", { create: true, exclusive: true });
  await maker.result("put", { id: idOf(1), data });
  await maker.result("commit", { compact: true });
  await maker.end();
  const before = shaOf(join(cwd, "repo", "data"));
  const attacker = new ServePeer(ALCOVE_SERVE, { cwd, args: ["--append-only"] });
  await attacker.open("repo", { exclusive: true, append_only: false });
  await attacker.result("put", { id: idOf(1), data: new Uint8Array(10) });
  await attacker.result("commit", { compact: true, threshold: 0, cleanup_commits: true });
  await attacker.result("delete", { id: idOf(1) });
  await attacker.result("commit", { save_space: true });
  assert.match(await attacker.failure("destroy"), /^Error: .*append-only/);
  assert.match(await attacker.failure("check", { repair: true }), /^Error: .*append-only/);
  // Opening what exists as if it were new changes nothing, and gives nothing.
  assert.match(await attacker.failure("open", { path: "repo", create: true }), /^AlreadyExists: /);
  await attacker.end();
  const after = shaOf(join(cwd, "repo", "data"));
  assert.deepEqual(before.filter((line) => !after.includes(line)), []);
  assert.equal(transactions(join(cwd, "repo")).length, 2);
  // A repository that is append-only by itself is so at any server.
  const config = join(cwd, "repo", "config");
  fs.writeFileSync(config, fs.readFileSync(config, "utf8").replace("append_only = 0", "append_only = 1"));
  const other = new ServePeer(ALCOVE_SERVE, { cwd });
  await other.open("repo", { exclusive: true });
  assert.match(await other.failure("destroy"), /append-only/);
  await other.end();
});

/** Stores objects until the quota ends it; answers what happened at each step. */
async function overQuota(
  program: readonly string[],
  cwd: string,
  sizes: number[],
  args: string[],
): Promise<string[]> {
  const peer = new ServePeer(program, { cwd, args });
  await peer.open("repo", { exclusive: true });
  const outcomes: string[] = [];
  const step = async (method: string, values: Parameters<ServePeer["call"]>[1]): Promise<void> => {
    const answer = await peer.call(method, values);
    outcomes.push(
      `${method} ${
        answer.has("r") ? "done" : new TextDecoder().decode(answer.get("exception_class") as Uint8Array)
      }`,
    );
  };
  for (const [n, size] of sizes.entries()) await step("put", { id: idOf(n), data: new Uint8Array(size) });
  await step("commit", { compact: false });
  outcomes.push(`${await peer.result("__len__")} objects`);
  // Free what can be freed, and try once more.
  for (const n of sizes.keys()) await step("delete", { id: idOf(n) });
  await step("put", { id: idOf(0), data: new Uint8Array(sizes[0]!) });
  await step("commit", { compact: true });
  await step("put", { id: idOf(0), data: new Uint8Array(sizes[0]!) });
  await step("commit", { compact: true });
  outcomes.push(`${await peer.result("__len__")} objects`);
  await peer.end();
  return outcomes;
}

borgTest("a quota ends at borg's byte, and is nowhere to be got round", async () => {
  using place = workplace();
  fs.mkdirSync(join(place.path, "origin"));
  place.borg(["init", "-e", "none", "origin/repo"]);
  const half = 5_000_000 - 41;
  // With the manifest's own bytes: 1 fits exactly into 10 MB, 2 is a byte too long.
  for (const last of [1, 2]) {
    const results: unknown[] = [];
    for (const program of [BORG_SERVE, ALCOVE_SERVE]) {
      const cwd = join(place.path, "serving");
      fs.cpSync(join(place.path, "origin"), cwd, { recursive: true });
      const probe = new ServePeer(program, { cwd });
      await probe.open("repo");
      const stored = (await probe.result("get", { id: new Uint8Array(32) }) as Uint8Array).length + 41;
      await probe.end();
      const sizes = [half, half - stored + last - 1];
      results.push(await overQuota(program, cwd, sizes, ["--storage-quota", "10M"]));
      fs.rmSync(cwd, { recursive: true });
    }
    assert.deepEqual(results[1], results[0]);
    assert.equal((results[1] as string[])[1], last < 2 ? "put done" : "put StorageQuotaExceeded");
  }
});

Deno.test("a key is stored as a key, and not as other settings of the repository", async () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "repo"]);
  const config = join(place.path, "repo", "config");
  const before = fs.readFileSync(config, "utf8");
  const peer = new ServePeer(ALCOVE_SERVE, { cwd: place.path });
  await peer.open("repo", { exclusive: true });
  for (
    const keydata of ["x\rappend_only = 0", "\x00", "k\u00e9y", "x".repeat(100_000), new Uint8Array([0xff])]
  ) {
    assert.match(await peer.failure("save_key", { keydata }), /^Error: .*it is no key/);
  }
  assert.equal(fs.readFileSync(config, "utf8"), before);
  await peer.result("save_key", { keydata: "a\n[repository]\nappend_only = 1\n" });
  await peer.end();
  assert.equal(place.alcove(["config", "repo", "append_only"]).stdout, "0\n");
});
