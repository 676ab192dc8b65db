/**
 * The log against the real borg: the same operations through borg's own Repository class and through ours must leave the
 * same bytes on disk, either must go on where the other stopped, and a damaged repository is repaired to the same files.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { asChunkId, decodeHex, encodeHex, MANIFEST_ID } from "../../core/bytes/mod.ts";
import { createRepository, openRepository, type SegmentStore } from "../../core/store/mod.ts";
import { borgPython, borgTest, run } from "../fixtures/borg.ts";
import { dataOf, idOf, temporaryFolder, testEnv } from "../fixtures/store_env.ts";

const EXCLUSIVE = { exclusive: true, lock: true, lockWaitSeconds: 0 };

/** Operations as both sides take them: put id data, delete id, commit, compact threshold cleanup. */
type Step =
  | ["put", string, string]
  | ["delete", string]
  | ["commit"]
  | ["compact", number, boolean];

const PLAY = `
import json, sys
from borg.logger import setup_logging
from borg.repository import Repository
setup_logging(level='error')
given = json.load(sys.stdin)
h = bytes.fromhex
repo = Repository(given['path'], create=False, exclusive=True, lock_wait=0)
with repo:
    for step in given['steps']:
        if step[0] == 'put': repo.put(h(step[1]), h(step[2]))
        elif step[0] == 'delete': repo.delete(h(step[1]))
        elif step[0] == 'commit': repo.commit(compact=False)
        else: repo.commit(compact=True, threshold=step[1] / 100, cleanup_commits=step[2])
print('null')
`;

async function play(store: SegmentStore, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (step[0] === "put") await store.put(asChunkId(decodeHex(step[1])!), decodeHex(step[2])!);
    else if (step[0] === "delete") await store.delete(asChunkId(decodeHex(step[1])!));
    else if (step[0] === "commit") store.commit();
    else await store.compact({ thresholdPercent: step[1], cleanupCommits: step[2] });
  }
}

const put = (n: number, length: number): Step => [
  "put",
  encodeHex(n < 0 ? MANIFEST_ID : idOf(n)),
  encodeHex(dataOf(n + length, length)),
];
const del = (n: number): Step => ["delete", encodeHex(idOf(n))];
const commit: Step = ["commit"];

/** A life with everything that decides about segments: size limit, manifest, thresholds, DELETEs to keep and to drop. */
const LIFE: readonly Step[] = [
  put(-1, 40),
  commit,
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((n) => put(n, 100 * n)),
  commit,
  del(1),
  del(5),
  put(13, 900),
  commit,
  del(2),
  del(12),
  put(14, 3000),
  ["compact", 10, false],
  put(1, 100),
  put(5, 77),
  del(14),
  commit,
  del(1),
  del(13),
  commit,
  put(15, 10),
  ["compact", 30, false],
  del(15),
  commit,
  put(16, 5000),
  put(17, 200_000),
  commit,
  del(16),
  ["compact", 0, true],
];

function snapshot(path: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of fs.readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.startsWith("lock.")) continue;
    const file = join(entry.parentPath, entry.name);
    found[file.slice(path.length)] = fs.readFileSync(file).toString("hex");
  }
  return found;
}

function assertSameFiles(ours: string, theirs: string): void {
  const a = snapshot(ours);
  const b = snapshot(theirs);
  assert.deepEqual(Object.keys(a).sort(), Object.keys(b).sort());
  for (const name of Object.keys(a)) assert.equal(a[name], b[name], `${name} differs`);
}

function borgCheck(path: string): void {
  const { code, stderr } = run("borg", ["check", "--repository-only", path], {
    env: { BORG_BASE_DIR: join(path, "..", "base") },
  });
  assert.equal(code, 0, stderr);
}

async function twins(folder: string): Promise<[ours: string, theirs: string]> {
  const [ours, theirs] = [join(folder, "ours"), join(folder, "theirs")];
  const store = await createRepository(testEnv(), ours, { maxSegmentSize: 1500, segmentsPerDir: 7 });
  await store.close();
  fs.cpSync(ours, theirs, { recursive: true });
  return [ours, theirs];
}

borgTest("SegmentStore leaves the same bytes on disk as borg's repository", async () => {
  using folder = temporaryFolder();
  const [ours, theirs] = await twins(folder.path);
  // One after the other, so that a difference is found where it arises.
  let rest = LIFE;
  while (rest.length > 0) {
    const end = rest.findIndex(([kind]) => kind === "commit" || kind === "compact") + 1;
    const steps = rest.slice(0, end);
    rest = rest.slice(end);
    const store = await openRepository(testEnv(), ours, EXCLUSIVE);
    await play(store, steps);
    await store.close();
    borgPython(PLAY, { path: theirs, steps });
    assertSameFiles(ours, theirs);
  }
  borgCheck(ours);
});

borgTest("SegmentStore leaves the same segments when all is done in one session", async () => {
  using folder = temporaryFolder();
  const [ours, theirs] = await twins(folder.path);
  const store = await openRepository(testEnv(), ours, EXCLUSIVE);
  await play(store, LIFE);
  await store.close();
  borgPython(PLAY, { path: theirs, steps: LIFE });
  assertSameFiles(ours, theirs);
});

borgTest("SegmentStore and borg take turns on one repository with replaced objects", async () => {
  using folder = temporaryFolder();
  const [path] = await twins(folder.path);
  const expected = new Map<number, number>();
  for (let round = 0; round < 8; round++) {
    const steps: Step[] = [put(-1, 30 + round)];
    for (let n = 0; n < 12; n++) {
      const length = 50 + ((n * 37 + round * 101) % 900);
      if ((n + round) % 3 === 0) {
        steps.push(put(n, length));
        expected.set(n, length);
      } else if ((n + round) % 5 === 0 && expected.delete(n)) steps.push(del(n));
    }
    steps.push(round % 3 === 2 ? ["compact", 10, false] : commit);
    if (round % 2) borgPython(PLAY, { path, steps });
    else {
      const store = await openRepository(testEnv(), path, EXCLUSIVE);
      await play(store, steps);
      await store.close();
    }
    borgCheck(path);
    const store = await openRepository(testEnv(), path, EXCLUSIVE);
    assert.deepEqual(await store.check({}), { ok: true });
    assert.equal(await store.count(), expected.size + 1);
    for (const [n, length] of expected) {
      assert.deepEqual(await store.get(idOf(n)), dataOf(n + length, length));
    }
    await store.close();
  }
});

const REBUILD = `
import json, sys
from borg.logger import setup_logging
from borg.repository import Repository
setup_logging(level='error')
from borg.hashindex import NSIndex
given = json.load(sys.stdin)
with Repository(given['path'], exclusive=True, lock_wait=0) as repo:
    transaction = repo.get_transaction_id()
    repo.prepare_txn(transaction)
    print(json.dumps({
        'transaction': transaction,
        'segments': sorted(repo.segments.items()), 'compact': sorted(repo.compact.items()),
        'quota': repo.storage_quota_use,
        'index': sorted([k.hex(), v[0], v[1]] for k, v in repo.index.iteritems()),
    }))
`;
interface Rebuilt {
  transaction: number;
  segments: [number, number][];
  compact: [number, number][];
  quota: number;
  index: [string, number, number][];
}

function removeCommitted(path: string): void {
  for (const name of fs.readdirSync(path)) {
    if (/^(index|hints|integrity)\./.test(name)) fs.rmSync(join(path, name));
  }
}

borgTest("openRepository() rebuilds index and hints as borg does", async () => {
  using folder = temporaryFolder();
  const [ours, theirs] = await twins(folder.path);
  const store = await openRepository(testEnv(), ours, EXCLUSIVE);
  await play(store, LIFE.slice(0, 24));
  await store.close();
  fs.rmSync(theirs, { recursive: true });
  removeCommitted(ours);
  fs.cpSync(ours, theirs, { recursive: true });
  const reopened = await openRepository(testEnv(), ours, { ...EXCLUSIVE, exclusive: false });
  await reopened.count();
  await reopened.close();
  // Borg reads what we rebuilt without rebuilding it, and rebuilds the twin itself.
  const inOurs = borgPython<Rebuilt>(REBUILD, { path: ours });
  const inTheirs = borgPython<Rebuilt>(REBUILD, { path: theirs });
  assert.ok(inTheirs.index.length > 5);
  assert.deepEqual(inOurs, inTheirs);
  assert.equal(
    snapshot(ours)[`/index.${inOurs.transaction}`],
    snapshot(theirs)[`/index.${inOurs.transaction}`],
  );
});

borgTest("check() with repair saves of a damaged segment what borg saves", async () => {
  using folder = temporaryFolder();
  const [ours, theirs] = await twins(folder.path);
  const store = await openRepository(testEnv(), ours, EXCLUSIVE);
  await play(store, LIFE.slice(0, 15));
  await store.close();
  fs.rmSync(theirs, { recursive: true });
  const damage = (segment: number, change: (bytes: Uint8Array) => Uint8Array) => {
    const path = join(ours, "data", String(Math.floor(segment / 7)), String(segment));
    fs.writeFileSync(path, change(fs.readFileSync(path)));
  };
  damage(2, (bytes) => {
    bytes[300] = bytes[300]! ^ 1;
    return bytes;
  });
  damage(4, (bytes) => bytes.subarray(0, bytes.length - 7));
  fs.cpSync(ours, theirs, { recursive: true });
  const env = testEnv();
  const damaged = await openRepository(env, ours, EXCLUSIVE);
  assert.deepEqual(await damaged.check({}), { ok: false });
  assert.deepEqual(await damaged.check({ repair: true }), { ok: true });
  assert.deepEqual(await damaged.check({}), { ok: true });
  await damaged.close();
  const { code, stderr } = run("borg", ["check", "--repository-only", "--repair", theirs], {
    env: { BORG_BASE_DIR: folder.path, BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "YES" },
  });
  assert.equal(code, 0, stderr);
  const [a, b] = [snapshot(ours), snapshot(theirs)];
  const segments = (files: Record<string, string>) =>
    Object.fromEntries(Object.entries(files).filter(([name]) => name.startsWith("/data/")));
  assert.deepEqual(segments(a), segments(b));
  borgCheck(ours);
});

borgTest("SegmentStore works on a repository that borg create made, and borg goes on with it", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "repo");
  const env = {
    BORG_BASE_DIR: join(folder.path, "base"),
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
  };
  const borg = (...args: string[]) => {
    const { code, stderr, stdout } = run("borg", args, { env });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  borg("init", "-e", "none", path);
  borg("create", `${path}::one`, "/usr/lib/python3/dist-packages/borg");
  borg("create", `${path}::two`, "/usr/lib/python3/dist-packages/borg/crypto");
  borg("delete", `${path}::one`);
  const store = await openRepository(testEnv(), path, EXCLUSIVE);
  const ids = await store.list(100_000);
  assert.ok(ids.length / 32 > 5);
  assert.equal(await store.count(), ids.length / 32);
  for (let at = 0; at < ids.length; at += 32) {
    const id = asChunkId(ids.slice(at, at + 32));
    assert.equal((await store.get(id)).length, await store.storedSize(id));
  }
  await store.put(idOf(1), dataOf(1, 100_000));
  store.commit();
  await store.delete(idOf(1));
  const { freedBytes } = await store.compact({ thresholdPercent: 10 });
  assert.ok(freedBytes! > 100_000);
  assert.equal(await store.count(), ids.length / 32);
  await store.close();
  borg("check", "--verify-data", path);
  borg("create", `${path}::three`, "/usr/lib/python3/dist-packages/borg/crypto");
  assert.equal(borg("list", "--short", path), "two\nthree\n");
  const again = await openRepository(testEnv(), path, EXCLUSIVE);
  assert.deepEqual(await again.check({}), { ok: true });
  await again.close();
});
