/** The server's loop over a transport in memory: order, cutting, memory, and what is left when it ends. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes, type Packable, type Unpacked, type UnpackedMap } from "../../../core/bytes/mod.ts";
import { AppError, OsError } from "../../../core/errors.ts";
import type { ReportEvent } from "../../../core/report.ts";
import { FrameReader } from "../../../core/rpc/frame.ts";
import { type OpenRequest, serve, type ServerHost, type Transport } from "../../../core/rpc/mod.ts";
import { MemStore } from "../../../core/store/mod.ts";
import { ServeReporter } from "../../../cli/report_serve.ts";
import { namedCall, positionalCall } from "../../fixtures/serve_peer.ts";
import { idOf } from "../../fixtures/store_env.ts";

class Pipe implements Transport {
  readonly written: Uint8Array[] = [];
  #reads: Uint8Array[];

  constructor(reads: readonly Uint8Array[]) {
    this.#reads = [...reads];
  }

  read(): Promise<Uint8Array | null> {
    return Promise.resolve(this.#reads.shift() ?? null);
  }

  write(bytes: Uint8Array): Promise<void> {
    this.written.push(bytes.slice());
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  answers(): Unpacked[] {
    const reader = new FrameReader();
    reader.push(concatBytes(...this.written));
    const answers: Unpacked[] = [];
    for (let next = reader.next(); next !== undefined; next = reader.next()) answers.push(next);
    return answers;
  }
}

class WatchedStore extends MemStore {
  gets = 0;
  closed = 0;

  override get(id: Parameters<MemStore["get"]>[0]): Uint8Array {
    this.gets++;
    return super.get(id);
  }

  override close(): void {
    this.closed++;
    super.close();
  }
}

/** What arrives is put where the server wants it, and what it writes leaves one turn of the event loop later. */
class SlowPipe extends Pipe {
  writing = false;
  #rest = new Uint8Array(0);

  async readInto(into: Uint8Array): Promise<number> {
    if (this.#rest.length === 0) this.#rest = (await this.read() ?? this.#rest).slice();
    const part = this.#rest.subarray(0, into.length);
    into.set(part);
    this.#rest = this.#rest.subarray(part.length);
    return part.length;
  }

  override async write(bytes: Uint8Array): Promise<void> {
    assert.equal(this.writing, false, "two writes at a time");
    this.writing = true;
    const before = bytes.slice();
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.deepEqual(bytes, before, "the bytes changed while they were written");
    this.writing = false;
    await super.write(bytes);
  }
}

interface TestHost extends ServerHost {
  readonly store: WatchedStore;
  readonly opened: (OpenRequest & { path: string })[];
  readonly events: ReportEvent[];
}

function testHost(changes: Partial<ServerHost> = {}): TestHost {
  const store = new WatchedStore();
  const events: ReportEvent[] = [];
  const opened: (OpenRequest & { path: string })[] = [];
  return {
    store,
    events,
    opened,
    version: [1, 4, 5],
    reporter: { progress: true, fileStatus: false, emit: (event) => void events.push(event), warn() {} },
    paths: { cwd: "/cwd", home: "/home/me", homeOf: () => null, readLink: () => null },
    restrictions: { paths: [], repositories: [] },
    appendOnly: false,
    open(path, request) {
      opened.push({ path, ...request });
      return Promise.resolve(store);
    },
    breakLock() {},
    compacted() {},
    systemInformation: () => "",
    useJson() {},
    ...changes,
  };
}

const open = (id: number, args: Record<string, Packable> = {}): Uint8Array =>
  namedCall(id, "open", { path: "repo", ...args });

Deno.test("serve() answers the same for every cut of what arrives", async () => {
  const conversation = concatBytes(
    namedCall(1, "negotiate", { client_data: new Map([["client_version", [1, 2, 0, -1]]]) }),
    open(2),
    namedCall(3, "put", { id: idOf(1), data: new Uint8Array(300).fill(7) }),
    positionalCall(4, "get", [idOf(1)]),
    namedCall(5, "get", { id: idOf(2) }),
    namedCall(6, "list", { limit: 5 }),
    positionalCall(7, "commit", [false]),
    namedCall(2 ** 40, "__len__", {}),
  );
  const whole = new Pipe([conversation]);
  await serve(whole, testHost());
  assert.equal(whole.answers().length, 8);
  for (let at = 1; at < conversation.length; at++) {
    const pipe = new Pipe([conversation.subarray(0, at), conversation.subarray(at)]);
    await serve(pipe, testHost());
    assert.deepEqual(concatBytes(...pipe.written), concatBytes(...whole.written));
  }
  const bytes = Array.from(conversation, (_, i) => conversation.subarray(i, i + 1));
  const slow = new Pipe(bytes);
  await serve(slow, testHost());
  assert.deepEqual(concatBytes(...slow.written), concatBytes(...whole.written));
});

Deno.test("serve() fetches no more than the client takes", async () => {
  const host = testHost();
  host.store.put(idOf(1), new Uint8Array(100_000));
  const calls = Array.from({ length: 50 }, (_, i) => namedCall(i, "get", { id: idOf(1) }));
  const pipe = new Pipe([concatBytes(open(99), ...calls)]);
  let taken = 0;
  let atMost = 0;
  pipe.write = async (bytes) => {
    atMost = Math.max(atMost, host.store.gets - taken);
    // The client is slow.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    taken += Math.round(bytes.length / 100_000);
  };
  await serve(pipe, host);
  assert.equal(taken, 50);
  assert.equal(atMost, 1);
});

Deno.test("serve() sends many small answers together, and none late", async () => {
  const puts = Array.from(
    { length: 1000 },
    (_, i) => namedCall(i, "put", { id: idOf(i), data: new Uint8Array(9) }),
  );
  const pipe = new Pipe([open(1), concatBytes(...puts), namedCall(1, "commit", {})]);
  await serve(pipe, testHost());
  assert.equal(pipe.written.length, 3);
  // What takes long does not keep earlier answers waiting.
  const mixed = new Pipe([concatBytes(open(1), puts[0]!, namedCall(2, "check", {}), puts[1]!)]);
  const host = testHost();
  let before = 0;
  host.store.check = () => {
    before = mixed.answers().length;
    return { ok: true };
  };
  await serve(mixed, host);
  assert.equal(before, 2);
  assert.equal(mixed.answers().length, 4);
});

Deno.test("serve() closes the store however it ends", async () => {
  const put = namedCall(2, "put", { id: idOf(1), data: new Uint8Array(5) });
  const end = testHost();
  assert.deepEqual(await serve(new Pipe([open(1), put]), end), { asked: true });
  assert.deepEqual([end.store.closed, end.store.count()], [1, 0]);
  assert.deepEqual(await serve(new Pipe([]), testHost()), { asked: false });

  const garbage = testHost();
  await assert.rejects(
    serve(new Pipe([open(1), put, new Uint8Array([0xc1])]), garbage),
    (error) => error instanceof AppError && error.code === "UnexpectedRPCDataFormatFromClient",
  );
  assert.equal(garbage.store.closed, 1);

  const deaf = testHost();
  const pipe = new Pipe([open(1), put]);
  const broken = new OsError("EPIPE", "write", "standard output");
  pipe.write = () => Promise.reject(broken);
  await assert.rejects(serve(pipe, deaf), (error) => error === broken);
  assert.equal(deaf.store.closed, 1);

  // Who opens another repository lets go of the first.
  const twice = testHost();
  await serve(new Pipe([open(1), open(2)]), twice);
  assert.equal(twice.store.closed, 2);
});

Deno.test("serve() answers, or ends with an error of the protocol, whatever it is sent", async () => {
  const conversation = concatBytes(
    namedCall(1, "negotiate", { client_data: new Map([["client_version", [1, 2, 0, -1]]]) }),
    open(2, { lock_wait: 1, exclusive: true }),
    namedCall(3, "put", { id: idOf(1), data: new Uint8Array(40).fill(7) }),
    positionalCall(4, "get", [idOf(1)]),
    positionalCall(5, "commit_nonce_reservation", [7, null]),
    namedCall(6, "list", { limit: 5, marker: null }),
    namedCall(7, "commit", { compact: true, threshold: 0.1 }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(conversation.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      async (changes) => {
        const bytes = conversation.slice();
        for (const [at, value] of changes) bytes[at] = value;
        const host = testHost();
        const pipe = new Pipe([bytes]);
        try {
          await serve(pipe, host);
        } catch (error) {
          assert.ok(
            error instanceof AppError && error.code === "UnexpectedRPCDataFormatFromClient",
            String(error),
          );
        }
        assert.equal(host.store.closed, host.opened.length);
        for (const answer of pipe.answers() as UnpackedMap[]) {
          const trace = answer instanceof Map ? answer.get("exception_trace") : false;
          // No call comes so far that a bug of ours answers it.
          assert.notEqual(trace, true, new TextDecoder().decode(pipe.written.at(-1)));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("serve() fills in what clients leave out as borg does", async () => {
  const host = testHost({ appendOnly: true });
  await serve(
    new Pipe([
      open(1),
      open(2, { create: true, append_only: false, lock_wait: 5, make_parent_dirs: true }),
      open(3, { create: true, append_only: true, exclusive: null, lock: false }),
      positionalCall(4, "open", ["repo", false, 1, true]),
      positionalCall(5, "open", ["/~/x", false, null, true, true, false]),
    ]),
    host,
  );
  const usual = { path: "/cwd/repo", exclusive: false, lock: true, makeParentDirs: false };
  assert.deepEqual(host.opened, [
    { ...usual, create: false, lockWaitSeconds: Infinity, appendOnly: true },
    { ...usual, create: true, lockWaitSeconds: 5, appendOnly: false, makeParentDirs: true },
    { ...usual, create: true, lockWaitSeconds: Infinity, appendOnly: true, lock: false },
    { ...usual, create: false, lockWaitSeconds: 1, appendOnly: true },
    {
      ...usual,
      path: "/home/me/x",
      create: false,
      lockWaitSeconds: Infinity,
      appendOnly: true,
      exclusive: true,
    },
  ]);
});

Deno.test("serve() compacts with a commit unless it is told not to", async () => {
  const compactions: unknown[] = [];
  const host = testHost();
  host.store.compact = (options?: unknown) => {
    compactions.push(options);
    return { freedBytes: 0 };
  };
  await serve(
    new Pipe([
      open(1),
      namedCall(2, "commit", { save_space: true }),
      namedCall(3, "commit", { compact: false }),
      namedCall(4, "commit", { compact: true, threshold: 0.07, cleanup_commits: true }),
      positionalCall(5, "commit", [false]),
    ]),
    host,
  );
  assert.deepEqual(compactions, [
    { thresholdPercent: 10, cleanupCommits: false },
    { thresholdPercent: 7, cleanupCommits: true },
    { thresholdPercent: 10, cleanupCommits: false },
  ]);
});

Deno.test("serve() explains to old clients in the log what it tells new ones in the answer", async () => {
  const host = testHost();
  const pipe = new Pipe([
    open(1),
    positionalCall(2, "get", [idOf(5)]),
    namedCall(3, "get", { id: idOf(5) }),
    positionalCall(4, "nonsense", []),
  ]);
  host.store.delete = () => {
    throw new TypeError("a bug");
  };
  await serve(pipe, host);
  const levels = host.events.flatMap((event) => event.type === "log_message" ? [event.levelname] : []);
  assert.deepEqual(levels.filter((level) => level === "ERROR").length, 2);
  const [, old, named] = pipe.answers() as [Unpacked, Unpacked[], UnpackedMap];
  assert.equal(new TextDecoder().decode(old[2] as Uint8Array), "ObjectNotFound");
  assert.deepEqual([...named.keys()], [
    "i",
    "exception_class",
    "exception_args",
    "exception_full",
    "exception_short",
    "exception_trace",
    "sysinfo",
  ]);
  assert.equal(named.get("exception_trace"), false);
});

Deno.test("ServeReporter writes the lines that old clients, and new ones, take apart", () => {
  const lines: string[] = [];
  const reporter = new ServeReporter((text) => void lines.push(text), {
    level: "INFO",
    progress: true,
    fileStatus: null,
    iec: false,
  });
  const progress = {
    type: "progress_percent",
    operation: 1,
    msgid: "x",
    finished: false,
    message: "5%",
  } as const;
  const message = { type: "log_message", levelname: "INFO", name: "alcove", message: "hell\udcf6" } as const;
  reporter.emit(message);
  reporter.emit({ ...message, levelname: "DEBUG" });
  reporter.emit(progress);
  reporter.emit({ ...progress, finished: true, message: "" });
  reporter.useJson(() => 5);
  reporter.emit(message);
  reporter.emit(progress);
  assert.deepEqual(lines.slice(0, 2), [
    "$LOG INFO alcove Remote: hell?\n",
    "$LOG INFO borg.output.progress Remote: 5%\r",
  ]);
  assert.deepEqual(lines.slice(2).map((line) => JSON.parse(line)), [
    { ...message, time: 5 },
    { ...progress, info: null, time: 5 },
  ]);
  for (const line of lines) assert.ok(line.isWellFormed());
});

Deno.test("serve() writes answers while it works on the next ones, in their order and one write at a time", async () => {
  const sizes = [10, 70_000, 200_000, 5, 100_000, 10_000_000, 90_000];
  const put = sizes.map((size, i) =>
    namedCall(2 + i, "put", { id: idOf(i), data: new Uint8Array(size).fill(i) })
  );
  const get = sizes.map((_, i) => namedCall(20 + i, "get", { id: idOf(i) }));
  const conversation = [open(1), ...put, concatBytes(...get, ...get)];
  const slow = new SlowPipe(conversation);
  await serve(slow, testHost());
  assert.equal(slow.writing, false);
  const quick = new Pipe(conversation);
  await serve(quick, testHost());
  assert.deepEqual(concatBytes(...slow.written), concatBytes(...quick.written));
  assert.equal(slow.answers().length, 1 + 3 * sizes.length);
});

Deno.test("serve() throws what a write met that it did not wait for", async () => {
  class BrokenPipe extends SlowPipe {
    override async write(bytes: Uint8Array): Promise<void> {
      await super.write(bytes);
      throw new OsError("EPIPE", "write", "standard output");
    }
  }
  const host = testHost();
  await assert.rejects(serve(new BrokenPipe([open(1)]), host), { code: "EPIPE" });
  assert.equal(host.store.closed, 1);
});
