/** `import-tar` makes of a tar file what borg makes of it, and what GNU tar would unpack. */
import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest, run } from "../fixtures/borg.ts";

const TREE = `
mkdir -p src/dir src/${"n".repeat(90)}/${"m".repeat(90)}; cd src
echo one > one; ln one dir/second; ln -s one link; ln -s ${"l".repeat(150)} longlink; mkfifo fifo
head -c 3000000 /dev/urandom > big; : > empty; chmod 4755 empty; echo deep > ${"n".repeat(90)}/${
  "m".repeat(90)
}/file
ln ${"n".repeat(90)}/${"m".repeat(90)}/file deeplink; touch -d '2020-02-03 04:05:06.123456789' one
echo ü > ü; head -c 1024 /dev/zero > whole
truncate -s 1000000 sparse; for i in 1 2 3 4 5 6 7 8; do printf x | dd of=sparse bs=1 seek=$((i * 100000)) conv=notrunc 2>/dev/null; done
truncate -s 1200000 sparse; truncate -s 500000 hole
if [ "$(id -u)" = 0 ]; then mknod chr c 1 3; mknod blk b 259 300000; touch ids; chown 3000000:4000000 ids; fi`;

function shell(place: Workplace, script: string): string {
  const { code, stdout, stderr } = run("sh", ["-ec", script], { cwd: place.path });
  assert.equal(code, 0, stderr);
  return stdout;
}

function prepare(): Workplace & { repository: string } {
  const place = workplace();
  shell(place, TREE);
  const repository = join(place.path, "repo");
  place.borg(["init", "-e", "repokey-blake2", repository]);
  return Object.assign(place, { repository });
}

const FORMAT =
  "{type} {mode} {uid} {gid} {user} {group} {size} {mtime} {source} {path} {sha1} {num_chunks}{NL}";

const TARS: readonly (readonly [string, string])[] = [
  ["gnu", "--format=gnu"],
  ["pax", "--format=pax"],
  [
    "ustar",
    "--format=ustar --exclude=deeplink --exclude=longlink --exclude=ids --exclude=mmm* --exclude=nnn*",
  ],
  [
    "v7",
    "--format=v7 --exclude=deeplink --exclude=longlink --exclude=ids --exclude=nnn* --exclude=fifo --exclude=blk --exclude=chr",
  ],
  ["sparse-gnu", "--format=gnu -S"],
  ["sparse00", "--format=pax -S --sparse-version=0.0"],
  ["sparse01", "--format=pax -S --sparse-version=0.1"],
  ["sparse10", "--format=pax -S --sparse-version=1.0"],
];

borgTest("import-tar makes the same archives as borg, and the same files as tar", () => {
  using place = prepare();
  const { repository } = place;
  for (const [name, options] of TARS) {
    shell(place, `tar -c ${options} -f ${name}.tar src 2>/dev/null || [ -s ${name}.tar ]`);
    place.alcove(["import-tar", `${repository}::${name}`, `${name}.tar`]);
    place.borg(["import-tar", `${repository}::${name}-borg`, `${name}.tar`]);
    const list = (archive: string): string =>
      place.borg(["list", "--format", FORMAT, `${repository}::${archive}`]).stdout;
    assert.equal(list(name), list(`${name}-borg`), name);
    shell(place, `mkdir a b; tar -xf ${name}.tar -C a`);
    place.alcove(["extract", `${repository}::${name}`], { cwd: join(place.path, "b") });
    assert.equal(shell(place, "diff -r --no-dereference -x fifo -x chr -x blk a b && rm -r a b"), "", name);
  }
  place.borg(["check", "--verify-data", repository]);
});

borgTest("import-tar keeps the nanoseconds of pax, and links of names that begin with a dot", () => {
  using place = prepare();
  const name = `${place.repository}::pax`;
  shell(place, "cd src && tar -c --format=pax -f ../pax.tar ./one ./dir");
  place.alcove([
    "import-tar",
    "--comment",
    "of a tar",
    "--timestamp",
    "2021-02-03T04:05:06",
    name,
    "pax.tar",
  ]);
  fs.mkdirSync(join(place.path, "out"));
  place.borg(["extract", name], { cwd: join(place.path, "out") });
  const stat = (path: string) => fs.statSync(join(place.path, path), { bigint: true });
  assert.equal(stat("out/one").mtimeNs, stat("src/one").mtimeNs);
  assert.equal(stat("out/one").ino, stat("out/dir/second").ino);
  const info = JSON.parse(place.borg(["info", "--json", name]).stdout);
  assert.equal(info.archives[0].comment, "of a tar");
  assert.equal(info.archives[0].start, "2021-02-03T04:05:06.000000");
});

borgTest("import-tar reads streams, filters and joined tar files, and tells what it does", () => {
  using place = prepare();
  const { repository } = place;
  shell(
    place,
    "cd src && tar -cf ../1.tar one link && tar -cf ../2.tar empty && cat ../1.tar ../2.tar > ../both.tar && gzip -k ../1.tar && gzip -c ../2.tar > ../2.x",
  );
  const names = (archive: string): string =>
    place.borg(["list", "--short", `${repository}::${archive}`]).stdout;
  const stdin = fs.readFileSync(join(place.path, "1.tar"));
  place.alcove(["import-tar", `${repository}::stdin`, "-"], { input: stdin });
  assert.equal(names("stdin"), "one\nlink\n");
  place.alcove(["import-tar", `${repository}::gz`, "1.tar.gz"]);
  assert.equal(names("gz"), "one\nlink\n");
  place.alcove(["import-tar", "--tar-filter", "gzip -d", `${repository}::x`, "2.x"]);
  place.alcove(["import-tar", "--tar-filter", "gzip -d", `${repository}::y`, "-"], {
    input: fs.readFileSync(join(place.path, "2.x")),
  });
  assert.equal(names("x"), "empty\n");
  assert.equal(names("y"), "empty\n");
  place.alcove(["import-tar", `${repository}::half`, "both.tar"]);
  assert.equal(names("half"), "one\nlink\n");
  const { stderr } = place.alcove([
    "import-tar",
    "--list",
    "--ignore-zeros",
    `${repository}::both`,
    "both.tar",
  ]);
  assert.equal(names("both"), "one\nlink\nempty\n");
  assert.equal(stderr, "A one\ns link\nA empty\n");
  assert.equal(
    place.borg(["import-tar", "--list", "--ignore-zeros", `${repository}::borg`, "both.tar"]).stderr,
    stderr,
  );
});

borgTest("import-tar refuses what is no whole tar file, and leaves no archive behind", () => {
  using place = prepare();
  const { repository } = place;
  shell(
    place,
    "tar -cf ok.tar src/big; head -c 100000 ok.tar > cut.tar; : > nothing.tar; head -c 5000 src/big > noise.tar; head -c 900 ok.tar | gzip > bad.tar.gz; head -c 400000 ok.tar | gzip | head -c 300000 > cut.tar.gz",
  );
  for (const file of ["cut.tar", "nothing.tar", "noise.tar", "missing.tar", "cut.tar.gz", "noise.tar.gz"]) {
    place.alcove(["import-tar", `${repository}::${file}`, file], { code: 2 });
    place.borg(["import-tar", `${repository}::${file}`, file], { code: 2 });
  }
  place.alcove(["import-tar", "--tar-filter", "false", `${repository}::f`, "ok.tar"], { code: 2 });
  assert.equal(place.borg(["list", "--short", repository]).stdout, "");
  place.borg(["check", repository]);
});

borgTest("export-tar of both programs and import-tar of the other go round", () => {
  using place = prepare();
  const { repository } = place;
  place.borg(["create", `${repository}::first`, "src"]);
  place.alcove(["export-tar", `${repository}::first`, "ours.tar.gz"]);
  place.borg(["import-tar", `${repository}::second`, "ours.tar.gz"]);
  place.borg(["export-tar", `${repository}::second`, "theirs.tar"]);
  place.alcove(["import-tar", `${repository}::third`, "theirs.tar"]);
  place.alcove(["export-tar", `${repository}::third`, "last.tar"]);
  assert.equal(shell(place, "cmp last.tar theirs.tar; zcat ours.tar.gz | cmp - theirs.tar"), "");
});
