/** Who we are must be what borg says who it is, else locks are misjudged. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { Host, isLocalProcessAlive, openFiles, setUmask, Users } from "../../../core/platform/mod.ts";

const files = openFiles();
const users = new Users(files);
const python = "/usr/bin/python3";
const borgHost = spawnSync(
  python,
  ["-c", "from borg.platform import hostid, hostname, fqdn; print(hostid); print(hostname); print(fqdn)"],
  { encoding: "utf8" },
);

Deno.test({
  name: "Host has the host id, name and full name of borg",
  ignore: borgHost.status !== 0,
  fn() {
    const host = new Host({ users });
    assert.deepEqual([host.hostId, host.hostname, host.fqdn], borgHost.stdout.trim().split("\n"));
  },
});

Deno.test("Host takes BORG_HOST_ID as it is, but not an empty one", () => {
  assert.equal(new Host({ users, hostId: "my host" }).hostId, "my host");
  assert.match(new Host({ users, hostId: "" }).hostId, /^.+@\d+$/);
});

Deno.test("Host.isProcessAlive() is sure of the dead of this host only", () => {
  const host = new Host({ users });
  const dead = spawnSync("true").pid;
  assert.equal(isLocalProcessAlive(process.pid), true);
  // Process 1 belongs to root: not ours to signal for others, but alive.
  assert.equal(isLocalProcessAlive(1), true);
  assert.equal(isLocalProcessAlive(dead), false);
  assert.equal(isLocalProcessAlive(0), false);
  assert.equal(isLocalProcessAlive(-1), false);
  assert.equal(host.isProcessAlive(host.hostId, dead, 0), false);
  assert.equal(host.isProcessAlive(host.hostId, process.pid, 0), true);
  assert.equal(host.isProcessAlive("other@1", dead, 0), true);
  assert.equal(host.isProcessAlive(host.hostId, dead, 7), true);
});

Deno.test("setUmask() decides what new files get, and answers the one before", () => {
  const folder = Deno.makeTempDirSync();
  const before = setUmask(0o077);
  try {
    files.writeFile(`${folder}/a`, new Uint8Array());
    assert.equal(files.stat(`${folder}/a`).mode & 0o777, 0o600);
    assert.equal(setUmask(0o027), 0o077);
    files.writeFile(`${folder}/b`, new Uint8Array());
    assert.equal(files.stat(`${folder}/b`).mode & 0o777, 0o640);
  } finally {
    setUmask(before);
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("Users reads passwd and group, the first entry counts", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const passwd =
      "root:x:0:0::/root:/bin/sh\n# comment:x:7:7\n+nis:x:8:8::\nann:x:1000:1000::/:\nbob:x:1000:1::/:\n";
    Deno.writeTextFileSync(`${folder}/passwd`, `${passwd}broken\nx:y:z\nann:x:5:5::/:`);
    Deno.writeTextFileSync(`${folder}/group`, "root:x:0:\nstaff:x:50:ann,bob\n");
    const some = new Users(files, {
      passwdPath: `${folder}/passwd`,
      groupPath: `${folder}/group`,
      nameService: false,
    });
    assert.equal(some.userName(1000), "ann");
    assert.equal(some.userName(8), null);
    assert.equal(some.userName(7), null);
    assert.equal(some.userId("bob"), 1000);
    assert.equal(some.userId("ann"), 1000);
    assert.equal(some.userId(""), null);
    assert.equal(some.groupName(50), "staff");
    assert.equal(some.groupId("staff"), 50);
    assert.equal(some.groupId("nobody here"), null);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test({
  name: "Users asks the C library for whom the files lack",
  ignore: Deno.build.os !== "linux",
  fn() {
    const blind = new Users(files, { passwdPath: "/nonexistent", groupPath: "/nonexistent" });
    assert.equal(blind.userName(0), "root");
    assert.equal(blind.userId("root"), 0);
    assert.equal(blind.groupName(0), "root");
    assert.equal(blind.groupId("root"), 0);
    assert.equal(blind.userName(3_999_999_999), null);
    assert.equal(blind.userId("nobody of that name"), null);
    assert.equal(blind.userId("root\0x"), null);
  },
});
