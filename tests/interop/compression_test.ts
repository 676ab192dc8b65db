/** Every compression: written by one program, read by the other. */
import { join } from "node:path";
import * as fs from "node:fs";
import { borgTest } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";
import { assertSameTree, makeTree } from "../fixtures/tree.ts";

const COMPRESSIONS = [
  "none",
  "lz4",
  "zstd",
  "zstd,1",
  "zstd,19",
  "zlib,0",
  "zlib,6",
  "zlib,9",
  "lzma,0",
  "lzma,6",
  "auto,zstd,3",
  "auto,lzma,1",
  "obfuscate,3,lz4",
  "obfuscate,110,zstd,2",
];

borgTest("compressed data of every kind is read by the other program", () => {
  using place = workplace();
  makeTree(join(place.path, "tree"));
  place.alcove(["init", "-e", "repokey-blake2", "ours"]);
  place.borg(["init", "-e", "repokey-blake2", "theirs"]);
  for (const [i, compression] of COMPRESSIONS.entries()) {
    // The content differs each time, or all but the first would find their chunks there already.
    fs.writeFileSync(join(place.path, "tree/text.txt"), `line ${i} of text\n`.repeat(5000));
    fs.writeFileSync(join(place.path, "tree/one"), String(i));
    place.alcove(["create", "-C", compression, `ours::a${i}`, "tree"]);
    place.borg(["create", "-C", compression, `theirs::a${i}`, "tree"]);
    for (const [program, repository] of [["borg", "ours"], ["alcove", "theirs"]] as const) {
      const out = join(place.path, `${program}-${i}`);
      fs.mkdirSync(out);
      place[program](["extract", `../${repository}::a${i}`], { cwd: out });
      assertSameTree(join(out, "tree"), join(place.path, "tree"));
    }
  }
  place.borg(["check", "--verify-data", "ours"]);
  place.alcove(["check", "--verify-data", "theirs"]);
});
