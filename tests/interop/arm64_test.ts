/**
 * Linux on arm64 under QEMU: the contracts of files and attributes with that architecture's C library, the kernels, and
 * repositories that both machines and the real borg use.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Emulated, missingForArm64, prepareArm64 } from "../../scripts/arm64.ts";
import { workplace } from "../fixtures/alcove.ts";
import { borgTest, run } from "../fixtures/borg.ts";
import { assertSameTree, makeTree } from "../fixtures/tree.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** None of these starts the runtime itself, which takes a kernel that knows of QEMU. */
const SUITES = [
  "tests/contract/attributes_test.ts",
  "tests/contract/files_test.ts",
  "tests/unit/chunk/fixed_test.ts",
  "tests/unit/fs/attributes_test.ts",
  "tests/unit/platform/host_test.ts",
  "tests/unit/platform/statx_test.ts",
  "tests/unit/wasm/self_test_test.ts",
];
/**
 * All but PortableFiles and "a kernel that answers wrong", which start the runtime, and UnixFiles under other records: the
 * same everywhere.
 */
const FILTER = "/^([^PUa]|P[^o]|U[^n]|a[^ ])/";

/** Null, with the reason printed, where it cannot be had; CI must have it. */
function arm64(): Emulated | null {
  let reason = missingForArm64();
  reason &&= `${reason} is missing`;
  try {
    if (reason === null) return prepareArm64();
  } catch (error) {
    reason = String(error);
  }
  if (process.env["CI"]) throw new Error(`${reason}, and CI must run this test`);
  console.log(`skipped, no arm64 here: ${reason}`);
  return null;
}

Deno.test("the contracts of files and attributes and the kernels' answers hold on arm64", () => {
  const machine = arm64();
  if (machine === null) return;
  const [qemu, ...deno] = machine.command;
  const args = [...deno, "test", "-A", "--no-prompt", "--no-check", "--filter", FILTER, ...SUITES];
  const { code, stdout, stderr } = run(qemu!, args, { cwd: ROOT, env: machine.env });
  assert.equal(code, 0, `${stdout}${stderr}`);
  const ran = /ok \| (\d+) passed.*\| 0 failed/.exec(stdout);
  assert(Number(ran?.[1]) > 60, stdout);
  assert.match(stdout, /LinuxFiles: .* \.\.\. ok/);
});

borgTest("the program on arm64 writes what borg reads, and reads what others write", () => {
  const machine = arm64();
  if (machine === null) return;
  using place = workplace();
  const tree = join(place.path, "tree");
  makeTree(tree);
  const [qemu, ...deno] = machine.command;
  const there = (args: string[], cwd = place.path): string => {
    const words = [...deno, "run", "-A", "--no-prompt", "--quiet", join(ROOT, "cli/main.ts"), ...args];
    const { code, stdout, stderr } = run(qemu!, words, { cwd, env: { ...place.env, ...machine.env } });
    assert.equal(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  const folder = (name: string): string => {
    fs.mkdirSync(join(place.path, name));
    return join(place.path, name);
  };
  place.borg(["init", "-e", "repokey-blake2", "repo"]);
  there(["create", "-C", "auto,zstd,3", "repo::theirs", "tree"]);
  place.borg(["check", "--verify-data", "repo"]);
  place.borg(["extract", "../repo::theirs"], { cwd: folder("borg") });
  assertSameTree(join(place.path, "borg/tree"), tree);
  // The same input gives the same chunks there and here.
  const { archive } = JSON.parse(place.alcove(["create", "--json", "repo::ours", "tree"]).stdout);
  assert(
    archive.stats.deduplicated_size < 1000,
    `${archive.stats.deduplicated_size} bytes were stored again`,
  );
  there(["extract", "../repo::ours"], folder("there"));
  assertSameTree(join(place.path, "there/tree"), tree);
});
