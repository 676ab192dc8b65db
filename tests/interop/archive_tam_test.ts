/**
 * Archives that are not authenticated: of borg before 1.2.5 (no TAM), and renamed by borg 1.2 (a wrong one). What borg 1.4.5
 * does with them command by command, under BORG_EXIT_CODES=modern, with and without BORG_WORKAROUNDS.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest, type Ran, run } from "../fixtures/borg.ts";
import { borg14Test } from "../fixtures/borg14.ts";
import { type RunOptions, type Workplace, workplace } from "../fixtures/alcove.ts";

/** borg 1.2 without what its packagers have taken over from 1.2.5. */
const BORG_WITHOUT_ARCHIVE_TAM = `
import sys
import borg.crypto.key as key
from borg.archiver import main
from borg.helpers import msgpack
with_tam = key.KeyBase.pack_and_authenticate_metadata
def pack(self, metadata_dict, context=b'manifest', **kw):
    return msgpack.packb(metadata_dict) if context == b'archive' else with_tam(self, metadata_dict, context, **kw)
key.KeyBase.pack_and_authenticate_metadata = pack
sys.argv[0] = 'borg'
main()
`;

const MODERN = {
  BORG_EXIT_CODES: "modern",
  BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "YES",
  BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
};
const WORKAROUND = { BORG_WORKAROUNDS: "ignore_invalid_archive_tam" };

/**
 * Command line; exit code; exit code with the workaround. The archives: none has no TAM, wrong a wrong one, good a good one.
 */
const ROWS: readonly [string, number, number][] = [
  ["list r", 0, 0],
  ["list r::none", 0, 0],
  ["list r::wrong", 95, 0],
  ["extract --dry-run r::none", 0, 0],
  ["extract --dry-run r::wrong", 95, 0],
  ["diff r::none good", 0, 0],
  ["diff r::good wrong", 95, 0],
  ["export-tar r::none /dev/null", 0, 0],
  ["check r", 1, 1],
  ["check --archives-only --first 1 r", 1, 1],
  ["check --archives-only --last 1 r", 0, 0],
  ["upgrade --check-archives-tam r", 1, 1],
];

/** The same for what changes the repository: each has a copy of its own. */
const CHANGES: readonly [string, number, number][] = [
  ["create r::new s", 0, 0],
  ["rename r::none renamed", 0, 0],
  ["rename r::wrong renamed", 95, 0],
  ["delete r::none", 0, 0],
  ["delete r::wrong", 95, 0],
  ["recreate --comment x r::none", 0, 0],
  ["recreate --comment x r::wrong", 95, 0],
  ["upgrade --archives-tam r", 0, 0],
  ["check --repair r", 0, 0],
];

type Program = (args: readonly string[], options?: RunOptions) => Ran;

function prepare(place: Workplace, mode: string): void {
  fs.mkdirSync(join(place.path, "s"));
  fs.writeFileSync(join(place.path, "s/file"), "contents");
  place.borg(["init", "-e", mode, "r"]);
  const old = run("/usr/bin/python3", ["-c", BORG_WITHOUT_ARCHIVE_TAM, "create", "r::none", "s"], {
    cwd: place.path,
    env: { ...place.env, PYTHONPATH: "/usr/lib/python3/dist-packages" },
  });
  assert.equal(old.code, 0, old.stderr);
  place.borg(["create", "r::x", "s"]);
  place.borg(["rename", "r::x", "wrong"]);
  place.borg(["create", "r::good", "s"]);
  for (const name of ["r", "home"]) {
    fs.renameSync(join(place.path, name), join(place.path, `${name}.kept`));
  }
}

function restore(place: Workplace): void {
  for (const name of ["r", "home"]) {
    fs.rmSync(join(place.path, name), { recursive: true, force: true });
    fs.cpSync(join(place.path, `${name}.kept`), join(place.path, name), { recursive: true });
  }
}

function compare(place: Workplace, program: Program): void {
  const wrong: string[] = [];
  const row = (line: string, expected: number, env: Record<string, string>): void => {
    const { code, stderr } = program(line.split(" "), { code: null, env });
    if (code !== expected) {
      wrong.push(`${line} ${JSON.stringify(env)}: ${code} instead of ${expected}\n${stderr}`);
    }
  };
  restore(place);
  for (const [line, strict, workaround] of ROWS) {
    row(line, strict, {});
    row(line, workaround, WORKAROUND);
  }
  for (const [line, strict, workaround] of CHANGES) {
    restore(place);
    row(line, strict, {});
    restore(place);
    row(line, workaround, WORKAROUND);
  }
  assert.deepEqual(wrong, []);
}

borgTest("archives without a TAM, or with a wrong one, are read and refused where borg 1.4 does it", () => {
  using place = workplace(MODERN);
  prepare(place, "repokey");
  compare(place, place.alcove);

  // borg counts the chunks of all archives for it and so refuses it (95) for the sake of another; here they count too.
  restore(place);
  place.alcove(["info", "r::none"]);

  // Repaired and upgraded, all is well for both programs; --repair drops what nobody vouches for.
  restore(place);
  place.alcove(["upgrade", "--archives-tam", "r"]);
  place.alcove(["check", "r"]);
  place.alcove(["rename", "r::none", "some"]);
  place.alcove(["upgrade", "--check-archives-tam", "r"]);
  restore(place);
  place.alcove(["check", "--repair", "r"]);
  assert.equal(place.alcove(["list", "--short", "r"]).stdout, "good\n");
  place.borg(["check", "r"]);
});

borgTest("an archive with a wrong TAM does not stop the deletion of others, and keeps its chunks", () => {
  using place = workplace(MODERN);
  prepare(place, "none");
  restore(place);
  for (const name of ["none", "good"]) place.alcove(["delete", `r::${name}`]);
  place.alcove(["compact", "r"]);
  place.alcove(["list", "r::wrong"], { code: 95 });
  place.alcove(["upgrade", "--archives-tam", "r"]);
  place.alcove(["check", "--verify-data", "r"]);
  assert.equal(place.alcove(["extract", "--stdout", "r::wrong", "s/file"]).stdout, "contents");
});

borg14Test("borg 1.4 does the same with archives that are not authenticated", (borg) => {
  using place = workplace(MODERN);
  prepare(place, "repokey");
  compare(place, (args, options) => borg(place, args, options));
});
