/** Which ids a far repository holds: how often that is asked, and what is remembered for the next session. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { asChunkId, type ChunkId, hexOfId, MANIFEST_ID, type Unpacked } from "../../../core/bytes/mod.ts";
import { RemoteStore } from "../../../core/rpc/client_store.ts";
import { RpcConnection } from "../../../core/rpc/connection.ts";
import type { RpcRequest } from "../../../core/rpc/frame.ts";
import { ServerVersion } from "../../../core/rpc/negotiate.ts";
import type { IdSet, IdSets } from "../../../core/rpc/remote_ids.ts";
import { MemoryWire, settled } from "../../fixtures/memory_wire.ts";

const id = (n: number): ChunkId => asChunkId(new Uint8Array(32).fill(n));
const MANIFEST = new Uint8Array([1, 2, 3]);
const digest = (data: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(data).digest());

class Ids implements IdSet {
  readonly all: Set<string>;
  constructor(ids: Iterable<string>) {
    this.all = new Set(ids);
  }
  get size(): number {
    return this.all.size;
  }
  has = (id: ChunkId): boolean => this.all.has(hexOfId(id));
  add = (id: ChunkId): void => void this.all.add(hexOfId(id));
  remove = (id: ChunkId): void => void this.all.delete(hexOfId(id));
  [Symbol.dispose](): void {}
}

/** Remembers what was saved last. */
class Memory implements IdSets {
  saved: { manifest: string; ids: string[] } | null = null;
  create = (): IdSet => new Ids([]);
  load(manifest: Uint8Array): IdSet | null {
    return this.saved?.manifest === `${manifest}` ? new Ids(this.saved.ids) : null;
  }
  save(manifest: Uint8Array, ids: IdSet): void {
    this.saved = { manifest: `${manifest}`, ids: [...(ids as Ids).all].sort() };
  }
  forget(): void {
    this.saved = null;
  }
}

/** A server that answers at the next turn of the event loop. */
class Server {
  readonly wire = new MemoryWire();
  readonly store: RemoteStore;
  /** Methods, a list for each time that the client fell silent. */
  readonly turns: string[][] = [];
  manifest = MANIFEST;

  constructor(readonly ids: Set<string>, memory: Memory) {
    const connection = new RpcConnection(this.wire, { location: "ssh://host/repo" });
    connection.dialect = "named";
    this.store = new RemoteStore({
      connection,
      version: new ServerVersion([1, 4, 5]),
      id: new Uint8Array(32),
      location: "ssh://host/repo",
      idSets: memory,
      closed() {},
    });
  }

  /** What `work` answers, while its requests are answered. */
  async serve<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const end = work.finally(() => done = true);
    end.catch(() => {});
    for (await settled(); !done || this.wire.requests.length > 0; await settled()) {
      const requests = this.wire.requests.splice(0);
      if (requests.length > 0) this.turns.push(requests.map(({ method }) => method));
      for (const request of requests) this.wire.answer(request.id, this.#answer(request));
    }
    return await end;
  }

  #answer({ method, args }: RpcRequest) {
    const named = args as ReadonlyMap<string, Unpacked>;
    const key = named.has("id") ? hexOfId(asChunkId(named.get("id") as Uint8Array)) : "";
    if (method === "__len__") return this.ids.size;
    if (method === "get") return this.manifest;
    if (method === "put") this.ids.add(key);
    if (method === "put" && key === hexOfId(MANIFEST_ID)) {
      this.manifest = named.get("data") as Uint8Array<ArrayBuffer>;
    }
    if (method === "delete") this.ids.delete(key);
    if (method !== "list") return null;
    return named.get("marker") === null
      ? [...this.ids].sort().map((text) =>
        Uint8Array.from(
          { length: 32 },
          (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16),
        )
      )
      : [];
  }
}

const start = (...numbers: number[]): Set<string> =>
  new Set([hexOfId(MANIFEST_ID), ...numbers.map((n) => hexOfId(id(n)))]);

async function writeManifest(server: Server, text: number): Promise<void> {
  await server.store.put(MANIFEST_ID, new Uint8Array([text]));
  await server.store.commit();
}

Deno.test("where nothing is remembered, number and list are asked for in one breath", async () => {
  const server = new Server(start(1, 2), new Memory());
  server.store.preloadIds();
  server.store.preloadIds();
  assert.equal(await server.serve(Promise.resolve(server.store.has(id(2)))), true);
  assert.deepEqual(server.turns, [["__len__", "list"]]);
  assert.equal(server.store.has(id(3)), false);
  await server.store.close();
});

Deno.test("what is remembered costs one question, and is given up where the number differs", async () => {
  const memory = new Memory();
  const ids = start(1, 2);
  const first = new Server(ids, memory);
  await first.serve((async () => {
    await first.store.get(MANIFEST_ID);
    await first.store.has(id(1));
    await writeManifest(first, 7);
  })());
  await first.store.close();
  assert.deepEqual(memory.saved?.ids, [...ids].sort());

  for (const stranger of [null, 9]) {
    if (stranger !== null) ids.add(hexOfId(id(stranger)));
    const next = new Server(ids, memory);
    next.manifest = new Uint8Array([7]);
    await next.serve((async () => {
      await next.store.get(MANIFEST_ID);
      assert.equal(await next.store.has(id(9)), stranger !== null);
    })());
    assert.deepEqual(next.turns, [["get"], ["__len__"], ...(stranger === null ? [] : [["list"]])]);
    await next.store.close();
  }
});

Deno.test("a session that only deletes keeps what is remembered up to date, and asks for nothing", async () => {
  const memory = new Memory();
  const ids = start(1, 2, 3);
  const backup = new Server(ids, memory);
  await backup.serve((async () => {
    await backup.store.get(MANIFEST_ID);
    await backup.store.has(id(1));
    await writeManifest(backup, 7);
  })());
  await backup.store.close();

  const prune = new Server(ids, memory);
  prune.manifest = new Uint8Array([7]);
  await prune.serve((async () => {
    await prune.store.get(MANIFEST_ID);
    await prune.store.deleteMany(id(2));
    await writeManifest(prune, 8);
  })());
  await prune.store.close();
  assert.deepEqual(prune.turns.flat(), ["get", "delete", "put", "commit"]);
  assert.deepEqual(memory.saved?.ids, [...start(1, 3)].sort());

  const next = new Server(ids, memory);
  next.manifest = new Uint8Array([8]);
  await next.serve((async () => {
    await next.store.get(MANIFEST_ID);
    assert.deepEqual([await next.store.has(id(2)), await next.store.has(id(3))], [false, true]);
  })());
  assert.deepEqual(next.turns, [["get"], ["__len__"]]);
  await next.store.close();
});

Deno.test("what is remembered is given up by who changes objects without the manifest, and by a repair", async () => {
  const memory = new Memory();
  const ids = start(1, 2);
  for (const repair of [false, true]) {
    memory.save(digest(MANIFEST), new Ids(ids));
    const server = new Server(new Set(ids), memory);
    await server.serve((async () => {
      if (repair) return void await server.store.check({ repair }).catch(() => {});
      // As many as before, under the same manifest.
      await server.store.delete(id(1));
      await server.store.put(id(3), MANIFEST);
      await server.store.commit();
    })());
    await server.store.close();
    assert.equal(memory.saved, null);
  }
});

Deno.test("what was not committed, or was rolled back, is not remembered", async () => {
  const memory = new Memory();
  const ids = start(1, 2);
  memory.save(digest(MANIFEST), new Ids(ids));
  const before = memory.saved;
  for (const rollback of [false, true]) {
    const server = new Server(new Set(ids), memory);
    await server.serve((async () => {
      await server.store.get(MANIFEST_ID);
      await server.store.deleteMany(id(1));
      if (rollback) await server.store.rollback();
    })());
    await server.store.close();
    assert.equal(memory.saved, before);
  }
});

Deno.test("a failure while ids are asked for ahead is told to who asks, and asked for again", async () => {
  const server = new Server(start(1), new Memory());
  server.store.preloadIds();
  await settled();
  for (const { id } of server.wire.requests.splice(0)) server.wire.fail(id, "PathNotAllowed", ["x"]);
  await settled(); // no unhandled rejection
  assert.equal(await server.serve(Promise.resolve(server.store.has(id(1)))), true);
  await server.store.close();
});
