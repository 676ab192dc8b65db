/**
 * Clients that want more than they may have, or the server's end: whatever they send, it is answered with an error or with
 * what borg's server answers, and changes nothing that it should not.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { concatBytes, encodeMsgpack, type Packable, type UnpackedMap } from "../../core/bytes/mod.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest } from "../fixtures/borg.ts";
import { assertHarmless, digests } from "../fixtures/hostile.ts";
import { ALCOVE_SERVE, BORG_SERVE, errorOf, namedCall, ServePeer } from "../fixtures/serve_peer.ts";
import { idOf } from "../fixtures/store_env.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

type Call = readonly [method: string, args: Record<string, Packable>];

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const data = (seed: string, length: number): Uint8Array => pseudoRandom(seed, length);
const OPEN: Call = ["open", { path: "repo", exclusive: true, lock: true, lock_wait: 1 }];

/** A repository "repo" with objects 1 to 5, in the folder that is answered. */
async function origin(place: Workplace): Promise<string> {
  const cwd = join(place.path, "origin");
  fs.mkdirSync(cwd);
  place.alcove(["init", "-e", "none", "repo"], { cwd });
  const peer = new ServePeer(ALCOVE_SERVE, { cwd });
  await peer.open("repo", { exclusive: true });
  for (let n = 1; n <= 5; n++) await peer.result("put", { id: idOf(n), data: data(`${n}`, 20_000) });
  await peer.result("commit", { compact: false });
  await peer.result("commit_nonce_reservation", { next_unreserved: 1000, start_nonce: null });
  await peer.end();
  return cwd;
}

/** Contents of the repository that matter: its segments and its configuration. */
function contents(cwd: string): Record<string, string> {
  const all = Object.entries(digests(join(cwd, "repo")));
  return Object.fromEntries(all.filter(([path]) => /^(data\/|config|nonce|README)/.test(path)));
}

/** What a server answers to calls over a copy of the origin: "result", or the class of the error. */
async function outcomes(
  program: readonly string[],
  place: Workplace,
  { args = [], calls }: { args?: string[]; calls: readonly Call[] },
): Promise<{ answers: string[]; before: Record<string, string>; after: Record<string, string> }> {
  const cwd = join(place.path, "copy");
  fs.rmSync(cwd, { recursive: true, force: true });
  fs.cpSync(join(place.path, "origin"), cwd, { recursive: true });
  const before = contents(cwd);
  const peer = new ServePeer(program, { cwd, args });
  await peer.negotiate();
  const answers: string[] = [];
  for (const [method, args] of calls) {
    const answer = await peer.call(method, args);
    const error = answer.has("exception_class") ? errorOf(answer).split(":")[0]! : "result";
    answers.push(`${method}: ${error}`);
  }
  assert.equal((await peer.end()).code, 0);
  return { answers, before, after: contents(cwd) };
}

const ODD: Record<string, Packable> = {
  null: null,
  true: true,
  minus: -1,
  fraction: 1.5,
  large: 2n ** 64n - 1n,
  least: -(2n ** 63n),
  NaN: NaN,
  Infinity: Infinity,
  text: "text",
  nothing: new Uint8Array(0),
  short: new Uint8Array(31).fill(7),
  long: new Uint8Array(33).fill(7),
  list: [],
  ids: [idOf(1)],
  map: new Map(),
  deep: new Map([["__proto__", [[[[new Map([["id", null]])]]]]]]),
};

/** Every argument that borg's methods have, with the odd values that it may have. */
const ARGUMENTS: readonly [method: string, good: Record<string, Packable>, name: string, fine: string[]][] = [
  ["get", {}, "id", []],
  ["put", { data: "x" }, "id", []],
  ["put", { id: idOf(9) }, "data", ["text", "nothing", "short", "long"]],
  ["delete", {}, "id", []],
  ["list", { marker: null }, "limit", ["null", "large"]],
  ["list", { limit: 2 }, "marker", ["null"]],
  ["scan", { marker: null }, "limit", ["null", "large"]],
  ["scan", { limit: 2 }, "marker", ["null"]],
  ["check", {}, "max_duration", ["null", "fraction", "Infinity", "true"]],
  ["check", {}, "save_space", ["null", "true", "minus", "fraction", "large", "least", "NaN", "Infinity"]],
  ["commit", { compact: true }, "threshold", ["null", "fraction", "Infinity", "true"]],
  ["commit_nonce_reservation", { start_nonce: 1000 }, "next_unreserved", []],
  ["commit_nonce_reservation", { next_unreserved: 5 }, "start_nonce", []],
  ["open", {}, "path", []],
  ["open", { path: "repo" }, "lock_wait", ["null", "true", "fraction", "Infinity"]],
];

Deno.test("serve refuses every argument of a wrong kind, and nothing is changed", async () => {
  using place = workplace();
  const cwd = await origin(place);
  const before = contents(cwd);
  const peer = new ServePeer(ALCOVE_SERVE, { cwd });
  await peer.negotiate();
  for (const [method, good, name, fine] of ARGUMENTS) {
    for (const [kind, value] of Object.entries(ODD)) {
      if (fine.includes(kind)) continue;
      // Large numbers are numbers of nonces.
      if (name.endsWith("reserved") && kind === "large") continue;
      await peer.result(...OPEN);
      const answer = await peer.call(method, { ...good, [name]: value });
      assert.ok(answer.has("exception_class"), `${method} took ${name} = ${kind}`);
      assert.equal(answer.get("exception_trace"), false, `${method}, ${name} = ${kind}: ${errorOf(answer)}`);
    }
  }
  await peer.result(...OPEN);
  assert.equal(await peer.result("__len__"), 6);
  const { code, stderr } = await peer.end();
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(contents(cwd), before);
});

borgTest("serve has no methods but borg's, by whatever name they are called", async () => {
  using place = workplace();
  await origin(place);
  const names = [
    ...["", "__class__", "__init__", "__dict__", "__proto__", "constructor", "toString", "hasOwnProperty"],
    ...[
      "close",
      "run",
      "serve",
      "get_many",
      "getMany",
      "saveKey",
      "io",
      "config",
      "save_config",
      "lock",
      "path",
    ],
    ...["_delete", "_rollback", "compact_segments", "get\0", " get", "GET", "négotiate", "\x1b[2J"],
  ];
  const calls = [OPEN, ...names.map((name): Call => [name, { id: idOf(1), name: "x" }])];
  const ours = await outcomes(ALCOVE_SERVE, place, { calls });
  const theirs = await outcomes(BORG_SERVE, place, { calls });
  assert.deepEqual(ours.answers, theirs.answers);
  assert.ok(ours.answers.slice(1).every((answer) => answer.endsWith(": InvalidRPCMethod")));
  assert.deepEqual(ours.after, ours.before);
});

borgTest("serve does nothing before a repository is open", async () => {
  using place = workplace();
  await origin(place);
  const calls: Call[] = [
    ["get", { id: idOf(1) }],
    ["put", { id: idOf(1), data: "x" }],
    ["commit", {}],
    ["rollback", {}],
    ["destroy", {}],
    ["check", { repair: true }],
    ["save_key", { keydata: "x" }],
    ["break_lock", {}],
    ["commit_nonce_reservation", { next_unreserved: 5, start_nonce: null }],
    // And not after an opening that failed.
    ["open", { path: "nowhere" }],
    ["destroy", {}],
    ["put", { id: idOf(1), data: "x" }],
  ];
  for (const args of [[], ["--restrict-to-path", "elsewhere"]]) {
    const { answers, before, after } = await outcomes(ALCOVE_SERVE, place, {
      args,
      calls: args.length > 0 ? [...calls, OPEN, ...calls] : calls,
    });
    assert.ok(answers.every((answer) => !answer.endsWith(": result")), `${answers}`);
    assert.deepEqual(after, before);
  }
});

borgTest("serve keeps to append-only whatever a client asks for, as borg's server does", async () => {
  using place = workplace();
  await origin(place);
  const calls: Call[] = [
    ["open", { path: "repo", exclusive: true, append_only: false }],
    ["check", { repair: true }],
    ["destroy", {}],
    ["delete", { id: idOf(1) }],
    ["delete", { id: idOf(2) }],
    ["put", { id: idOf(3), data: "overwritten" }],
    ["commit", { compact: true, threshold: 0, cleanup_commits: true }],
    ["check", { repair: true, save_space: true }],
    ["put", { id: idOf(4), data: "overwritten" }],
    ["commit", {}],
    ["open", { path: "repo", exclusive: true, append_only: 0 }],
    ["destroy", { append_only: false, force: true }],
    ["delete", { id: idOf(4) }],
    ["commit", { compact: true, threshold: 0 }],
    ["check", { repair: 1 }],
  ];
  const args = ["--append-only"];
  const ours = await outcomes(ALCOVE_SERVE, place, { args, calls });
  const theirs = await outcomes(BORG_SERVE, place, { args, calls });
  const coarse = (answers: string[]) => answers.map((answer) => answer.replace(/: (?!result).*/, ": error"));
  assert.deepEqual(coarse(ours.answers), coarse(theirs.answers));
  assert.match(ours.answers[1]!, /: (?!result)/);
  assert.match(ours.answers[2]!, /: (?!result)/);
  for (const [path, digest] of Object.entries(ours.before)) assert.equal(ours.after[path], digest, path);
});

borgTest(
  "serve stores nothing of a transaction that went over the quota, as borg's server does",
  async () => {
    using place = workplace();
    await origin(place);
    const calls: Call[] = [
      OPEN,
      ["put", { id: idOf(10), data: data("a", 4_000_000) }],
      ["put", { id: idOf(11), data: data("b", 9_000_000) }],
      ["put", { id: idOf(12), data: "small" }],
      ["commit", {}],
      ["rollback", {}],
      ["get", { id: idOf(1) }],
      ["get", { id: idOf(10) }],
    ];
    const args = ["--storage-quota", "12M"];
    const ours = await outcomes(ALCOVE_SERVE, place, { args, calls });
    const theirs = await outcomes(BORG_SERVE, place, { args, calls });
    assert.deepEqual(ours.answers, theirs.answers);
    assert.match(ours.answers[4]!, /StorageQuotaExceeded/);
    assert.deepEqual(ours.after, ours.before);
    // What fits goes in again.
    const more: Call[] = [...calls.slice(0, 5), ["rollback", {}], calls[1]!, ["commit", {}]];
    assert.deepEqual((await outcomes(ALCOVE_SERVE, place, { args, calls: more })).answers.slice(-2), [
      "put: result",
      "commit: result",
    ]);
  },
);

Deno.test("serve closes one repository before it opens another, and what was not committed is gone", async () => {
  using place = workplace();
  const cwd = await origin(place);
  fs.cpSync(join(cwd, "repo"), join(cwd, "second"), { recursive: true });
  const before = contents(cwd);
  const peer = new ServePeer(ALCOVE_SERVE, { cwd });
  await peer.open("repo", { exclusive: true });
  await peer.result("put", { id: idOf(20), data: "x" });
  await peer.negotiate();
  await peer.result("open", { path: "second", exclusive: true });
  assert.deepEqual(contents(cwd), before);
  assert.ok(!fs.readdirSync(join(cwd, "repo")).some((name) => name.startsWith("lock")));
  assert.match(await peer.failure("get", { id: idOf(20) }), /^ObjectNotFound/);
  // The same again and again, also where opening fails in between.
  for (let i = 0; i < 3; i++) {
    await peer.result(...OPEN);
    await peer.result("delete", { id: idOf(1) });
    await peer.failure("open", { path: "nowhere" });
    assert.match(await peer.failure("commit"), /^Error/);
  }
  assert.equal((await peer.end()).code, 0);
  assert.deepEqual(contents(cwd), before);
});

borgTest("serve writes no key that would be more than a key in the configuration", async () => {
  using place = workplace();
  const cwd = await origin(place);
  const before = fs.readFileSync(join(cwd, "repo/config"), "utf8");
  const keys = [
    "x\nadditional_free_space = 8P",
    "x\r\nappend_only = 1",
    "x\rappend_only = 1\rid = 00",
    "x\n\n[other]\nsecret = 1",
    "x\r[repository]\rversion = 2",
    "\n; comment\n# comment\nx",
    "%(id)s ${id}",
    "= x : y",
  ];
  for (const key of keys) {
    const peer = new ServePeer(ALCOVE_SERVE, { cwd, args: ["--append-only"] });
    await peer.open("repo", { exclusive: true });
    await peer.call("save_key", { keydata: text(key) });
    await peer.end();
    const config = fs.readFileSync(join(cwd, "repo/config"), "utf8");
    // Whatever is new belongs to the key: it is indented, for borg as for us.
    const added = config.split(/[\r\n]+/).filter((line) => line !== "" && !before.includes(line));
    for (const line of added) assert.match(line, /^(key = |\s)/, JSON.stringify(config));
    assert.match(place.borg(["config", "--list", "repo"], { cwd }).stdout, /append_only = 0/);
  }
});

Deno.test("serve answers requests that come in one piece, and byte by byte, in their order", async () => {
  using place = workplace();
  const cwd = await origin(place);
  const calls: Call[] = [
    OPEN,
    ["get", { id: idOf(1) }],
    ["nonsense", {}],
    ["get", { id: idOf(99) }],
    ["put", { id: idOf(30), data: data("30", 3000) }],
    ["get", { id: idOf(30) }],
    ["rollback", {}],
    ["__len__", {}],
  ];
  const all = concatBytes(...calls.map(([method, args], i) => namedCall(100 + i, method, args)));
  const conversation = async (pieces: Iterable<Uint8Array>): Promise<Uint8Array> => {
    const peer = new ServePeer(ALCOVE_SERVE, { cwd });
    for (const piece of pieces) await peer.send(piece);
    const { code, bytes } = await peer.end();
    assert.equal(code, 0);
    return bytes;
  };
  const whole = await conversation([all]);
  assert.ok(whole.length > 23_000);
  assert.deepEqual(await conversation(Array.from(all, (byte) => new Uint8Array([byte]))), whole);
});

const MEASURE = `
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)`;

Deno.test("serve needs no more memory for giant messages than for large objects, nor for one who does not listen", async () => {
  using place = workplace();
  const cwd = await origin(place);
  const before = contents(cwd);
  const peak = join(place.path, "peak");
  const measured = ["/usr/bin/python3", "-c", MEASURE, peak, ...ALCOVE_SERVE];
  const MIB = 1 << 20;
  /** Peak of memory in MiB. */
  const peakOf = async (talk: (peer: ServePeer) => Promise<unknown>, code = 0): Promise<number> => {
    const peer = new ServePeer(measured, { cwd });
    await peer.open("repo", { exclusive: true });
    await talk(peer);
    assert.equal((await peer.end()).code, code);
    return Number(fs.readFileSync(peak, "utf8")) / 1024;
  };
  const usual = await peakOf((peer) =>
    peer.result("put", { id: idOf(40), data: new Uint8Array(20 * MIB - 100) })
  );
  const giants: [string, (peer: ServePeer) => Promise<unknown>, number?][] = [
    ["object", (peer) => peer.failure("put", { id: idOf(40), data: new Uint8Array(60 * MIB) })],
    ["method", (peer) => peer.failure("x".repeat(60 * MIB))],
    ["path", (peer) => peer.failure("open", { path: "a/".repeat(30 * MIB) })],
    ["argument", (peer) => peer.result("__len__", { rubbish: new Uint8Array(60 * MIB) })],
    ["list", (peer) => peer.failure("get", { id: Array(1_000_000).fill(0) })],
    [
      "map",
      (peer) =>
        peer.result("__len__", Object.fromEntries(Array.from({ length: 400_000 }, (_, i) => [`${i}`, 0]))),
    ],
    ["raw of 4 GiB", (peer) => peer.send(new Uint8Array([0xdb, 0xff, 0xff, 0xff, 0xff])), 2],
    ["key", (peer) => peer.failure("save_key", { keydata: new Uint8Array(60 * MIB).fill(0x61) })],
    ["unread answers", async (peer) => {
      await peer.result("put", { id: idOf(41), data: new Uint8Array(10 * MIB) });
      let sent = 0;
      for (let i = 0; i < 200; i++) {
        peer.send(namedCall(1000 + i, "get", { id: idOf(41) })).then(() => sent++);
      }
      await new Promise((resolve) => setTimeout(resolve, 1500));
      for (let i = 0; i < 200; i++) {
        const answer = await peer.take() as UnpackedMap;
        assert.equal(answer.get("i"), 1000 + i);
      }
      assert.equal(sent, 200);
    }],
  ];
  for (const [name, talk, code] of giants) {
    const used = await peakOf(talk, code);
    assert.ok(used < usual + 500, `${name}: ${used} MiB, usually ${usual}`);
  }
  assert.deepEqual(contents(cwd), before);
});

Deno.test("serve survives any bytes, and nothing is changed by them", async () => {
  using place = workplace();
  const cwd = await origin(place);
  const before = contents(cwd);
  const open = namedCall(1, ...OPEN);
  const put = namedCall(2, "put", { id: idOf(50), data: data("50", 500) });
  for (let n = 0; n < 40; n++) {
    const noise = data(`noise ${n}`, 60);
    const altered = put.slice();
    for (let i = 0; i < 3; i++) altered[noise[i]! % 40] = noise[10 + i]!;
    const peer = new ServePeer(ALCOVE_SERVE, { cwd });
    await peer.send(concatBytes(open, n % 2 === 0 ? noise : altered, encodeMsgpack([noise]))).catch(() => {});
    const { code, stderr } = await peer.end();
    assert.ok(code === 0 || code === 2, `${n}: ${code} ${stderr}`);
    assert.ok(stderr.split("\n").length <= 2, stderr);
    assertHarmless({ code, stdout: "", stderr }, stderr);
  }
  assert.deepEqual(contents(cwd), before);
});
