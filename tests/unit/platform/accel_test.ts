import assert from "node:assert/strict";
import { borrowAccel } from "../../../core/platform/accel.ts";
import { seededBytes } from "../../fixtures/deterministic.ts";

/** Loads libraries before the tests, each of which is to leave nothing behind. */
borrowAccel();

Deno.test("borrowAccel() gives nothing when it is switched off", () => {
  assert.equal(borrowAccel({ enabled: false }), null);
});

Deno.test("borrowAccel() finds out once and names what it borrowed", () => {
  const accel = borrowAccel();
  assert.equal(borrowAccel(), accel);
  if (accel === null) return console.log("nothing to borrow on this machine");
  assert.match(accel.description, /libcrypto|liblz4/);
});

Deno.test("borrowAccel() gives keys that refuse to work after they are disposed of", () => {
  const accel = borrowAccel();
  if (!accel?.aesCtr || !accel.hmacSha256) return console.log("nothing to borrow on this machine");
  const key = seededBytes(1)(32);
  const aes = accel.aesCtr(key);
  aes.dispose();
  aes.dispose();
  assert.throws(() => aes.process(new Uint8Array(16), new Uint8Array(16), new Uint8Array(16)), TypeError);
  const hmac = accel.hmacSha256(key);
  hmac.dispose();
  hmac.dispose();
  assert.throws(() => hmac.digest(key, new Uint8Array(32), 0), TypeError);
});

Deno.test("borrowAccel() never writes past a buffer that is too small", () => {
  const accel = borrowAccel();
  if (!accel?.aesCtr || !accel.lz4) return console.log("nothing to borrow on this machine");
  const { lz4 } = accel;
  const aes = accel.aesCtr(seededBytes(1)(32));
  assert.throws(() => aes.process(new Uint8Array(16), new Uint8Array(17), new Uint8Array(16)), RangeError);
  const memory = new Uint8Array(4096);
  const noise = seededBytes(2)(2000);
  assert.throws(() => lz4.compress(noise, memory.subarray(0, 100)), RangeError);
  assert.ok(memory.subarray(100).every((byte) => byte === 0));
});

Deno.test("borrowAccel() asks for no permission and gives nothing without the right to use FFI", () => {
  const script = `
    import { borrowAccel } from ${
    JSON.stringify(new URL("../../../core/platform/accel.ts", import.meta.url).href)
  };
    console.log(borrowAccel() === null ? "nothing" : "something");`;
  const { code, stdout } = runWithoutRights(script);
  assert.equal(code, 0);
  assert.equal(new TextDecoder().decode(stdout).trim(), "nothing");
});

function runWithoutRights(script: string): { code: number; stdout: Uint8Array } {
  const url = `data:application/typescript,${encodeURIComponent(script)}`;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-read", "--allow-import", url],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).outputSync();
}
