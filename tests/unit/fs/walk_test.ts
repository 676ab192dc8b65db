/** The walk: order, names, exclusions, errors; borg itself is the judge of the order. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { normalizePath, tagsOf, toArchivePath, Walker, type WalkOptions } from "../../../core/fs/mod.ts";
import { printable } from "../../../core/bytes/mod.ts";
import { type Files, type FilesAt, openFiles, PortableFiles, type Stat } from "../../../core/platform/mod.ts";

const files = openFiles();
const borg = spawnSync("borg", ["--version"]).status === 0;

function inFolder(run: (folder: string) => void): () => void {
  return () => {
    const folder = Deno.makeTempDirSync();
    try {
      run(folder);
    } finally {
      spawnSync("rm", ["-rf", "--", folder]);
    }
  };
}

/** Makes empty files at `paths`; those that end in a slash are folders. */
function make(folder: string, paths: readonly string[]): void {
  for (const path of paths) {
    if (path.endsWith("/")) files.mkdirAll(`${folder}/${path.slice(0, -1)}`);
    else {
      const parent = path.includes("/") ? `/${path.slice(0, path.lastIndexOf("/"))}` : "";
      files.mkdirAll(folder + parent);
      files.writeFile(`${folder}/${path}`, new Uint8Array());
    }
  }
}

function walk(roots: readonly string[], options: Partial<WalkOptions> = {}): string[] {
  const walker = new Walker({ files, roots, ...options });
  const paths: string[] = [];
  for (let entry = walker.next(); entry !== null; entry = walker.next()) paths.push(entry.path);
  return paths;
}

/** Paths that a walk in a program of its own gives, whose working folder is `cwd`: other tests share ours. */
function walkFrom(cwd: string, roots: readonly string[]): { path: string; archivePath: string }[] {
  const script = `
    import { Walker } from "${import.meta.resolve("../../../core/fs/mod.ts")}";
    import { openFiles } from "${import.meta.resolve("../../../core/platform/mod.ts")}";
    const walker = new Walker({ files: openFiles(), roots: Deno.args });
    const found = [];
    for (let e = walker.next(); e !== null; e = walker.next()) {
      found.push({ path: e.path, archivePath: e.archivePath });
    }
    console.log(JSON.stringify(found));`;
  const run = spawnSync(Deno.execPath(), ["run", "-A", "-q", "--no-check", "-", ...roots], {
    cwd,
    input: script,
    encoding: "utf8",
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

/** The same relative to `folder`, sorted. */
function walkIn(folder: string, options: Partial<WalkOptions> = {}): string[] {
  return walk([folder], options).map((path) => path.slice(folder.length + 1)).sort();
}

Deno.test("normalizePath() is Python's normpath", () => {
  // os.path.normpath of each
  const cases: [string, string][] = [
    ["", "."],
    [".", "."],
    ["./", "."],
    ["a/", "a"],
    ["a//b/./c", "a/b/c"],
    ["a/../b", "b"],
    ["a/..", "."],
    ["../a/../..", "../.."],
    ["/..", "/"],
    ["/../a", "/a"],
    ["/", "/"],
    ["//a", "//a"],
    ["///a/", "/a"],
    ["/a/../../b", "/b"],
    ["...", "..."],
    ["a/.../b", "a/.../b"],
  ];
  for (const [path, normal] of cases) assert.equal(normalizePath(path), normal, path);
});

Deno.test("toArchivePath() makes paths relative and local as borg does", () => {
  const cases: [string, string][] = [
    ["/", "."],
    [".", "."],
    ["/etc/passwd", "etc/passwd"],
    ["//etc", "etc"],
    ["../../a/b", "a/b"],
    ["../a", "a"],
    [".hidden", ".hidden"],
    ["..name", "..name"],
    ["a/b", "a/b"],
  ];
  for (const [path, stored] of cases) assert.equal(toArchivePath(path), stored, path);
});

Deno.test(
  "Walker yields a folder before its children and each path once",
  inFolder((folder) => {
    make(folder, ["a/b/c", "a/b/d", "a/e", "f", "empty/"]);
    files.symlink("a", `${folder}/link`);
    files.mkfifo(`${folder}/fifo`, 0o600);
    const paths = walk([folder]);
    assert.equal(paths[0], folder);
    assert.deepEqual(
      paths.map((path) => path.slice(folder.length + 1)).sort(),
      ["", "a", "a/b", "a/b/c", "a/b/d", "a/e", "empty", "f", "fifo", "link"],
    );
    for (const path of paths.slice(1)) {
      assert(paths.indexOf(path.slice(0, path.lastIndexOf("/"))) < paths.indexOf(path), path);
    }
    assert.deepEqual(walk([folder], { files: new PortableFiles() }), paths);
  }),
);

Deno.test(
  "Walker gives paths as borg stores them, from relative and odd roots too",
  inFolder((folder) => {
    make(folder, ["a/b"]);
    const stored = (root: string): string[] =>
      walkFrom(`${folder}/a`, [root]).map(({ path, archivePath }) => `${path} ${archivePath}`);
    assert.deepEqual(stored("."), [". .", "b b"]);
    assert.deepEqual(stored("../a/./"), ["../a a", "../a/b a/b"]);
    assert.deepEqual(stored(`/${folder}//a/`)[0], `/${folder}/a ${folder.slice(1)}/a`);
  }),
);

Deno.test(
  "Walker walks a root once, though it is named twice or lies in another",
  inFolder((folder) => {
    make(folder, ["a/b/c"]);
    assert.deepEqual(walk([`${folder}/a/b`, `${folder}/a`, `${folder}/a`]), [
      `${folder}/a/b`,
      `${folder}/a/b/c`,
      `${folder}/a`,
    ]);
  }),
);

Deno.test(
  "Walker reports what it cannot examine and goes on",
  inFolder((folder) => {
    make(folder, ["a/x", "b/y", "b/z"]);
    const failed: string[] = [];
    const onError: WalkOptions["onError"] = (path, error) =>
      failed.push(`${path.slice(folder.length + 1)} ${error.code}`);
    const walker = new Walker({ files, roots: [`${folder}/none`, `${folder}/b`, `${folder}/a`], onError });
    assert.equal(walker.next()!.path, `${folder}/b`);
    // Both vanish after the folder was listed.
    for (const name of ["y", "z"]) files.unlink(`${folder}/b/${name}`);
    assert.equal(walker.next()!.path, `${folder}/a`);
    assert.equal(walker.next()!.path, `${folder}/a/x`);
    assert.equal(walker.next(), null);
    assert.equal(walker.next(), null);
    assert.deepEqual(failed.sort(), ["b/y ENOENT", "b/z ENOENT", "none ENOENT"]);
  }),
);

Deno.test(
  "Walker does not follow a folder that became a symbolic link",
  inFolder((folder) => {
    make(folder, ["a/x", "outside/secret"]);
    const failed: string[] = [];
    const swap = (stat: Stat, name: string): Stat => {
      if (name !== "dir") return stat;
      files.rmdir(`${folder}/a/dir`);
      files.symlink(`${folder}/outside`, `${folder}/a/dir`);
      return stat;
    };
    const at = Object.create(files.at!) as FilesAt;
    for (const method of ["openFolder", "listFolder"] as const) {
      Object.defineProperty(at, method, { value: files.at![method].bind(files.at) });
    }
    at.lstatAt = (dir, name) => swap(files.at!.lstatAt(dir, name), name);
    const swapping = Object.create(files) as Files;
    Object.defineProperty(swapping, "at", { value: at });
    for (const method of ["lstat", "fstat", "close"] as const) {
      Object.defineProperty(swapping, method, { value: files[method].bind(files) });
    }
    files.mkdir(`${folder}/a/dir`);
    const paths = walk([`${folder}/a`], {
      files: swapping,
      onError: (path, error) => failed.push(`${path} ${error.code}`),
    });
    assert.deepEqual(paths.sort(), [`${folder}/a`, `${folder}/a/x`]);
    assert.match(failed.join(), /\/a\/dir (ENOTDIR|ELOOP)$/);
  }),
);

Deno.test(
  "Walker leaves out what the matcher excludes, and looks for included paths below",
  inFolder((folder) => {
    make(folder, ["a/keep", "a/drop", "b/c/keep", "b/drop", "gone/keep"]);
    const excluded: string[] = [];
    const paths = walkIn(folder, {
      matcher: (path) =>
        path.endsWith("gone") ? "exclude-no-recurse" : /(drop|\/b|\/c)$/.test(path) ? "exclude" : "include",
      onExcluded: (path) => excluded.push(path.slice(folder.length + 1)),
    });
    assert.deepEqual(paths, ["", "a", "a/keep", "b/c/keep"]);
    assert.deepEqual(excluded.sort(), ["a/drop", "b", "b/c", "b/drop", "gone"]);
  }),
);

Deno.test(
  "Walker.skipChildren() passes over the last folder only",
  inFolder((folder) => {
    make(folder, ["a/x/y", "b"]);
    const walker = new Walker({ files, roots: [`${folder}/a`, `${folder}/b`] });
    assert.equal(walker.next()!.path, `${folder}/a`);
    walker.skipChildren();
    assert.throws(() => walker.skipChildren(), TypeError);
    assert.equal(walker.next()!.path, `${folder}/b`);
    assert.throws(() => walker.skipChildren(), TypeError);
    assert.equal(walker.next(), null);
  }),
);

Deno.test(
  "Walker passes over the given inodes without a word",
  inFolder((folder) => {
    make(folder, ["repo/data/0", "a"]);
    const said: string[] = [];
    const say = (path: string): void => void said.push(path);
    const paths = walkIn(folder, { skip: [files.stat(`${folder}/repo`)], onExcluded: say, onError: say });
    assert.deepEqual(paths, ["", "a"]);
    assert.deepEqual(said, []);
  }),
);

Deno.test(
  "Walker with oneFileSystem yields a mount point but does not go in",
  () => {
    // Folders of another device than /, if this machine has any that is not empty.
    const root = files.stat("/").dev;
    const mounted = ["proc", "sys", "dev"].filter((name) =>
      files.exists(`/${name}`) && files.stat(`/${name}`).dev !== root
    );
    const walker = new Walker({
      files,
      roots: ["/"],
      oneFileSystem: true,
      matcher: (path) =>
        path === "/" || mounted.includes(path.slice(1).split("/")[0]!) ? "include" : "exclude-no-recurse",
    });
    const paths: string[] = [];
    for (let entry = walker.next(); entry !== null; entry = walker.next()) paths.push(entry.archivePath);
    assert.deepEqual(paths.sort(), [".", ...mounted].sort());
  },
);

Deno.test(
  "Walker leaves out folders with tags, or keeps folder and tags",
  inFolder((folder) => {
    make(folder, ["plain/x", "mine/.nobackup", "mine/x", "cache/x", "fake/CACHEDIR.TAG", "fake/x"]);
    files.writeFile(
      `${folder}/cache/CACHEDIR.TAG`,
      new TextEncoder().encode("Signature: 8a477f597d28d172789f06886806bc55\n# more"),
    );
    const tags = { excludeCaches: true, ifPresent: [".nobackup"] };
    const excluded: string[] = [];
    const options: Partial<WalkOptions> = {
      tagsOf: (path) => tagsOf(files, path, tags),
      onExcluded: (path) => excluded.push(path.slice(folder.length + 1)),
    };
    const plain = ["", "fake", "fake/CACHEDIR.TAG", "fake/x", "plain", "plain/x"];
    assert.deepEqual(walkIn(folder, options), plain);
    assert.deepEqual(excluded.sort(), ["cache", "mine"]);
    assert.deepEqual(
      walkIn(folder, { ...options, keepTags: true }),
      [...plain, "cache", "cache/CACHEDIR.TAG", "mine", "mine/.nobackup"].sort(),
    );
  }),
);

Deno.test(
  "Walker tells when it leaves a folder that it yielded, a marked one as excluded, and of missing roots apart",
  inFolder((folder) => {
    make(folder, ["a/b/x", "empty/", "marked/.nobackup", "marked/x", "out/in"]);
    const said: string[] = [];
    const say = (what: string) => (path: string): void => void said.push(what + path.slice(folder.length));
    const walker = new Walker({
      files,
      roots: [`${folder}/none`, `${folder}/a`, `${folder}/marked`, `${folder}/out`],
      matcher: (path) => path.endsWith("/out") ? "exclude" : "include",
      tagsOf: (path) => tagsOf(files, path, { excludeCaches: false, ifPresent: [".nobackup"] }),
      keepTags: true,
      onLeave: say("leave "),
      onExcluded: say("exclude "),
      onError: say("error "),
      onRootError: say("missing "),
    });
    for (let entry = walker.next(); entry !== null; entry = walker.next()) {
      say(`${entry.inside ?? "file"} `)(entry.path);
    }
    assert.deepEqual(said, [
      "missing /none",
      "entered /a",
      "entered /a/b",
      "file /a/b/x",
      "leave /a/b",
      "leave /a",
      "marked /marked",
      "file /marked/.nobackup",
      "exclude /marked",
      "exclude /out",
      "file /out/in",
    ]);
  }),
);

Deno.test("Walker goes through 200,000 files of one folder in a heap that could not hold their stats", () => {
  // Some 45 MB are needed; to keep each entry would take 150 MB. In memory, as making them takes longer than the walk.
  const folder = Deno.makeTempDirSync(files.exists("/dev/shm") ? { dir: "/dev/shm" } : {});
  const script = `
    import { Walker } from "${import.meta.resolve("../../../core/fs/mod.ts")}";
    import { openFiles } from "${import.meta.resolve("../../../core/platform/mod.ts")}";
    const files = openFiles();
    const [folder] = Deno.args;
    Deno.chdir(folder);
    for (let i = 0; i < 200_000; i++) {
      files.close(files.open("file number " + i, { write: true, create: true }));
    }
    const walker = new Walker({ files, roots: [folder] });
    let count = 0;
    while (walker.next() !== null) count++;
    console.log(count);`;
  try {
    const run = spawnSync(Deno.execPath(), ["run", "-A", "--v8-flags=--max-old-space-size=80", "-", folder], {
      input: script,
      encoding: "utf8",
    });
    assert.equal(run.stdout.trim(), "200001", run.stderr);
  } finally {
    spawnSync("rm", ["-rf", "--", folder]);
  }
});

Deno.test({
  name: "Walker's order and paths are those of borg on the same tree",
  ignore: !borg,
  fn: inFolder((folder) => {
    const names: string[] = [];
    for (let i = 0; i < 40; i++) {
      for (let k = 0; k < 20; k++) names.push(`tree/${(i * 37) % 41}/${(k * 7) % 23}/f\u00fc${(i * k) % 17}`);
    }
    make(folder, names);
    // Freed and reused inode numbers mix the order.
    for (let i = 0; i < names.length; i += 3) {
      if (files.exists(`${folder}/${names[i]}`)) files.unlink(`${folder}/${names[i]}`);
    }
    make(folder, names.slice(0, 200).map((name, i) => `${name}.${(i * 13) % 50}`));
    for (const name of ["new\nline", "tree/0/raw\udcff\udcc0", "tree/0/link"]) {
      files.symlink("target", `${folder}/${name}`);
    }
    const environment = {
      ...Deno.env.toObject(),
      BORG_BASE_DIR: `${folder}/base`,
      BORG_REPO: `${folder}/repo`,
      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
    };
    const run = (args: string[], cwd: string): string => {
      const result = spawnSync("borg", args, { cwd, env: environment });
      assert.equal(result.status, 0, String(result.stderr));
      return String(result.stdout);
    };
    run(["init", "-e", "none"], folder);
    const roots = ["./tree//1", "tree", `../${folder.split("/").at(-1)}/tree/2`, "new\nline", "tree"];
    run(["create", "::a", ...roots], folder);
    const listed = run(["list", "::a", "--json-lines"], folder).trim().split("\n").map((line) =>
      JSON.parse(line).path
    );
    const ours = walkFrom(folder, roots).map(({ archivePath }) => printable(archivePath));
    assert(ours.length > 500);
    assert.deepEqual(ours, listed);
  }),
});
