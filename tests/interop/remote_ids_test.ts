/** What a client believes of the objects at a server, after something went wrong there: an object that is believed to be there and is not is lost. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { createHash } from "node:crypto";
import { MANIFEST_ID } from "../../core/bytes/mod.ts";
import { AppError } from "../../core/errors.ts";
import { KnownIds } from "../../core/local/mod.ts";
import { openFiles } from "../../core/platform/mod.ts";
import { borgTest } from "../fixtures/borg.ts";
import { openServedStore } from "../fixtures/remote_store.ts";
import { dataOf, idOf, temporaryFolder } from "../fixtures/store_env.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const ALCOVE_SERVE = [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", MAIN, "serve"];
const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected;

/** A repository with a manifest and object 1. */
async function repository(command: readonly string[]) {
  const folder = temporaryFolder();
  const server = { command, path: `${folder.path}/repo`, cache: `${folder.path}/home` };
  const store = await openServedStore({ ...server, create: true });
  await store.put(MANIFEST_ID, dataOf(0, 50));
  await store.put(idOf(1), dataOf(1, 50));
  await store.commit();
  await store.close();
  return { ...server, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

borgTest("RemoteStore forgets what a commit that failed would have stored", async () => {
  for (const command of [["borg", "serve"], ALCOVE_SERVE]) {
    using server = await repository(command);
    const config = `${server.path}/config`;
    const normal = fs.readFileSync(config, "utf8");
    fs.writeFileSync(config, normal.replace(/additional_free_space = .*/, "additional_free_space = 900T"));
    const store = await openServedStore(server);
    assert.equal(await store.has(idOf(2)), false);
    await store.put(idOf(2), dataOf(2, 50));
    assert.equal(await store.has(idOf(2)), true);
    await assert.rejects(store.commit(), code("Repository.InsufficientFreeSpaceError"));
    assert.equal(await store.has(idOf(2)), false);
    assert.equal(await store.has(idOf(1)), true);
    await store.close();
    fs.writeFileSync(config, normal);
    const again = await openServedStore(server);
    assert.equal(await again.has(idOf(2)), false);
    await again.close();
  }
});

borgTest("RemoteStore asks anew which objects there are after a repair", async () => {
  for (const command of [["borg", "serve"], ALCOVE_SERVE]) {
    using server = await repository(command);
    const store = await openServedStore(server);
    const manifest = await store.get(MANIFEST_ID);
    // As many as there are, and not the same.
    const known = new KnownIds(openFiles(), `${server.cache}/ids`);
    using ids = known.create(2);
    ids.add(MANIFEST_ID);
    ids.add(idOf(3));
    known.save(new Uint8Array(createHash("sha256").update(manifest).digest()), ids);
    assert.deepEqual(await store.check({ repair: true }), { ok: true });
    assert.deepEqual(await store.get(MANIFEST_ID), manifest);
    assert.equal(await store.has(idOf(3)), false);
    assert.equal(await store.has(idOf(1)), true);
    await store.close();
  }
});

borgTest("RemoteStore gives out nothing that it read ahead before it changed", async () => {
  for (const command of [["borg", "serve"], ALCOVE_SERVE]) {
    using server = await repository(command);
    const store = await openServedStore(server);
    store.preload([idOf(1), idOf(1), idOf(1)]);
    await store.put(idOf(1), dataOf(2, 50));
    assert.deepEqual(await store.get(idOf(1)), dataOf(2, 50));
    store.preload([idOf(1), idOf(1)]);
    await store.put(idOf(1), dataOf(3, 50));
    assert.deepEqual(await store.get(idOf(1)), dataOf(3, 50));
    store.preload([idOf(1)]);
    await store.rollback();
    assert.deepEqual(await store.get(idOf(1)), dataOf(1, 50));
    await store.close();
  }
});
