/** The answers of `serve`, held against those of borg's server to the same bytes; and how a conversation ends. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { encodeMsgpack, type Packable, type Unpacked, type UnpackedMap } from "../../core/bytes/mod.ts";
import { BORG_VERSION } from "../../cli/version.ts";
import { FrameReader } from "../../core/rpc/frame.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest, borgVersion } from "../fixtures/borg.ts";
import { breakCopies } from "../fixtures/broken_repositories.ts";
import {
  ALCOVE_SERVE,
  BORG_SERVE,
  errorOf,
  namedCall,
  type PeerEnd,
  positionalCall,
  ServePeer,
} from "../fixtures/serve_peer.ts";
import { idOf } from "../fixtures/store_env.ts";

type Call = [method: string, args: Record<string, Packable>];

/** Sends all at once to a server over a copy of the repository, and takes all that it says. */
async function converse(
  program: readonly string[],
  place: Workplace,
  messages: Uint8Array[],
  args: string[] = [],
): Promise<PeerEnd> {
  const cwd = join(place.path, "serving");
  fs.rmSync(cwd, { recursive: true, force: true });
  fs.cpSync(join(place.path, "origin"), cwd, { recursive: true });
  const peer = new ServePeer(program, { cwd, args });
  for (const message of messages) await peer.send(message);
  return await peer.end();
}

function origin(place: Workplace): void {
  fs.mkdirSync(join(place.path, "origin"));
  place.borg(["init", "-e", "none", "origin/repo"]);
}

function messagesOf(bytes: Uint8Array): Unpacked[] {
  const reader = new FrameReader();
  reader.push(bytes);
  const messages: Unpacked[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next);
  assert.equal(reader.pending, 0);
  return messages;
}

const data = (n: number, length: number): Uint8Array => new Uint8Array(length).fill(n);

borgTest(
  "serve answers with the bytes of borg's server, to new clients and to those before 1.1",
  async () => {
    using place = workplace();
    origin(place);
    const key = data(0x6b, 40);
    const calls: Call[] = [
      ["open", {
        path: "repo",
        create: false,
        lock_wait: 1,
        lock: true,
        exclusive: true,
        append_only: false,
      }],
      ["__len__", {}],
      ["load_key", {}],
      ["save_key", { keydata: key }],
      ["load_key", {}],
      ["get_free_nonce", {}],
      ["commit_nonce_reservation", { next_unreserved: 1000, start_nonce: null }],
      ["get_free_nonce", {}],
      ["commit_nonce_reservation", { next_unreserved: 2n ** 64n - 1n, start_nonce: 1000 }],
      ["get_free_nonce", {}],
      ["list", { limit: 10, marker: null }],
      ["list", { limit: null, marker: null }],
      ["put", { id: idOf(1), data: data(1, 100) }],
      ["put", { id: idOf(2), data: data(2, 0) }],
      ["put", { id: idOf(3), data: data(3, 70_000) }],
      ["put", { id: idOf(1), data: data(4, 31) }],
      ["get", { id: idOf(1) }],
      ["get", { id: idOf(2) }],
      ["get", { id: idOf(3) }],
      ["delete", { id: idOf(2) }],
      ["__len__", {}],
      ["commit", { save_space: false }],
      ["__len__", {}],
      ["list", { limit: 1, marker: new Uint8Array(32) }],
      ["check", { repair: false, save_space: false }],
      ["put", { id: idOf(4), data: data(1, 100) }],
      ["rollback", {}],
      ["__len__", {}],
      ["check", { repair: true, save_space: true }],
      ["break_lock", {}],
    ];
    const newer: Call[] = [
      ["scan", { limit: null, marker: null }],
      ["scan", { limit: 1, marker: null }],
      ["scan", { limit: 2, marker: new Uint8Array(32) }],
      ["commit", { save_space: false, compact: false, threshold: 0.1, cleanup_commits: false, fancy: 1 }],
      ["put", { id: idOf(5), data: data(5, 10), wait: false }],
      ["commit", { compact: true, threshold: 0.2, cleanup_commits: true }],
      ["scan", {}],
      ["check", {}],
      ["check", { max_duration: 10 }],
    ];
    const named = [...calls.slice(0, -1), ...newer].map(([method, args], i) =>
      namedCall(i + 1, method, args)
    );
    const old = calls.map(([method, args], i) => positionalCall(i + 1, method, Object.values(args)));
    // Clients before 1.0.7 know four arguments of open.
    const oldest = [positionalCall(9, "open", ["repo", false, 1, true]), positionalCall(10, "__len__", [])];
    for (const messages of [named, old, oldest]) {
      const theirs = await converse(BORG_SERVE, place, messages);
      const ours = await converse(ALCOVE_SERVE, place, messages);
      assert.equal(theirs.code, messages === old ? 2 : 0, theirs.stderr);
      assert.deepEqual(messagesOf(ours.bytes), messagesOf(theirs.bytes));
      assert.deepEqual(ours.bytes, theirs.bytes);
      place.borg(["check", "--repository-only", "serving/repo"]);
    }
  },
);

borgTest(
  "scan lists objects in borg's order, page by page, and leaves out what borg leaves out",
  async () => {
    using place = workplace();
    origin(place);
    const repo = join(place.path, "origin", "repo");
    const config = join(repo, "config");
    const text = fs.readFileSync(config, "utf8");
    // Many segments in several folders.
    fs.writeFileSync(
      config,
      text.replace(/max_segment_size = .*/, "max_segment_size = 20000")
        .replace(/segments_per_dir = .*/, "segments_per_dir = 10"),
    );
    const maker = new ServePeer(BORG_SERVE, { cwd: join(place.path, "origin") });
    await maker.open("repo", { exclusive: true });
    const put = (n: number, length: number) =>
      maker.result("put", { id: idOf(n), data: data(n % 256, length) });
    for (let n = 0; n < 300; n++) await put(n, 50 + (n * 37) % 2000);
    await maker.result("commit", { compact: false });
    for (let n = 0; n < 300; n += 7) await maker.result("delete", { id: idOf(n) });
    for (let n = 1; n < 300; n += 11) if (n % 7 !== 0) await put(n, 70_000);
    await maker.result("commit", { compact: false });
    await maker.end();

    const scans = async (): Promise<Unpacked[][]> => {
      const answers: Unpacked[][] = [];
      for (const program of [BORG_SERVE, ALCOVE_SERVE]) {
        const peer = new ServePeer(program, { cwd: join(place.path, "origin") });
        await peer.open("repo");
        const all = await peer.result("scan", { limit: null }) as Uint8Array[];
        const pages: Unpacked[] = [all];
        for (const limit of [1, 13, 100, 1000]) {
          const ids: Unpacked[] = [];
          for (let marker: Uint8Array | null = null;;) {
            const page = await peer.result("scan", { limit, marker }) as Uint8Array[];
            if (page.length === 0) break;
            assert.ok(page.length <= limit);
            ids.push(...page);
            marker = page.at(-1)!;
          }
          assert.deepEqual(ids, all);
        }
        answers.push(pages);
        await peer.end();
      }
      return answers;
    };
    const [theirs, ours] = await scans();
    assert.equal((theirs![0] as Unpacked[]).length, 258);
    assert.deepEqual(ours, theirs);

    // A header that is damaged hides what lies behind it in its segment.
    const segment = join(repo, "data", "0", "2");
    const bytes = fs.readFileSync(segment);
    const size = bytes.readUInt32LE(8 + 4);
    bytes.writeUInt32LE(0xffffffff, 8 + size + 4);
    fs.writeFileSync(segment, bytes);
    const [left, ourLeft] = await scans();
    assert.ok((left![0] as Unpacked[]).length < 258);
    assert.deepEqual(ourLeft, left);
  },
);

borgTest("serve negotiates as borg's server does", async () => {
  using place = workplace();
  origin(place);
  const version = new Map([["client_version", [1, 1, 0, -1]]]);
  for (const client of [2, 3, version]) {
    const messages = [
      namedCall(1, "negotiate", { client_data: client }),
      positionalCall(2, "negotiate", [client]),
      namedCall(3, "open", { path: "repo" }),
    ];
    const answers: Uint8Array[] = [];
    for (const program of [BORG_SERVE, ALCOVE_SERVE]) {
      const { code, bytes, stderr } = await converse(program, place, messages);
      assert.equal(code, 0, stderr);
      answers.push(bytes);
    }
    const [theirs, ours] = answers.map(messagesOf) as [Unpacked[], Unpacked[]];
    if (client !== 2) {
      const answer = (theirs[0] as UnpackedMap).get("r") as UnpackedMap;
      assert.deepEqual(answer.get("server_version"), borgVersion!.split(".").map(Number).concat(-1));
      // Ours is the version whose protocol it speaks.
      for (const one of [answer, (theirs[1] as Unpacked[])[3] as UnpackedMap]) {
        one.set("server_version", [...BORG_VERSION.split(".").map(Number), -1]);
      }
    }
    assert.deepEqual(ours, theirs);
  }
});

/** Without what each program says in its own words, or what depends on the moment. */
function withoutSentence(error: string): string {
  return error.replace(/^(IntegrityError|CheckNeeded|InsufficientFreeSpaceError): .*/, "$1")
    .replace(/^(InvalidRepositoryConfig: [^,]*), .*/, "$1");
}

borgTest("serve answers errors of the names and arguments that borg's clients know", async () => {
  using place = workplace();
  origin(place);
  breakCopies(join(place.path, "origin"));
  const manifest = new Uint8Array(32);
  const write: Call[] = [["put", { id: idOf(1), data: data(1, 2000) }], ["commit", { compact: false }]];
  const cases: [name: string, open: Record<string, Packable>, calls: Call[]][] = [
    ["missing", {}, []],
    ["folder", {}, []],
    ["folder/file", {}, []],
    ["repo", { create: true }, []],
    ["folder", { create: true }, []],
    ["folder/file", { create: true }, []],
    ["no/such/parent", { create: true }, []],
    ["repo/inner", { create: true }, []],
    ["no-section", {}, []],
    ["version-2", {}, []],
    ["large-segments", {}, []],
    ["no-config", {}, []],
    ["attic", {}, []],
    ["damaged", {}, [["get", { id: manifest }], ["check", {}]]],
    ["no-commits", {}, [["get", { id: manifest }], write[0]!]],
    ["no-space", {}, write],
    ["small-quota", {}, [...write, ["__len__", {}], ["put", { id: idOf(1), data: data(1, 800) }], [
      "commit",
      { compact: false },
    ]]],
    ["repo", {}, [
      ["get", { id: idOf(1) }],
      ["delete", { id: idOf(1) }],
      ["get_everything", {}],
      ["close", {}],
      ["__init__", {}],
      ["constructor", {}],
    ]],
  ];
  for (const [name, open, calls] of cases) {
    const outcomes: string[][] = [];
    for (const program of [BORG_SERVE, ALCOVE_SERVE]) {
      const messages = [["open", { path: name, lock_wait: 0, exclusive: true, ...open }] as Call, ...calls];
      const { bytes } = await converse(
        program,
        place,
        messages.map(([method, args], i) => namedCall(i + 1, method, args)),
      );
      outcomes.push(
        (messagesOf(bytes) as UnpackedMap[]).map((answer) =>
          answer.has("r") ? "result" : withoutSentence(errorOf(answer))
        ),
      );
    }
    assert.deepEqual(outcomes[1], outcomes[0], name);
  }
});

borgTest("serve waits for locks as long as the client says, and breaks them when it is told to", async () => {
  using place = workplace();
  origin(place);
  const cwd = join(place.path, "origin");
  const repo = fs.realpathSync(join(cwd, "repo"));
  for (const [holder, other] of [[BORG_SERVE, ALCOVE_SERVE], [ALCOVE_SERVE, BORG_SERVE]]) {
    const first = new ServePeer(holder!, { cwd });
    await first.open("repo", { exclusive: true });
    const second = new ServePeer(other!, { cwd });
    await second.negotiate();
    const open = { path: "repo", exclusive: true, lock_wait: 0.2 };
    assert.equal(await second.failure("open", open), `LockTimeout: ${repo}/lock.exclusive`);
    await second.open("repo", { lock: false });
    assert.equal(await second.result("break_lock"), null);
    assert.equal((await second.end()).code, 0);
    assert.deepEqual(fs.readdirSync(repo).filter((name) => name.startsWith("lock")), []);
    first.kill("SIGKILL");
    await first.finished();
  }
});

/** Names of what a conversation should leave behind unlocked and without anything uncommitted. */
function leftOver(repo: string, segments: string[]): string[] {
  const found = fs.readdirSync(join(repo, "data", "0")).filter((name) => !segments.includes(name));
  return [...found, ...fs.readdirSync(repo).filter((name) => name.startsWith("lock"))];
}

Deno.test("serve rolls back and gives the lock back however the conversation ends", async () => {
  using place = workplace();
  fs.mkdirSync(join(place.path, "origin"));
  place.alcove(["init", "-e", "none", "origin/repo"]);
  const cwd = join(place.path, "origin");
  const repo = join(cwd, "repo");
  const segments = fs.readdirSync(join(repo, "data", "0"));
  const begin = async (env: Record<string, string> = {}): Promise<ServePeer> => {
    const peer = new ServePeer(ALCOVE_SERVE, { cwd, env });
    await peer.open("repo", { exclusive: true });
    await peer.result("put", { id: idOf(1), data: data(1, 1000) });
    assert.deepEqual(leftOver(repo, segments).sort().at(-1), "lock.roster");
    return peer;
  };
  const ended = (end: PeerEnd, code: number): PeerEnd => {
    assert.equal(end.code, code, end.stderr);
    assert.equal(end.stdout, "");
    assert.deepEqual(leftOver(repo, segments), []);
    return end;
  };
  assert.equal(ended(await (await begin()).end(), 0).stderr, "");

  const half = await begin();
  await half.send(namedCall(9, "put", { id: idOf(2), data: data(2, 500) }).subarray(0, 300));
  assert.equal(ended(await half.end(), 0).stderr, "");

  for (const [signal, code] of [["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    const peer = await begin();
    peer.kill(signal);
    ended(await peer.finished(), code);
  }
  // Ctrl-C is meant for the client, which still has a checkpoint to save.
  const interrupted = await begin();
  interrupted.kill("SIGINT");
  await interrupted.result("get_free_nonce");
  ended(await interrupted.end(), 0);

  // Numbers, text, types that do not exist, what is no call, what is too long.
  const garbage = [
    data(0x68, 10),
    data(0xc1, 1),
    data(0x90, 1),
    data(0xc0, 1),
    encodeMsgpack(new Map([["i", 1]])),
    encodeMsgpack(new Map<string, Packable>([["i", "x"], ["m", "list"], ["a", new Map()]])),
    encodeMsgpack([1, 2, 3]),
    encodeMsgpack([1, 2, 3, 4]),
    new Uint8Array([0xdb, 0xff, 0xff, 0xff, 0xff]),
    new Uint8Array([0xdd, 0x7f, 0xff, 0xff, 0xff]),
    new Uint8Array(1001).fill(0x91).fill(0xc0, 1000),
  ];
  for (const bytes of garbage) {
    const peer = await begin({ BORG_EXIT_CODES: bytes.length === 10 ? "modern" : "legacy" });
    await peer.send(bytes);
    const { stderr } = ended(await peer.finished(), bytes.length === 10 ? 85 : 2);
    const { type, levelname, msgid } = JSON.parse(stderr);
    assert.deepEqual([type, levelname, msgid], ["log_message", "ERROR", "UnexpectedRPCDataFormatFromClient"]);
  }

  const deaf = await begin();
  await deaf.stopReading();
  await deaf.send(namedCall(9, "put", { id: idOf(2), data: data(2, 500) }));
  assert.equal(ended(await deaf.end(), 2).stderr, "");
});

Deno.test("serve holds no signal up while its client takes no answers", async () => {
  using place = workplace();
  fs.mkdirSync(join(place.path, "origin"));
  place.alcove(["init", "-e", "none", "origin/repo"]);
  const cwd = join(place.path, "origin");
  const repo = join(cwd, "repo");
  const peer = new ServePeer(ALCOVE_SERVE, { cwd });
  await peer.open("repo", { exclusive: true });
  await peer.result("put", { id: idOf(1), data: data(1, 10_000_000) });
  await peer.result("commit", { compact: false });
  const segments = fs.readdirSync(join(repo, "data", "0"));
  // Far more than any pipe holds, with nobody at its end.
  for (let i = 10; i < 20; i++) await peer.send(namedCall(i, "get", { id: idOf(1) }));
  await new Promise((resolve) => setTimeout(resolve, 500));
  peer.kill("SIGTERM");
  const code = await peer.exitCode(600);
  if (code === null) peer.kill("SIGKILL");
  await peer.finished();
  assert.equal(code, 143);
  assert.deepEqual(leftOver(repo, segments), []);
});

Deno.test("serve refuses arguments of wrong types by name, and goes on", async () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "repo"]);
  const peer = new ServePeer(ALCOVE_SERVE, { cwd: place.path });
  await peer.negotiate();
  assert.match(await peer.failure("get", { id: idOf(1) }), /^Error: .*no repository is open/);
  assert.match(await peer.failure("open", { path: 7 }), /^Error: .*argument path/);
  assert.match(await peer.failure("open", { path: "repo", lock_wait: -1 }), /argument lock_wait/);
  assert.match(await peer.failure("open", { path: "repo", exclusive: "yes" }), /argument exclusive/);
  await peer.open("repo", { exclusive: true });
  const wrong: [string, Record<string, Packable>, string][] = [
    ["get", {}, "id"],
    ["get", { id: "short" }, "id"],
    ["put", { id: idOf(1) }, "data"],
    ["put", { id: idOf(1), data: [1, 2] }, "data"],
    ["delete", { id: 5 }, "id"],
    ["list", { limit: 0 }, "limit"],
    ["list", { limit: 1.5 }, "limit"],
    ["scan", { limit: -1 }, "limit"],
    ["list", { limit: 1, marker: "x" }, "marker"],
    ["check", { repair: "no" }, "repair"],
    ["check", { max_duration: -5 }, "max_duration"],
    ["commit", { compact: [] }, "compact"],
    ["commit", { compact: true, threshold: "x" }, "threshold"],
    ["save_key", { keydata: 1 }, "keydata"],
    ["commit_nonce_reservation", { next_unreserved: -1, start_nonce: null }, "next_unreserved"],
    ["commit_nonce_reservation", { start_nonce: null }, "next_unreserved"],
  ];
  for (const [method, args, name] of wrong) {
    assert.match(
      await peer.failure(method, args),
      new RegExp(`^Error: Cannot call ${method}: its argument ${name} `),
    );
  }
  assert.equal(await peer.result("__len__"), 1);
  assert.equal((await peer.end()).code, 0);
});
