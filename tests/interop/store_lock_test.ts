/** Locks between this program and the real borg, both ways. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { AppError } from "../../core/errors.ts";
import { createRepository, openRepository } from "../../core/store/mod.ts";
import { borgPython, borgTest } from "../fixtures/borg.ts";
import { temporaryFolder, testEnv } from "../fixtures/store_env.ts";

const HOST = `
import json
from borg.platform import get_process_id
print(json.dumps(get_process_id()[0]))
`;
/** Leaves a lock of a process that is gone, or of one that lives. */
const LEAVE = `
import json, sys
from borg.logger import setup_logging
from borg.locking import Lock
setup_logging(level='error')
given = json.load(sys.stdin)
Lock(given['path'] + '/lock', exclusive=given['exclusive'], id=(given['host'], given['pid'], 0), timeout=0).acquire()
print('null')
`;
const TRY = `
import json, sys
from borg.logger import setup_logging
from borg.locking import Lock, LockTimeout
setup_logging(level='error')
given = json.load(sys.stdin)
try:
    Lock(given['path'] + '/lock', exclusive=given['exclusive'], timeout=given['timeout']).acquire().release()
    print('true')
except LockTimeout:
    print('false')
`;
const DEAD = 2 ** 22 - 3;

borgTest("openRepository() honours borg's locks and removes those of its dead processes", async () => {
  using folder = temporaryFolder();
  const hostId = borgPython<string>(HOST);
  const path = join(folder.path, "repo");
  const env = testEnv(undefined, { hostId });
  await (await createRepository(env, path)).close();
  const open = (exclusive: boolean) =>
    openRepository(env, path, { exclusive, lock: true, lockWaitSeconds: 0 });
  const timeout = (error: unknown) => error instanceof AppError && error.code === "LockTimeout";
  for (const exclusive of [true, false]) {
    borgPython(LEAVE, { path, exclusive, host: hostId, pid: DEAD });
    await (await open(true)).close();
    borgPython(LEAVE, { path, exclusive, host: hostId, pid: process.ppid });
    await assert.rejects(open(true), timeout);
    if (exclusive) await assert.rejects(open(false), timeout);
    else await (await open(false)).close();
    for (const name of fs.readdirSync(path)) {
      if (name.startsWith("lock")) fs.rmSync(join(path, name), { recursive: true });
    }
  }
});

borgTest("borg honours our locks and removes those of our dead processes", async () => {
  using folder = temporaryFolder();
  const hostId = borgPython<string>(HOST);
  const path = join(folder.path, "repo");
  /** borg looks at the clock after it has removed a dead process's lock: on a machine that stands still then, it gives up. */
  const may = (exclusive: boolean, timeout = 60) => borgPython<boolean>(TRY, { path, exclusive, timeout });
  await (await createRepository(testEnv(undefined, { hostId }), path)).close();
  for (const exclusive of [true, false]) {
    const options = { exclusive, lock: true, lockWaitSeconds: 0 };
    const store = await openRepository(testEnv(undefined, { hostId }), path, options);
    assert.equal(may(true, 0.3), false);
    assert.equal(may(false, exclusive ? 0.3 : 60), !exclusive);
    await store.close();
    assert.equal(may(true), true);
    // A process that ended without giving its lock back.
    await openRepository(testEnv(undefined, { hostId, pid: DEAD }), path, options);
    assert.equal(may(true), true);
    assert.deepEqual(fs.readdirSync(path).filter((name) => name.startsWith("lock")), []);
  }
});
