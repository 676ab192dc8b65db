import assert from "node:assert/strict";
import { decodeKeyFile, encodeKeyFile } from "../../../core/crypto/mod.ts";
import { KeyError } from "../../../core/errors.ts";
import { KeyDir, keyFileName } from "../../../core/local/key_dir.ts";
import { PortableFiles } from "../../../core/platform/mod.ts";
import { borgPython, borgTest } from "../../fixtures/borg.ts";
import { ascii, seededBytes } from "../../fixtures/deterministic.ts";

const files = new PortableFiles();
const random = seededBytes(80);
const id = random(32);
const blob = btoa(String.fromCharCode(...random(300))).match(/.{1,70}/g)!.join("\n");

function withFolder(body: (directory: string, keyDir: (keyFile?: string) => KeyDir) => void): void {
  const base = Deno.makeTempDirSync();
  const directory = `${base}/keys`;
  try {
    const keyDir = (keyFile: string | null = null) =>
      new KeyDir({ files, directory, keyFile, location: "/repo", decode: decodeKeyFile });
    body(directory, keyDir);
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
}

function throwsKeyError(code: string, action: () => unknown): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof KeyError && error.code === code, String(error));
    assert.ok(!error.message.includes(blob.slice(0, 20)), "no key material in a message");
    return true;
  });
}

Deno.test("KeyDir.create() writes a file that find() finds, for the owner's eyes only", () => {
  withFolder((directory, keyDir) => {
    const path = keyDir().newPath("name");
    assert.equal(path, `${directory}/name`);
    keyDir().create(path, encodeKeyFile(id, blob));
    assert.deepEqual(keyDir().find(id), { path, blob });
    assert.equal(files.stat(path).mode & 0o777, 0o600);
    assert.equal(files.stat(directory).mode & 0o777, 0o700);
    assert.deepEqual(files.readDir(directory), ["name"], "no temporary file is left");
  });
});

Deno.test("KeyDir.create() never replaces a file, replace() does, newPath() avoids names in use", () => {
  withFolder((directory, keyDir) => {
    const path = keyDir().newPath("name");
    keyDir().create(path, encodeKeyFile(id, blob));
    assert.throws(() => keyDir().create(path, encodeKeyFile(random(32), blob)), /exists already/);
    assert.equal(keyDir().newPath("name"), `${directory}/name.2`);
    keyDir().create(`${directory}/name.2`, encodeKeyFile(random(32), blob));
    assert.equal(keyDir().newPath("name"), `${directory}/name.3`);
    keyDir().replace(path, encodeKeyFile(id, "QUJD".repeat(10)));
    assert.equal(keyDir().find(id).blob, "QUJD".repeat(10));
    keyDir().remove(path);
    keyDir().remove(path);
    throwsKeyError("KeyfileNotFoundError", () => keyDir().find(id));
  });
});

Deno.test("KeyDir.find() passes over other repositories' keys, folders, broken and huge files", () => {
  withFolder((directory, keyDir) => {
    throwsKeyError("KeyfileNotFoundError", () => keyDir().find(id));
    files.mkdirAll(`${directory}/a-folder`);
    files.writeFile(`${directory}/b-other`, encodeKeyFile(random(32), blob));
    files.writeFile(`${directory}/c-broken`, encodeKeyFile(id, "***"));
    files.writeFile(`${directory}/d-empty`, new Uint8Array(0));
    files.writeFile(`${directory}/e-huge`, new Uint8Array(1 << 21));
    files.symlink("nowhere", `${directory}/f-dangling`);
    throwsKeyError("KeyfileNotFoundError", () => keyDir().find(id));
    files.writeFile(`${directory}/z-mine`, encodeKeyFile(id, blob));
    assert.equal(keyDir().find(id).path, `${directory}/z-mine`);
  });
});

Deno.test("KeyDir.find() looks at an explicit key file alone and says what is wrong with it", () => {
  withFolder((directory, keyDir) => {
    files.mkdirAll(directory);
    files.writeFile(`${directory}/mine`, encodeKeyFile(id, blob));
    const explicit = `${directory}/../explicit`;
    throwsKeyError("KeyfileNotFoundError", () => keyDir(explicit).find(id));
    files.writeFile(explicit, encodeKeyFile(random(32), blob));
    throwsKeyError("KeyfileMismatchError", () => keyDir(explicit).find(id));
    files.writeFile(explicit, ascii("something else"));
    throwsKeyError("KeyfileInvalidError", () => keyDir(explicit).find(id));
    files.writeFile(explicit, encodeKeyFile(id, blob));
    assert.equal(keyDir(explicit).find(id).path, explicit);
    assert.equal(keyDir(explicit).newPath("name"), explicit);
  });
});

const NAMES: [string, string | null, string][] = [
  ["/srv/backup/repo", null, "srv_backup_repo"],
  ["/a b/ünï-cödé.borg/", null, "a_b_ünï_cödé_borg"],
  ["/./rel", "host.example.com", "host_example_com__rel"],
  ["/x/" + "y".repeat(200), null, "x_" + "y".repeat(98)],
];

Deno.test("keyFileName() keeps letters, digits and underscores, at most 100", () => {
  for (const [path, host, wanted] of NAMES) assert.equal(keyFileName({ path, host }), wanted);
});

borgTest("keyFileName() gives borg's names", () => {
  const base = Deno.makeTempDirSync();
  try {
    const script = `
import json, os, sys
base, names = json.load(sys.stdin)
os.environ['BORG_BASE_DIR'] = base
from borg.helpers import Location
def name(path, host):
    location = Location('/x')
    location.path = path
    if host:
        location.proto, location._host = 'ssh', host
    return os.path.basename(location.to_key_filename())
print(json.dumps([name(path, host) for path, host, _ in names]))`;
    assert.deepEqual(borgPython(script, [base, NAMES]), NAMES.map(([, , wanted]) => wanted));
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
});
