import assert from "node:assert/strict";
import type { Unpacked } from "../../../core/bytes/mod.ts";
import { type ConnectionOptions, RpcConnection } from "../../../core/rpc/connection.ts";
import { AppError } from "../../../core/errors.ts";
import { MemoryWire, settled } from "../../fixtures/memory_wire.ts";

function connect(options: Partial<ConnectionOptions> = {}): { wire: MemoryWire; connection: RpcConnection } {
  const wire = new MemoryWire();
  const connection = new RpcConnection(wire, { location: "ssh://host/repo", ...options });
  connection.dialect = "named";
  return { wire, connection };
}

/** The error of a promise, as its code and arguments in one line. */
async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => assert.fail("no error"), (error) => error);
  assert.ok(error instanceof AppError, `${error}`);
  return [error.code, ...error.args].join(" | ");
}

function thrown(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof AppError);
    return error.code;
  }
  return "nothing";
}

const put = (connection: RpcConnection, n: number, tolerated: "Repository.ObjectNotFound" | null = null) =>
  connection.post("put", [["id", new Uint8Array(32).fill(n)], ["data", new Uint8Array(100)]], tolerated);

Deno.test("calls go out without waiting, together, and answers find theirs in any order", async () => {
  const { wire, connection } = connect();
  const asked = ["a", "b", "c", "d"].map((name) => connection.call("list", [["marker", name]]));
  assert.equal(connection.waiting, true);
  await settled();
  assert.equal(wire.writes.length, 1);
  assert.equal(connection.sentBytes, wire.writes[0]);
  assert.deepEqual(wire.requests.map((request) => request.id), [1, 2, 3, 4]);
  for (const id of [3, 1, 4, 2]) wire.answer(id, id * 10);
  assert.deepEqual(await Promise.all(asked), [10, 20, 30, 40]);
  assert.equal(connection.waiting, false);
  assert.ok(connection.heard >= 4 && connection.receivedBytes > 0);
  await connection.close();
});

Deno.test("what is asked while a write is under way goes out behind it, in one write", async () => {
  const { wire, connection } = connect();
  wire.stuck = true;
  const first = connection.call("first");
  await settled();
  const more = [connection.call("second"), connection.call("third")];
  await settled();
  assert.equal(wire.writes.length, 0);
  wire.release();
  await settled();
  assert.equal(wire.writes.length, 2);
  assert.deepEqual(wire.requests.map((request) => request.method), ["first", "second", "third"]);
  for (const id of [1, 2, 3]) wire.answer(id, null);
  await Promise.all([first, ...more]);
});

Deno.test("answers may arrive byte by byte, and many in one piece", async () => {
  const { wire, connection } = connect();
  const asked = [connection.call("a"), connection.call("b"), connection.call("c")];
  await settled();
  const other = new MemoryWire();
  other.answer(2, new Uint8Array(300).fill(7));
  other.answer(1, null);
  other.answer(3, [1, 2]);
  const bytes = [await other.read(), await other.read(), await other.read()]
    .flatMap((part) => [...part!]);
  for (const byte of bytes.slice(0, 310)) wire.say(Uint8Array.of(byte));
  wire.say(Uint8Array.from(bytes.slice(310)));
  assert.deepEqual(await Promise.all(asked), [null, new Uint8Array(300).fill(7), [1, 2]]);
});

Deno.test("a call's error is that call's alone, and names the location as the client knows it", async () => {
  const { wire, connection } = connect();
  const bad = connection.call("get");
  const good = connection.call("get");
  await settled();
  wire.fail(1, "ObjectNotFound", ["00ff", "/path/at/the/server"]);
  wire.answer(2, null);
  assert.equal(await failure(bad), "Repository.ObjectNotFound | 00ff | ssh://host/repo");
  assert.equal(await good, null);
});

Deno.test("a post's error ends everything until it is forgiven", async () => {
  const { wire, connection } = connect();
  assert.equal(put(connection, 1), undefined);
  assert.equal(put(connection, 2), undefined);
  const other = connection.call("other");
  await settled();
  wire.fail(1, "StorageQuotaExceeded", ["1", "2"]);
  wire.fail(2, "InsufficientFreeSpaceError", ["3", "4"]);
  await settled();
  // The first counts; what was asked before may still be answered.
  const code = "Repository.StorageQuotaExceeded";
  assert.equal(thrown(() => put(connection, 3)), code);
  assert.equal(await failure(connection.call("commit")), `${code} | 1 | 2`);
  assert.equal(await failure(connection.settle()), `${code} | 1 | 2`);
  assert.equal(await failure(connection.settle()), `${code} | 1 | 2`);
  wire.answer(3, "here");
  assert.deepEqual(await other, new TextEncoder().encode("here"));

  await connection.forgive();
  await connection.settle();
  put(connection, 4);
  await settled();
  const last = wire.requests.at(-1)!;
  assert.equal(last.id, 4, "what was refused never went out");
  wire.answer(4, null);
  await connection.settle();
});

Deno.test("the tolerated error of a post is none, another one is", async () => {
  const { wire, connection } = connect();
  put(connection, 1, "Repository.ObjectNotFound");
  await settled();
  wire.fail(1, "ObjectNotFound", ["00", "x"]);
  await connection.settle();
  put(connection, 2, "Repository.ObjectNotFound");
  await settled();
  wire.fail(2, "IntegrityError", ["bad"]);
  assert.equal(await failure(connection.settle()), "IntegrityError | bad");
});

Deno.test("settle and forgive wait for the answers to all posts, not for those to calls", async () => {
  const { wire, connection } = connect();
  connection.call("slow").catch(() => {});
  await settled();
  wire.next();
  for (const wait of [() => connection.settle(), () => connection.forgive()]) {
    put(connection, 1);
    put(connection, 2);
    let done = false;
    const waiting = wait().then(() => done = true);
    await settled();
    wire.answer(wire.next().id, null);
    await settled();
    assert.equal(done, false);
    wire.answer(wire.next().id, null);
    await waiting;
  }
  assert.equal(connection.waiting, true);
});

Deno.test("post asks for patience where too much waits to be sent, and only then", async () => {
  const { wire, connection } = connect({ uploadBufferBytes: 1000 });
  wire.stuck = true;
  assert.equal(put(connection, 0), undefined);
  await settled(); // under way: does not wait any more
  const waits: (void | Promise<void>)[] = [];
  for (let n = 1; n < 9; n++) waits.push(put(connection, n));
  const patience = waits.filter((wait) => wait !== undefined);
  assert.ok(waits[0] === undefined && patience.length > 0 && patience.length < waits.length);
  let relieved = 0;
  for (const wait of patience) wait.then(() => relieved++);
  await settled();
  assert.equal(relieved, 0);
  wire.release();
  await settled();
  assert.equal(relieved, patience.length);
  for (const { id } of wire.requests) wire.answer(id, null);
  await connection.settle();
});

Deno.test("post asks for patience where very many answers are outstanding", async () => {
  const { wire, connection } = connect();
  let wait: void | Promise<void> = undefined;
  let posts = 0;
  while (wait === undefined) {
    wait = connection.post("delete", []);
    posts++;
    assert.ok(posts < 100_000);
  }
  let relieved = false;
  wait.then(() => relieved = true);
  await settled();
  assert.equal(wire.requests.length, posts, "all of it was sent");
  assert.equal(relieved, false);
  wire.answer(wire.next().id, null);
  await wait;
});

Deno.test("patience ends with the connection", async () => {
  const { wire, connection } = connect({ uploadBufferBytes: 10 });
  wire.stuck = true;
  put(connection, 0);
  await settled();
  const wait = put(connection, 1);
  assert.ok(wait);
  wire.hangUp();
  await wait;
  assert.equal(await failure(connection.settle()), "ConnectionClosed");
});

Deno.test("the end of a server in the middle of things fails what is outstanding, and all that follows", async () => {
  for (
    const [why, expected] of [["", "ConnectionClosed"], ["gone", "ConnectionClosedWithHint | gone"]] as const
  ) {
    const { wire, connection } = connect({ explainEnd: () => Promise.resolve(why) });
    const asked = [connection.call("a"), connection.call("b")];
    put(connection, 1);
    await settled();
    wire.hangUp();
    for (const call of asked) assert.equal(await failure(call), expected);
    assert.equal(await failure(connection.call("c")), expected);
    assert.equal(await failure(connection.settle()), expected);
    assert.equal(thrown(() => put(connection, 2)), expected.split(" ")[0]);
    await connection.forgive();
    assert.equal(await failure(connection.call("rollback")), expected, "there is nothing to forgive");
    assert.equal(connection.waiting, false);
    await connection.close();
  }
});

Deno.test("an end in the middle of an answer is an end", async () => {
  const { wire, connection } = connect();
  const call = connection.call("get");
  await settled();
  wire.say(Uint8Array.of(0x82, 0xa1, 0x69, 0x01));
  wire.hangUp();
  assert.equal(await failure(call), "ConnectionClosed");
});

Deno.test("a write that breaks is explained by the reading end where that knows why", async () => {
  const { wire, connection } = connect({ explainEnd: () => Promise.resolve("no space on the server") });
  wire.broken = new Error("EPIPE");
  const call = connection.call("get");
  await settled();
  wire.hangUp();
  assert.equal(await failure(call), "ConnectionClosedWithHint | no space on the server");
  await connection.close();
});

Deno.test("a write that breaks while the server says nothing is a broken connection", async () => {
  const { wire, connection } = connect();
  wire.broken = new Error("EPIPE");
  const call = connection.call("get");
  put(connection, 1);
  assert.equal(await failure(call), "ConnectionBrokenWithHint | Broken Pipe");
  assert.equal(await failure(connection.settle()), "ConnectionBrokenWithHint | Broken Pipe");
  await connection.close();
});

Deno.test("a read that fails is the error of all calls, and the transport is closed", async () => {
  const { wire, connection } = connect();
  const call = connection.call("get");
  await settled();
  wire.breakReading(new AppError("Error", ["the pipe burst"]));
  assert.equal(await failure(call), "Error | the pipe burst");
  await settled();
  assert.equal(wire.closes, 1);
});

Deno.test("what is no answer, or one that nobody asked for, ends the connection", async () => {
  const text = (value: string) => new TextEncoder().encode(value);
  const cases: [Uint8Array, string][] = [
    [text("Welcome\x1b[31m to\nmy server!\n"), "Welcome?[31m to my server!"],
    [Uint8Array.of(0xc1, 0xff, 0x00), "c1 ff 00"],
    [Uint8Array.of(0x93, 1, 2, 3), "93 01 02 03"],
    [Uint8Array.of(0x82, 0xa1, 0x69, 0x09, 0xa1, 0x72, 0xc0), "an answer that nobody asked for (9)"],
  ];
  for (const [bytes, expected] of cases) {
    const { wire, connection } = connect();
    const call = connection.call("negotiate");
    await settled();
    wire.say(bytes);
    assert.equal(await failure(call), `UnexpectedRPCDataFormatFromServer | ${expected}`);
    await settled();
    assert.equal(wire.closes, 1);
    await connection.close();
  }
});

Deno.test("an answer that comes twice ends the connection", async () => {
  const { wire, connection } = connect();
  put(connection, 1);
  await settled();
  wire.answer(1, null);
  wire.answer(1, null);
  await settled();
  assert.match(await failure(connection.call("commit")), /^UnexpectedRPC.* nobody asked for \(1\)$/);
});

Deno.test("close gives up what was not sent, closes, and hears the server out", async () => {
  const { wire, connection } = connect({ explainEnd: () => assert.fail("nobody asks why") });
  wire.stuck = true;
  put(connection, 1);
  await settled(); // under way
  const late = failure(connection.call("rollback"));
  await connection.close();
  wire.release();
  await settled();
  assert.deepEqual(wire.requests.map((request) => request.method), ["put"]);
  assert.ok(wire.closes > 0);
  assert.equal(await late, "ConnectionClosed");
  assert.equal(await failure(connection.call("again")), "ConnectionClosed");
  await connection.close();
});

Deno.test("the old dialect sends as many arguments as a method had, by position", async () => {
  const { wire, connection } = connect();
  connection.dialect = "positional";
  const seven = [..."abcdefg"].map((name) => [name, name] as const);
  const cases: [string, number][] = [["open", 6], ["commit", 1], ["put", 2], ["get", 1], ["load_key", 0], [
    "list",
    2,
  ]];
  for (const [method] of cases) connection.call(method, seven).catch(() => {});
  await settled();
  for (const [method, count] of cases) {
    const request = wire.next();
    assert.equal(request.dialect, "positional");
    assert.equal(request.method, method);
    const args = (request.args as Unpacked[]).map((arg) => new TextDecoder().decode(arg as Uint8Array));
    assert.equal(args.join(""), "abcdefg".slice(0, count));
  }
  await connection.close();
});
