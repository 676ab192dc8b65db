import assert from "node:assert/strict";
import type { Packable, Unpacked, UnpackedMap } from "../../../core/bytes/mod.ts";
import type { RemoteStore } from "../../../core/rpc/client_store.ts";
import type { IdSets } from "../../../core/rpc/remote_ids.ts";
import { RpcConnection } from "../../../core/rpc/connection.ts";
import { negotiate, openRemote, type OpenRemoteOptions, ServerVersion } from "../../../core/rpc/negotiate.ts";
import { AppError } from "../../../core/errors.ts";
import { MemoryWire, settled } from "../../fixtures/memory_wire.ts";

const ID = new Uint8Array(32).fill(9);
const OPTIONS: OpenRemoteOptions = {
  path: "/repo",
  location: "ssh://host/repo",
  exclusive: true,
  lock: true,
  lockWaitSeconds: 3,
  clientVersion: [1, 4, 5],
  idSets: () => ({ create: () => assert.fail(), load: () => null, save() {}, forget() {} }) as IdSets,
};

const utf8 = new TextDecoder();
const plain = (value: Unpacked | undefined): unknown =>
  value instanceof Uint8Array ? utf8.decode(value) : value;
const named = (args: unknown): Record<string, unknown> =>
  Object.fromEntries([...args as Map<string, Unpacked>].map(([name, value]) => [name, plain(value)]));

function connect(): { wire: MemoryWire; connection: RpcConnection } {
  const wire = new MemoryWire();
  return { wire, connection: new RpcConnection(wire, { location: OPTIONS.location }) };
}

const modern = (...numbers: number[]): Packable => new Map([["server_version", [...numbers, -1]]]);

/** Begins to open, and answers the negotiation as a server before 1.1 does, or with a version. */
async function open(
  version: 2 | number[],
  options: Partial<OpenRemoteOptions> = {},
): Promise<{ wire: MemoryWire; opening: Promise<RemoteStore> }> {
  const { wire, connection } = connect();
  const opening = openRemote(connection, { ...OPTIONS, ...options });
  opening.catch(() => {});
  await settled();
  const request = wire.next();
  assert.equal(request.method, "negotiate");
  if (version === 2) wire.answerOld(request.id, 2);
  else wire.answerOld(request.id, modern(...version));
  await settled();
  return { wire, opening };
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(() => "no error", (error) => error instanceof AppError ? error.message : `${error}`);

Deno.test("the first word is in the old dialect, and says who we are", async () => {
  const { wire, connection } = connect();
  const agreed = negotiate(connection, [1, 4, 5]);
  await settled();
  const request = wire.next();
  assert.equal(request.dialect, "positional");
  const [data] = request.args as UnpackedMap[];
  assert.deepEqual(data!.get("client_version"), [1, 4, 5, -1]);
  wire.answerOld(request.id, modern(1, 2, 4));
  assert.equal((await agreed).text, "1.2.4");
  assert.equal(connection.dialect, "named");
});

Deno.test("a server before 1.1 answers the number of its protocol, and is spoken to in its dialect", async () => {
  const { wire, connection } = connect();
  const agreed = negotiate(connection, [1, 4, 5]);
  await settled();
  wire.answerOld(wire.next().id, 2);
  assert.equal((await agreed).text, "1.0.8");
  assert.equal(connection.dialect, "positional");
});

Deno.test("an answer to negotiate that makes no sense is told", async () => {
  for (
    const answer of [null, 1, 3, "2", [1, 2], new Map(), new Map([["server_version", "1.2"]])] as Packable[]
  ) {
    const { wire, connection } = connect();
    const agreed = negotiate(connection, [1, 4, 5]);
    await settled();
    wire.answerOld(wire.next().id, answer);
    assert.match(await codeOf(agreed), /negotiate that makes no sense/);
  }
});

Deno.test("ServerVersion compares number by number", () => {
  const version = new ServerVersion([1, 2, 4, -1]);
  for (const less of [[1], [1, 2], [1, 2, 4], [1, 2, 3], [1, 1, 99], [0, 9, 9]]) {
    assert.equal(version.atLeast(...less), true, `${less}`);
  }
  for (const more of [[2], [1, 3], [1, 2, 5], [1, 10, 0]]) {
    assert.equal(version.atLeast(...more), false, `${more}`);
  }
  assert.equal(new ServerVersion([1]).atLeast(1, 0, 0), true);
  version.require("something", 1, 2, 4);
  assert.throws(() => version.require("something", 1, 2, 5), {
    code: "RemoteRepository.RPCServerOutdated",
    args: ["something", "1.2.5"],
  });
});

Deno.test("open names all arguments, and asks for manifest, key and nonce in the same breath", async () => {
  const { wire, opening } = await open([1, 2, 4]);
  const request = wire.next();
  assert.equal(request.method, "open");
  assert.deepEqual(named(request.args), {
    path: "/repo",
    create: false,
    lock_wait: 3,
    lock: true,
    exclusive: true,
    append_only: false,
    make_parent_dirs: false,
  });
  assert.deepEqual(wire.requests.map(({ method }) => method), ["get", "load_key", "get_free_nonce"]);
  wire.answer(request.id, ID);
  const store = await opening;
  assert.deepEqual(store.id, ID);
  assert.equal(store.serverVersion, "1.2.4");
  await store.close();
});

Deno.test("who does not write does not ask for the nonce", async () => {
  const { wire, opening } = await open([1, 2, 4], { exclusive: false });
  const request = wire.next();
  assert.deepEqual(wire.requests.map(({ method }) => method), ["get", "load_key"]);
  wire.answer(request.id, ID);
  await (await opening).close();
});

Deno.test("what was asked on suspicion fails nobody who does not need it", async () => {
  const { wire, opening } = await open([1, 2, 4]);
  const request = wire.next();
  for (const { id } of wire.requests) wire.fail(id, "ObjectNotFound", ["00", "x"]);
  await settled(); // no unhandled rejection
  wire.answer(request.id, ID);
  const store = await opening;
  assert.match(await codeOf(store.loadKey()), /./);
  await store.close();
});

Deno.test("create asks for nothing on suspicion, and waits for ever if told so", async () => {
  const { wire, opening } = await open([1, 4, 5], {
    create: true,
    appendOnly: true,
    makeParentDirs: true,
    lockWaitSeconds: Infinity,
  });
  const request = wire.next();
  assert.deepEqual(wire.requests, []);
  const { create, append_only, make_parent_dirs, lock_wait } = named(request.args);
  assert.deepEqual([create, append_only, make_parent_dirs, lock_wait], [true, true, true, null]);
  wire.answer(request.id, ID);
  await (await opening).close();
});

Deno.test("the old dialect's open has six arguments, and nothing is asked for on suspicion", async () => {
  const { wire, opening } = await open(2);
  const request = wire.next();
  assert.deepEqual((request.args as Unpacked[]).map(plain), ["/repo", false, 3, true, true, false]);
  assert.deepEqual(wire.requests, []);
  wire.answerOld(request.id, ID);
  const store = await opening;
  assert.equal(store.serverVersion, "1.0.8");
  await store.close();
});

Deno.test("a server before 1.0.7 takes four, which its TypeError tells", async () => {
  const { wire, opening } = await open(2);
  wire.failOld(wire.next().id, "TypeError");
  await settled();
  const request = wire.next();
  assert.deepEqual((request.args as Unpacked[]).map(plain), ["/repo", false, 3, true]);
  wire.answerOld(request.id, ID);
  const store = await opening;
  assert.equal(store.serverVersion, "1.0.6");
  await store.close();
});

Deno.test("other errors of open are passed on, and a TypeError of a new server too", async () => {
  const old = await open(2);
  old.wire.failOld(old.wire.next().id, "LockTimeout");
  assert.match(await codeOf(old.opening), /lock/i);
  const recent = await open([1, 1, 0]);
  recent.wire.fail(recent.wire.next().id, "TypeError");
  assert.match(await codeOf(recent.opening), /TypeError/);
  assert.equal(recent.wire.requests.filter(({ method }) => method === "open").length, 0);
});

Deno.test("an id that is none is told", async () => {
  for (const answer of [null, "short", new Uint8Array(31), [ID]] as Packable[]) {
    const { wire, opening } = await open([1, 2, 4]);
    wire.answer(wire.next().id, answer);
    assert.match(await codeOf(opening), /open that makes no sense/);
  }
});

Deno.test("what an old server cannot do is refused, and nothing is made", async () => {
  const parents = await open([1, 1, 8], { create: true, makeParentDirs: true });
  assert.match(await codeOf(parents.opening), /make_parent_dirs.* 1\.1\.9/);
  assert.deepEqual(parents.wire.requests, []);
  const oldParents = await open(2, { create: true, makeParentDirs: true });
  assert.match(await codeOf(oldParents.opening), /make_parent_dirs/);
  // Whether the server is that old shows only when it is asked.
  const appendOnly = await open(2, { create: true, appendOnly: true });
  appendOnly.wire.failOld(appendOnly.wire.next().id, "TypeError");
  assert.match(await codeOf(appendOnly.opening), /append_only.* 1\.0\.7/);
  assert.deepEqual(appendOnly.wire.requests, [], "no repository without it");
});
