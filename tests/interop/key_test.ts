/** The `key` commands beside borg's: what one exports the other imports, and the copies are the same bytes. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import jsQR from "jsqr";
import { borgTest } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";

const NEW = { BORG_PASSPHRASE: "new horse" };

const read = (place: Workplace, name: string) => fs.readFileSync(join(place.path, name), "utf8");
const keyFolder = (place: Workplace) => join(place.path, "home/.config/borg/keys");

/** Lets the repository lose its key. */
function loseKey(place: Workplace, repo: string): void {
  const config = join(place.path, repo, "config");
  fs.writeFileSync(config, fs.readFileSync(config, "utf8").replace(/^key = [^]*/m, ""));
  fs.rmSync(keyFolder(place), { recursive: true, force: true });
}

/** What a person types who has the paper before them. */
const typed = (paper: string) => paper.split("\n").slice(3).map((line) => line.slice(4)).join("\n");

borgTest("key export writes the bytes that borg writes, key import reads them, in each mode", () => {
  using place = workplace();
  for (const mode of ["repokey", "keyfile", "keyfile-blake2", "authenticated"]) {
    place.alcove(["init", "-e", mode, mode]);
    const files = (form: string) => [`${mode}.ours${form}`, `${mode}.borg${form}`] as const;
    const [ours, borgs] = files("");
    place.alcove(["key", "export", mode, ours]);
    place.borg(["key", "export", mode, borgs]);
    assert.equal(read(place, ours), read(place, borgs));
    assert.equal(fs.statSync(join(place.path, ours)).mode & 0o777, 0o600);
    assert.equal(place.alcove(["key", "export", mode]).stdout, read(place, borgs));
    const [ourPaper, borgPaper] = files(".paper");
    place.alcove(["key", "export", "--paper", mode, ourPaper]);
    place.borg(["key", "export", "--paper", mode, borgPaper]);
    const lines = (name: string) => read(place, name).split("\n").slice(1);
    assert.deepEqual(lines(ourPaper), lines(borgPaper));

    loseKey(place, mode);
    place.alcove(["list", mode], { code: 2 });
    place.borg(["key", "import", mode, ours]);
    place.alcove(["list", mode]);
    loseKey(place, mode);
    place.alcove(["key", "import", mode, borgs]);
    place.borg(["list", mode]);
    if (mode.startsWith("keyfile")) {
      const names = fs.readdirSync(keyFolder(place));
      assert.equal(names.length, 1);
      assert.equal(fs.statSync(join(keyFolder(place), names[0]!)).mode & 0o777, 0o600);
    }

    loseKey(place, mode);
    // A typing error, then the right lines.
    place.alcove(["key", "import", "--paper", mode], { input: `1/2\n${typed(read(place, borgPaper))}\n` });
    place.borg(["list", mode]);
    loseKey(place, mode);
    place.borg(["key", "import", "--paper", mode], { input: `${typed(read(place, ourPaper))}\n` });
    place.alcove(["list", mode]);
  }
});

borgTest(
  "key import refuses what is no key, another repository's and a contradiction, with borg's exit code",
  () => {
    using place = workplace({ BORG_EXIT_CODES: "modern" });
    place.alcove(["init", "-e", "repokey", "repo"]);
    place.alcove(["init", "-e", "repokey", "other"]);
    place.alcove(["init", "-e", "none", "plain"]);
    place.alcove(["key", "export", "other", "other.key"]);
    fs.writeFileSync(join(place.path, "junk"), "junk\n");
    const before = read(place, "repo/config");
    const fails = (args: string[], code: number, words: RegExp, input = "") => {
      assert.match(place.alcove(["key", ...args], { code, input }).stderr, words);
      place.borg(["key", ...args], { code: 2, input });
    };
    fails(["import", "repo", "junk"], 43, /not a key backup/);
    fails(["import", "repo", "other.key"], 45, /another repository/);
    fails(["import", "repo", "absent"], 4, /does not exist: absent/);
    fails(["import", "repo"], 4, /name the file/);
    fails(["import", "--paper", "repo", "other.key"], 4, /typed in/);
    fails(["export", "repo", "other"], 4, /must be a file/);
    fails(["export", "plain"], 46, /not encrypted/);
    const paper = place.alcove(["key", "export", "--paper", "other"]).stdout;
    fails(["import", "--paper", "repo"], 45, /another repository/, `${typed(paper)}\n`);
    assert.match(place.alcove(["key", "change-passphrase", "plain"], { code: 4 }).stderr, /not encrypted/);
    // A damaged copy must not take the place of a good key; borg takes it.
    const damaged = place.alcove(["key", "export", "repo"]).stdout.replace(/\n./, "\n!");
    place.alcove(["key", "import", "repo", "-"], { code: 43, input: damaged });
    // Who gives up has changed nothing, and that is no error for borg either.
    for (const input of ["", "\ny\n"]) {
      assert.match(place.alcove(["key", "import", "--paper", "repo"], { input }).stdout, /aborted/);
      assert.match(place.borg(["key", "import", "--paper", "repo"], { input }).stdout, /aborted/);
    }
    assert.equal(read(place, "repo/config"), before);
  },
);

borgTest("key change-passphrase: only the new passphrase opens the key, for both programs", () => {
  using place = workplace();
  for (const mode of ["repokey-blake2", "keyfile", "authenticated"]) {
    place.borg(["init", "-e", mode, mode]);
    const changed = place.alcove(["key", "change-passphrase", "--info", mode], {
      env: { BORG_NEW_PASSPHRASE: NEW.BORG_PASSPHRASE },
    });
    assert.match(changed.stderr, /Key updated\nKey location: /);
    place.alcove(["list", mode], { code: 2 });
    place.borg(["list", mode], { code: 2 });
    place.alcove(["list", mode], { env: NEW });
    place.borg(["list", mode], { env: NEW });
    place.borg(["key", "change-passphrase", mode], { env: { ...NEW, BORG_NEW_PASSPHRASE: "third" } });
    place.alcove(["list", mode], { env: { BORG_PASSPHRASE: "third" } });
  }
  const names = fs.readdirSync(keyFolder(place));
  assert.deepEqual(names.length, 1, "a passphrase has made another key file");
});

Deno.test("key change-passphrase asks twice, shows the passphrase on request, and gives up after ten tries", () => {
  using place = workplace();
  place.alcove(["init", "-e", "repokey", "repo"]);
  const env = { BORG_PASSPHRASE: undefined!, BORG_PASSPHRASE_FD: undefined! };
  const ask = (input: string, more: Record<string, string> = {}, code = 0) =>
    place.alcove(["key", "change-passphrase", "repo"], { env: { ...env, ...more }, input, code });
  ask("correct horse\nzürich\nother\n\nx\nzürich\nzürich\n", { BORG_DISPLAY_PASSPHRASE: "y" });
  const shown = ask("zürich\nzürich\nzürich\n", { BORG_DISPLAY_PASSPHRASE: "y" }).stderr;
  assert.match(shown, /"zürich"/);
  assert.match(shown, /7ac3bc72696368/);
  const hidden = ask("zürich\nb\nb\nn\n").stderr;
  assert.doesNotMatch(hidden, /"b"/);
  ask(`b\n${"one\ntwo\n".repeat(10)}`, { BORG_EXIT_CODES: "modern" }, 53);
});

Deno.test("key export works while somebody holds the lock", () => {
  using place = workplace();
  place.alcove(["init", "-e", "repokey", "repo"]);
  fs.mkdirSync(join(place.path, "repo/lock.exclusive"));
  fs.writeFileSync(join(place.path, "repo/lock.exclusive/elsewhere@1.2-3"), "");
  place.alcove(["list", "repo"], { code: 2 });
  assert.match(place.alcove(["key", "export", "repo"]).stdout, /^BORG_KEY [0-9a-f]{64}\n/);
});

Deno.test("the page of key export --qr-html: its code reads as the key file, and it loads nothing", async () => {
  using place = workplace();
  place.alcove(["init", "-e", "repokey-blake2", "repo"]);
  const page = place.alcove(["key", "export", "--qr-html", "repo"]).stdout;
  const file = place.alcove(["key", "export", "repo"]).stdout;
  const { qrSvg } = await import("../../cli/key_page.ts");
  const svg = qrSvg(file);
  assert.ok(page.includes(svg));
  assert.ok(page.includes(file));
  assert.doesNotMatch(page.replaceAll("http://www.w3.org/2000/svg", ""), /<script|https?:|src=/);
  assert.equal(readCode(svg), file);
});

/** Draws the squares of {@link qrSvg} and lets a reader of QR codes look at them. */
function readCode(svg: string): string | undefined {
  const side = Number(/viewBox="0 0 (\d+) /.exec(svg)![1]);
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (const [, x, y, size] of svg.matchAll(/M(\d+),(\d+)h(\d+)v\d+h-\d+z/g)) {
    if (x === "0") continue; // the white ground
    for (let row = Number(y); row < Number(y) + Number(size); row++) {
      for (let column = Number(x); column < Number(x) + Number(size); column++) {
        pixels.fill(0, (row * side + column) * 4, (row * side + column) * 4 + 3);
      }
    }
  }
  const reader = (jsQR as unknown as { default?: typeof jsQR }).default ?? jsQR;
  return (reader as unknown as (p: Uint8ClampedArray, w: number, h: number) => { data: string } | null)(
    pixels,
    side,
    side,
  )?.data;
}

Deno.test("related repositories share id key and seed, and nothing else", () => {
  using place = workplace({ BORG_EXIT_CODES: "modern" });
  place.alcove(["init", "-e", "repokey", "one"]);
  place.alcove(["init", "-e", "keyfile-blake2", "three"]);
  fs.mkdirSync(join(place.path, "src"));
  fs.writeFileSync(join(place.path, "src/file"), "the same contents\n");
  const secrets = place.alcove(["key", "export-related-secrets", "one"]).stdout;
  assert.match(
    secrets,
    /^\{\n {4}"version": 1,\n {4}"id_key": "[0-9a-f]{64}",\n {4}"chunk_seed": -?\d+,\n {4}"key_name": "repokey"\n\}\n$/,
  );
  place.alcove(["init", "-e", "keyfile", "--import-related-secrets", "-", "two"], { input: secrets });
  const again = place.alcove(["key", "export-related-secrets", "two"]).stdout;
  assert.equal(again, secrets.replace('"repokey"', '"key file"'));
  for (const repo of ["one", "two"]) place.alcove(["create", `${repo}::a`, "src"]);
  const init = (input: string, code: number, words: RegExp) => {
    const args = ["init", "-e", "authenticated", "--import-related-secrets", "-", "four"];
    assert.match(place.alcove(args, { input, code }).stderr, words);
    assert.equal(fs.existsSync(join(place.path, "four")), false);
  };
  init("{", 4, /Invalid JSON/);
  init(secrets.replace(": 1", ": 2"), 4, /version: 2/);
  init(secrets.replace(/"id_key": "../, '"id_key": "'), 4, /Invalid id_key/);
  init(secrets.replace(/seed": -?\d+/, 'seed": 1.5'), 4, /Invalid chunk_seed/);
  init(place.alcove(["key", "export-related-secrets", "three"]).stdout, 2, /another hash/);
});
