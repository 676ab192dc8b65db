/** Attributes on their way into items and back: what is left out, in which order it is set, and what failures do. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import {
  extendedMeta,
  type ExtendedMetaOptions,
  type RestoreItem,
  Restorer,
  type RestorerOptions,
  SourceError,
} from "../../../core/fs/mod.ts";
import {
  type Acls,
  type Attributes,
  type AttributeTarget,
  openFiles,
  type ReadAttributes,
  type ReadOptions,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  SF_APPEND,
  SF_IMMUTABLE,
  SF_NOUNLINK,
  type Stat,
  UF_APPEND,
  UF_IMMUTABLE,
  UF_NODUMP,
  UF_NOUNLINK,
  Users,
} from "../../../core/platform/mod.ts";
import { OsError } from "../../../core/errors.ts";

const files = openFiles();
const users = new Users(files);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Attributes from memory; `fail` gives the symbol of the error for a call, as "setXattr user.a". */
class FakeAttributes implements Attributes {
  flagsOnAll = false;
  isBare(): boolean {
    return false;
  }

  readonly calls: string[] = [];
  found: ReadAttributes | null = null;
  foundFlags = 0;
  unreadable: string | null = null;
  fail: (call: string) => string | null = () => null;
  /** Called with what a call is made on. */
  onCall: (target: AttributeTarget) => void = () => {};

  #call(call: string, target: AttributeTarget): void {
    this.calls.push(call);
    this.onCall(target);
    const code = this.fail(call);
    if (code !== null) throw new OsError(code, call, String(target));
  }

  read(target: AttributeTarget, _stat: Stat, options: ReadOptions): ReadAttributes | null {
    this.#call(`read${options.xattrs ? " xattrs" : ""}${options.acls ? " acls" : ""}`, target);
    if (this.unreadable !== null) {
      options.onUnreadable?.(this.unreadable, new OsError("EACCES", "getxattr", String(target)));
    }
    return this.found;
  }

  xattrs(): Map<string, Uint8Array> {
    return this.found?.xattrs ?? new Map();
  }

  acl(): Acls {
    return this.found?.acl ?? {};
  }

  setXattr(target: AttributeTarget, name: string, value: Uint8Array): void {
    this.#call(`setXattr ${name}=${new TextDecoder().decode(value)}`, target);
  }

  setAcl(target: AttributeTarget, acl: Acls): void {
    this.#call(`setAcl ${Object.keys(acl).join(" ")}`, target);
  }

  flags(): number {
    return this.foundFlags;
  }

  setFlags(target: AttributeTarget, flags: number): void {
    this.#call(`setFlags ${flags}`, target);
  }
}

const stat = files.lstat(".");

function meta(attributes: FakeAttributes, options: Partial<ExtendedMetaOptions> = {}) {
  return extendedMeta({ path: "there" }, stat, { attributes, users, ...options });
}

Deno.test("extendedMeta() is null where there is nothing, and holds only what there is", () => {
  const attributes = new FakeAttributes();
  assert.equal(meta(attributes), null);
  attributes.found = { xattrs: new Map(), acl: {} };
  assert.deepEqual(meta(attributes), {});
  attributes.foundFlags = UF_NODUMP;
  assert.deepEqual(meta(attributes), { bsdflags: UF_NODUMP });
  attributes.found = {
    xattrs: new Map([["user.a", bytes("b")], ["user.empty", new Uint8Array()]]),
    acl: { access: bytes("user::rwx"), default: new Uint8Array() },
  };
  assert.deepEqual(meta(attributes), {
    bsdflags: UF_NODUMP,
    // borg keeps an empty value as nil, and an empty ACL as one.
    xattrs: new Map<string, Uint8Array | null>([["user.a", bytes("b")], ["user.empty", null]]),
    acl_access: bytes("user::rwx"),
    acl_default: new Uint8Array(),
  });
  attributes.foundFlags = 0;
  attributes.found = {
    xattrs: new Map(),
    acl: { extended: bytes("!#acl 1\n"), nfs4: bytes("owner@:r:-:allow") },
  };
  assert.deepEqual(meta(attributes), {
    acl_extended: bytes("!#acl 1\n"),
    acl_nfs4: bytes("owner@:r:-:allow"),
  });
});

Deno.test("extendedMeta() asks only for what is wanted", () => {
  const attributes = new FakeAttributes();
  attributes.foundFlags = UF_NODUMP;
  assert.equal(meta(attributes, { flags: false }), null);
  meta(attributes, { xattrs: false });
  meta(attributes, { acls: false });
  meta(attributes, { acls: false, xattrs: false });
  assert.deepEqual(attributes.calls, ["read xattrs acls", "read acls", "read xattrs", "read"]);
});

Deno.test("extendedMeta() makes a failure one of the file, but leaves out a single unreadable attribute", () => {
  const attributes = new FakeAttributes();
  attributes.found = { xattrs: new Map([["user.a", bytes("b")]]), acl: {} };
  attributes.unreadable = "user.secret";
  const told: string[] = [];
  const onUnreadable = (path: string, message: string): unknown => told.push(`${path}: ${message}`);
  assert.deepEqual(meta(attributes, { onUnreadable })?.xattrs, new Map([["user.a", bytes("b")]]));
  assert.deepEqual(told, ["there: extended attribute user.secret: EACCES"]);
  attributes.fail = () => "EIO";
  assert.throws(() => meta(attributes), (error) => {
    assert(error instanceof SourceError);
    assert.deepEqual([error.warningCode, error.path], ["BackupIOError", "there"]);
    return true;
  });
});

Deno.test("extendedMeta() asks an open file, then an open folder, then by its place, then by path", () => {
  const attributes = new FakeAttributes();
  const asked: AttributeTarget[] = [];
  attributes.onCall = (target) => asked.push(target);
  const at = { dir: 8, name: "there" };
  for (const what of [{ fd: 7, at }, { at: { ...at, folder: 9 } }, { at }, {}]) {
    extendedMeta({ path: "way/there", ...what }, stat, { attributes, users });
  }
  assert.deepEqual(asked, [7, 9, { ...at, path: "way/there" }, "way/there"]);
});

/** Runs with a restorer into a folder of its own. */
function restoring(
  body: (to: Restorer, attributes: FakeAttributes, folder: string, warnings: string[]) => void,
  options: Partial<RestorerOptions> = {},
): () => void {
  return () => {
    const folder = Deno.makeTempDirSync();
    const attributes = new FakeAttributes();
    const warnings: string[] = [];
    try {
      const to = new Restorer({
        files,
        users,
        destination: folder,
        attributes,
        warn: (code, path, message) => warnings.push(`${code} ${path}: ${message}`),
        ...options,
      });
      body(to, attributes, folder, warnings);
    } finally {
      spawnSync("rm", ["-rf", "--", folder]);
    }
  };
}

const ALL: Partial<RestoreItem> = {
  xattrs: new Map<string, Uint8Array | null>([["user.a", bytes("b")], ["user.none", null]]),
  acl_access: bytes("user::rwx"),
  acl_default: bytes("user::rwx"),
  bsdflags: UF_NODUMP,
};

function item(path: string, mode: number, extra: Partial<RestoreItem> = ALL): RestoreItem {
  return { path, mode, uid: process.getuid!(), gid: process.getgid!(), mtime: 1_000_000_000n, ...extra };
}

function restoreFile(to: Restorer, path: string, extra: Partial<RestoreItem> = ALL): void {
  const file = item(path, S_IFREG | 0o440, extra);
  to.openFile(file).close();
  to.restoreMeta(file);
}

const SET_ALL = ["setXattr user.a=b", "setXattr user.none=", "setAcl access default", "setFlags 1"];

Deno.test(
  "Restorer sets attributes before the mode, the ACL after it, flags after the times",
  restoring((to, attributes, folder) => {
    const seen: string[] = [];
    attributes.onCall = (target) => {
      assert.equal(typeof target, "number");
      const { mode, mtimeNs } = files.lstat(`${folder}/file`);
      seen.push(`${(mode & 0o777).toString(8)} ${mtimeNs === 1_000_000_000n}`);
    };
    restoreFile(to, "file");
    assert.deepEqual(attributes.calls, SET_ALL);
    assert.deepEqual(seen, ["600 false", "600 false", "440 false", "440 true"]);
  }),
);

Deno.test(
  "Restorer gives links no POSIX ACLs, and flags to files and folders alone",
  restoring((to, attributes) => {
    to.symlink(item("link", S_IFLNK | 0o777, { ...ALL, source: "nowhere" }));
    assert.deepEqual(attributes.calls.splice(0), SET_ALL.slice(0, 2));
    to.special(item("fifo", S_IFIFO | 0o600));
    assert.deepEqual(attributes.calls.splice(0), SET_ALL.slice(0, 3));
    to.directory(item("folder", S_IFDIR | 0o700));
    assert.deepEqual(attributes.calls, []);
    to.finish();
    assert.deepEqual(attributes.calls, SET_ALL);
  }),
);

Deno.test(
  "Restorer flags links and their like where they have flags, those that lock when all is done",
  restoring((to, attributes, folder) => {
    attributes.flagsOnAll = true;
    const targets: AttributeTarget[] = [];
    attributes.onCall = (target) => targets.push(target);
    const locked = { bsdflags: SF_IMMUTABLE | UF_NODUMP };
    to.symlink(item("link", S_IFLNK | 0o777, { ...locked, source: "nowhere" }));
    to.special(item("fifo", S_IFIFO | 0o600, { bsdflags: UF_NOUNLINK }));
    to.special(item("replaced", S_IFIFO | 0o600, locked));
    assert.deepEqual(attributes.calls, ["setFlags 1", "setFlags 1"]);
    files.unlink(`${folder}/replaced`);
    files.symlink("link", `${folder}/replaced`);
    to.finish();
    assert.deepEqual(attributes.calls.slice(2), [`setFlags ${SF_IMMUTABLE | UF_NODUMP}`, "setFlags 16"]);
    assert.deepEqual(targets, ["link", "replaced", "link", "fifo"].map((name) => `${folder}/${name}`));
  }),
);

Deno.test(
  "Restorer keeps flags that would lock a file until all is done, the superuser's among them",
  restoring((to, attributes) => {
    const locking = [UF_NOUNLINK, SF_IMMUTABLE, SF_APPEND, SF_NOUNLINK];
    for (const [n, flag] of locking.entries()) restoreFile(to, `file${n}`, { bsdflags: flag });
    assert.deepEqual(attributes.calls, []);
    to.finish();
    assert.deepEqual(attributes.calls, locking.map((flag) => `setFlags ${flag}`));
  }),
);

Deno.test(
  "Restorer hands on the ACLs of every system, to links those alone that a link may have",
  restoring((to, attributes) => {
    const acls = { acl_extended: bytes("!#acl 1\n"), acl_nfs4: bytes("owner@:r:-:allow") };
    restoreFile(to, "file", acls);
    assert.deepEqual(attributes.calls.splice(0), ["setAcl extended nfs4"]);
    restoreFile(to, "other", { ...acls, acl_access: bytes("user::rwx") });
    assert.deepEqual(attributes.calls.splice(0), ["setAcl access extended nfs4"]);
    to.symlink(item("link", S_IFLNK | 0o777, { ...ALL, ...acls, xattrs: new Map(), source: "nowhere" }));
    assert.deepEqual(attributes.calls, ["setAcl extended nfs4"]);
  }),
);

Deno.test(
  "Restorer sets immutable and append when all is done, and never on what took the file's place",
  restoring((to, attributes, folder) => {
    to.directory(item("folder", S_IFDIR | 0o700, { bsdflags: UF_APPEND }));
    restoreFile(to, "folder/file", { bsdflags: UF_IMMUTABLE | UF_NODUMP });
    assert.equal(to.hardLink(item("hard", S_IFREG | 0o600), "folder/file"), true);
    restoreFile(to, "replaced", { bsdflags: UF_IMMUTABLE });
    assert.deepEqual(attributes.calls, ["setFlags 1"]);
    files.writeFile(`${folder}/other`, bytes(""));
    files.rename(`${folder}/other`, `${folder}/replaced`);
    to.finish();
    assert.deepEqual(attributes.calls, ["setFlags 1", "setFlags 3", "setFlags 4"]);
    to.finish();
    assert.equal(attributes.calls.length, 3);
  }),
);

Deno.test(
  "Restorer follows no link that took an immutable file's place",
  restoring((to, attributes, folder) => {
    files.writeFile(`${folder}/precious`, bytes(""));
    restoreFile(to, "file", { bsdflags: UF_IMMUTABLE });
    to.symlink(item("file", S_IFLNK | 0o777, { source: `${folder}/precious` }));
    to.finish();
    assert.deepEqual(attributes.calls, []);
  }),
);

Deno.test(
  "Restorer warns of single attributes and goes on",
  restoring((to, attributes, folder, warnings) => {
    attributes.fail = (call) =>
      call === "setXattr user.a=b" ? "EPERM" : call === "setXattr user.none=" ? "ENOSPC" : null;
    restoreFile(to, "file", {
      ...ALL,
      xattrs: new Map<string | number, unknown>([...ALL.xattrs!, ["user.odd", 7]]),
    });
    assert.deepEqual(attributes.calls, SET_ALL);
    assert.deepEqual(warnings.map((warning) => warning.split(":")[0]), Array(3).fill("BackupWarning file"));
    assert.match(warnings[0]!, /user\.a: /);
    assert.match(warnings[1]!, /user\.none: 0 bytes are too many .*ENOSPC/);
    assert.match(warnings[2]!, /user\.odd/);
    assert.equal(files.lstat(`${folder}/file`).mode & 0o777, 0o440);
  }),
);

Deno.test(
  "Restorer reports an ACL that cannot be set when all else is, and none where the file system has no ACLs",
  restoring((to, attributes, folder, warnings) => {
    attributes.fail = (call) => call.startsWith("setAcl") ? "EINVAL" : null;
    assert.throws(() => restoreFile(to, "file"), SourceError);
    assert.deepEqual(attributes.calls, SET_ALL);
    assert.equal(files.lstat(`${folder}/file`).mtimeNs, 1_000_000_000n);
    to.directory(item("folder", S_IFDIR | 0o700));
    to.finish();
    assert.equal(warnings.length, 1);
    attributes.fail = (call) => call.startsWith("setAcl") ? "ENOTSUP" : null;
    restoreFile(to, "other");
    assert.equal(warnings.length, 1);
  }),
);

Deno.test(
  "Restorer says nothing of flags that cannot be set",
  restoring((to, attributes, _folder, warnings) => {
    attributes.fail = (call) => call.startsWith("setFlags") ? "EPERM" : null;
    restoreFile(to, "file", { bsdflags: UF_NODUMP | UF_APPEND });
    to.finish();
    assert.deepEqual(attributes.calls, ["setFlags 1", "setFlags 5"]);
    assert.deepEqual(warnings, []);
  }),
);

Deno.test(
  "Restorer sets nothing that is not wanted",
  restoring((to, attributes) => {
    restoreFile(to, "file", { ...ALL, bsdflags: UF_NODUMP | UF_APPEND });
    to.finish();
    assert.deepEqual(attributes.calls, []);
  }, { flags: false, acls: false, xattrs: false }),
);
