/** A tree that is deeper than any path can name goes in and comes out again. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { workplace } from "../fixtures/alcove.ts";
import { borgTest, run } from "../fixtures/borg.ts";

/** The tree is made and described going down step by step, which needs no long paths. */
const PYTHON = `
import json, os, stat, sys
what, folder = sys.argv[1:]
os.chdir(folder)
if what == "make":
    for level in range(30):
        with open(f"file {level}", "w") as file:
            file.write("contents %d" % level)
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    with open("deepest", "w") as file:
        file.write("very deep")
    os.chmod("deepest", 0o640)
    os.utime("deepest", ns=(10**18 + 1, 10**18 + 123456789))
    os.symlink("nowhere", "link")
    os.mkfifo("fifo", 0o600)
    os.link("deepest", "second name")
    try:
        os.setxattr("deepest", "user.note", b"kept")
    except OSError:
        pass
else:
    described = []
    while True:
        below = None
        for name in sorted(os.listdir(".")):
            st = os.lstat(name)
            described.append([name, st.st_mode, st.st_nlink, st.st_mtime_ns])
            if stat.S_ISDIR(st.st_mode):
                below = name
            elif stat.S_ISLNK(st.st_mode):
                described.append(os.readlink(name))
            elif stat.S_ISREG(st.st_mode):
                with open(name) as file:
                    described.append([file.read(), os.listxattr(name)])
        if below is None:
            break
        os.chdir(below)
    print(json.dumps(described))
`;

borgTest("create and extract reach what lies deeper than any path can name", () => {
  using place = workplace();
  const tree = join(place.path, "tree");
  const python = (what: string, folder: string): string => {
    const { code, stdout, stderr } = run("python3", ["-c", PYTHON, what, folder]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  try {
    fs.mkdirSync(tree);
    python("make", tree);
    place.alcove(["init", "-e", "none", "repo"]);
    place.alcove(["create", "repo::a", "tree"]);
    fs.mkdirSync(join(place.path, "out"));
    place.alcove(["extract", "../repo::a"], { cwd: join(place.path, "out") });
    assert.deepEqual(
      JSON.parse(python("describe", join(place.path, "out/tree"))),
      JSON.parse(python("describe", tree)),
    );
    // The tree, 30 folders with 30 files, and four names at the bottom.
    assert.equal(place.borg(["list", "--short", "repo::a"]).stdout.trim().split("\n").length, 65);
    place.borg(["check", "--verify-data", "repo"]);
  } finally {
    // Node cannot remove what it cannot name.
    run("rm", ["-rf", "--", tree, join(place.path, "out")]);
  }
});
