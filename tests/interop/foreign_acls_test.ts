/** Archives of macOS and FreeBSD, whose ACLs mean nothing here: kept in the archive, left alone when extracting. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { workplace } from "../fixtures/alcove.ts";
import { borgTest, run } from "../fixtures/borg.ts";

/** The real borg, told that files have such ACLs. */
const CREATE = `
import sys
import borg.archive, borg.archiver
def acl_get(path, item, st, numeric_ids=False, fd=None):
    item['acl_extended'] = b'!#acl 1\\nuser:FFFFEEEE-DDDD-CCCC-BBBB-AAAA00000000:root:0:allow:read\\n'
    item['acl_nfs4'] = b'            owner@:rwxp--aARWcCos:-------:allow\\n      user:root:r-----a-R-c--s:-------:allow:0\\n'
borg.archive.acl_get = acl_get
sys.argv = ['borg'] + sys.argv[1:]
borg.archiver.main()
`;

borgTest("ACLs of macOS and FreeBSD are left alone, and what has them is restored", () => {
  using place = workplace();
  fs.mkdirSync(join(place.path, "tree/sub"), { recursive: true });
  fs.writeFileSync(join(place.path, "tree/sub/file"), "contents", { mode: 0o640 });
  fs.symlinkSync("file", join(place.path, "tree/sub/link"));
  place.borg(["init", "-e", "none", "repo"]);
  const { code, stderr } = run("/usr/bin/python3", ["-c", CREATE, "create", "repo::foreign", "tree"], {
    cwd: place.path,
    env: { ...place.env, PYTHONPATH: "/usr/lib/python3/dist-packages" },
  });
  assert.equal(code, 0, stderr);
  const dump = (): string => {
    place.borg(["debug", "dump-archive", "repo::foreign", "dump.json"]);
    const text = fs.readFileSync(join(place.path, "dump.json"), "utf8");
    fs.rmSync(join(place.path, "dump.json"));
    return text;
  };
  const before = dump();
  assert.match(before, /acl_extended/);
  assert.match(before, /acl_nfs4/);
  for (const [n, options] of [[], ["--numeric-ids"], ["--noacls"]].entries()) {
    for (const program of ["alcove", "borg"] as const) {
      const out = join(place.path, `${program}-${n}`);
      fs.mkdirSync(out);
      const said = place[program](["extract", ...options, "../repo::foreign"], { cwd: out });
      assert.equal(said.stderr, "");
      assert.equal(fs.readFileSync(join(out, "tree/sub/file"), "utf8"), "contents");
      assert.equal(fs.statSync(join(out, "tree/sub/file")).mode & 0o777, 0o640);
      assert.equal(fs.readlinkSync(join(out, "tree/sub/link")), "file");
    }
  }
  place.alcove(["check", "--verify-data", "repo"]);
  const listed = place.alcove(["list", "repo::foreign"]).stdout;
  assert.equal(listed, place.borg(["list", "repo::foreign"]).stdout);
  // A repair writes every item anew.
  place.alcove(["check", "--repair", "repo"], { env: { BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "YES" } });
  assert.equal(dump(), before);
});
