/** A big-endian machine (s390x under QEMU) and this one use the same repository, with the real borg as the judge. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { missingForBigEndian, prepareBigEndian } from "../../scripts/big_endian.ts";
import { borgTest, run } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

borgTest("the program on s390x writes what borg reads, and reads what others write", () => {
  const missing = missingForBigEndian();
  if (missing !== null) {
    if (process.env["CI"]) throw new Error(`${missing} is missing, and CI must run this test`);
    return console.log(`skipped: ${missing} is missing`);
  }
  using place = workplace();
  const [qemu, ...words] = prepareBigEndian(join(place.path, "s390x"));
  const bigEndian = (args: string[], cwd = place.path): string => {
    const { code, stdout, stderr } = run(qemu!, [...words, ...args], { cwd, env: place.env });
    assert.equal(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  fs.mkdirSync(join(place.path, "src"));
  fs.writeFileSync(join(place.path, "src/text"), "text\n".repeat(50_000));
  fs.writeFileSync(join(place.path, "src/random"), pseudoRandom("big endian", 5_000_000));
  for (const mode of ["repokey", "repokey-blake2"]) {
    bigEndian(["init", "-e", mode, mode]);
    bigEndian(["create", "-C", "auto,zstd,3", `${mode}::theirs`, "src"]);
    place.borg(["check", "--verify-data", mode]);
    // The same input gives the same chunks there and here.
    const { archive } = JSON.parse(place.alcove(["create", "--json", `${mode}::ours`, "src"]).stdout);
    assert.ok(
      archive.stats.deduplicated_size < 1000,
      `${archive.stats.deduplicated_size} bytes were stored again`,
    );
    const out = join(place.path, `out-${mode}`);
    fs.mkdirSync(out);
    bigEndian(["extract", `../${mode}::ours`], out);
    for (const name of ["text", "random"]) {
      assert.ok(
        fs.readFileSync(join(out, "src", name)).equals(fs.readFileSync(join(place.path, "src", name))),
        name,
      );
    }
  }
});
