import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createBLAKE2b } from "hash-wasm";
import { Blake2b256 } from "../../../wasm/mod.ts";
import { noise } from "../chunk/_twin.ts";

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function digestHex(hash: Blake2b256, data: Uint8Array): string {
  const out = new Uint8Array(40);
  hash.digest(data, out, 4);
  assert.equal(hex(out.subarray(0, 4)) + hex(out.subarray(36)), "0".repeat(16));
  return hex(out.subarray(4, 36));
}

const SCRIPT = `
import sys, hashlib
data = sys.stdin.buffer.read()
for length in sys.argv[1:]:
    print(hashlib.blake2b(data[:int(length)], digest_size=32).hexdigest())
`;

/** What Python's hashlib answers for the first bytes of `data`; null where there is no Python. */
function byPython(data: Uint8Array, lengths: readonly number[]): string[] | null {
  const { status, stdout } = spawnSync("python3", ["-c", SCRIPT, ...lengths.map(String)], { input: data });
  return status === 0 ? String(stdout).trim().split("\n") : null;
}

const random = noise(600_000, 42);

Deno.test("Blake2b256 gives what Python's hashlib gives, for all lengths around the ends of blocks and pieces", () => {
  const lengths = [...Array(400).keys(), 131_071, 131_072, 131_073, 131_200, 262_144, 262_145, 600_000];
  const wanted = byPython(random, lengths);
  if (!wanted) return console.log("skipped: python3 is missing");
  for (const [i, length] of lengths.entries()) {
    assert.equal(
      digestHex(new Blake2b256(new Uint8Array(0)), random.subarray(0, length)),
      wanted[i],
      `${length}`,
    );
  }
});

Deno.test("Blake2b256 gives the same digest wherever prefix and data meet", async () => {
  const whole = (await createBLAKE2b(256)).update(random.subarray(0, 700)).digest("hex");
  for (let at = 0; at <= 700; at++) {
    assert.equal(digestHex(new Blake2b256(random.subarray(0, at)), random.subarray(at, 700)), whole, `${at}`);
  }
});

Deno.test("Blake2b256 with a prefix takes data of all sizes around those of its pieces", async () => {
  const other = await createBLAKE2b(256);
  for (const prefix of [0, 1, 64, 127, 128, 129, 256]) {
    const hash = new Blake2b256(random.subarray(0, prefix));
    for (const pieces of [1, 2]) {
      for (let off = -130; off <= 130; off += 13) {
        const data = random.subarray(prefix, pieces * 131_072 + off);
        const wanted = other.init().update(random.subarray(0, prefix)).update(data).digest("hex");
        assert.equal(digestHex(hash, data), wanted, `${prefix} and ${data.length} bytes`);
      }
    }
  }
});

Deno.test("Blake2b256 keeps two prefixes apart, copies them, and refuses an output that is too small", () => {
  const prefix = random.slice(0, 128);
  const a = new Blake2b256(prefix);
  const b = new Blake2b256(random.subarray(1, 129));
  const before = [digestHex(a, random), digestHex(b, random)];
  prefix.fill(0);
  for (let i = 0; i < 3; i++) assert.deepEqual([digestHex(a, random), digestHex(b, random)], before);
  assert.throws(() => a.digest(random, new Uint8Array(35), 4), RangeError);
  // An output within the data, as an envelope has it.
  const stored = random.slice(0, 1000);
  a.digest(stored.subarray(33), stored, 1);
  assert.equal(hex(stored.subarray(1, 33)), digestHex(a, random.subarray(33, 1000)));
  b.dispose();
  assert.deepEqual(digestHex(a, random), before[0]);
  assert.notEqual(digestHex(b, random), before[1]);
});
