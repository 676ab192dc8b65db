/** `export-tar` writes the same bytes as borg does. */
import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest, run } from "../fixtures/borg.ts";

const TREE = `
mkdir -p src/dir src/${"n".repeat(90)}/${"m".repeat(90)}; cd src
echo one > one; ln one dir/second; ln one third; ln -s one link; ln -s ${
  "l".repeat(150)
} longlink; mkfifo fifo
head -c 300000 /dev/urandom > big; : > empty; chmod 4755 empty; echo deep > ${"n".repeat(90)}/${
  "m".repeat(90)
}/file
ln ${"n".repeat(90)}/${"m".repeat(90)}/file deeplink; touch -d 1965-01-01 old; touch -d 2400-01-01 future
printf x > "$(printf 'bad\\377')"; echo ü > ü; head -c 1024 /dev/zero > whole
if [ "$(id -u)" = 0 ]; then mknod chr c 1 3; mknod blk b 259 300000; touch ids; chown 3000000:4000000 ids; fi`;

function archive(place: Workplace): string {
  const { code, stderr } = run("sh", ["-ec", TREE], { cwd: place.path });
  assert.equal(code, 0, stderr);
  const repository = join(place.path, "repo");
  place.borg(["init", "-e", "repokey-blake2", repository]);
  place.alcove(["create", `${repository}::a`, "src"]);
  return `${repository}::a`;
}

borgTest("export-tar writes what borg writes", () => {
  using place = workplace();
  const name = archive(place);
  const variants: [string[], string[]][] = [
    [[], []],
    [["--strip-components", "1"], []],
    [["--strip-components", "2"], []],
    [[], ["src/dir/second", "src/third"]],
    [["-e", "src/one", "--list"], []],
    [["--strip-components=1"], ["src/third", "src/deeplink", "src/nothing"]],
  ];
  for (const [options, paths] of variants) {
    const [ours, theirs] = [join(place.path, "ours.tar"), join(place.path, "theirs.tar")];
    const a = place.alcove(["export-tar", ...options, name, ours, ...paths], { code: null });
    const b = place.borg(["export-tar", ...options, name, theirs, ...paths], { code: null });
    assert.deepEqual(fs.readFileSync(ours), fs.readFileSync(theirs), `${options} ${paths}`);
    assert.equal(a.code, b.code, `${options} ${paths}`);
    if (options.includes("--list")) assert.equal(a.stderr, b.stderr);
  }
});

borgTest("export-tar packs by the name of the file, and fails with its filter", () => {
  using place = workplace();
  const name = archive(place);
  place.alcove(["export-tar", name, "plain.tar"]);
  const plain = fs.readFileSync(join(place.path, "plain.tar"));
  for (
    const [suffix, program] of [["tar.gz", "gzip"], ["tgz", "gzip"], ["tar.xz", "xz"], [
      "tar.bz2",
      "bzip2",
    ]] as const
  ) {
    place.alcove(["export-tar", name, `packed.${suffix}`]);
    assert.equal(
      run("sh", ["-c", `${program} -dc packed.${suffix} | cmp - plain.tar`], { cwd: place.path }).code,
      0,
      suffix,
    );
  }
  place.alcove(["export-tar", "--tar-filter=gzip -1", name, "by-option"]);
  assert.deepEqual([...fs.readFileSync(join(place.path, "by-option")).subarray(0, 2)], [0x1f, 0x8b]);
  assert.ok(plain.length % 10240 === 0);
  for (const filter of ["false", "no-such-program"]) {
    place.alcove(["export-tar", "--tar-filter", filter, name, "fails"], { code: 2 });
  }
  place.alcove(["export-tar", name, "no/such/folder.tar"], { code: 2 });
});
