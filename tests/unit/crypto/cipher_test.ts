import assert from "node:assert/strict";
import { ctr } from "@noble/ciphers/aes.js";
import {
  aesCtrFromZero,
  blockCount,
  createAesCtr,
  createHmacSha256,
  Envelope,
  ENVELOPE_OVERHEAD,
} from "../../../core/crypto/mod.ts";
import { borrowAccel } from "../../../core/platform/accel.ts";
import { bytesOfHex, hexOfBytes, seededBytes } from "../../fixtures/deterministic.ts";

// NIST SP 800-38A, F.5.5
const KEY = bytesOfHex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
const COUNTER = bytesOfHex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
const PLAIN = bytesOfHex(
  "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
);
const CIPHER = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5" +
  "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6";

Deno.test("createAesCtr() gives the blocks of NIST SP 800-38A, again and again", () => {
  for (const accel of [null, borrowAccel()]) {
    const aes = createAesCtr(KEY, accel);
    for (let round = 0; round < 3; round++) {
      const out = new Uint8Array(PLAIN.length);
      aes.process(COUNTER, PLAIN, out);
      assert.equal(hexOfBytes(out), CIPHER);
    }
    aes.dispose();
  }
});

Deno.test("createAesCtr() agrees with a portable twin at all lengths, also where the counter carries", () => {
  const random = seededBytes(7);
  const key = random(32);
  const ciphers = [null, borrowAccel()].map((accel) => createAesCtr(key, accel));
  const counters = [
    "00".repeat(16),
    "00".repeat(8) + "ff".repeat(8),
    "00".repeat(12) + "fffffffe",
    "ff".repeat(16),
  ];
  for (const length of [...Array(70).keys(), 1023, 1024, 4097, 300_001]) {
    const data = random(length);
    for (const counter of counters.map(bytesOfHex)) {
      const wanted = ctr(key, counter).encrypt(data);
      for (const cipher of ciphers) {
        const out = new Uint8Array(length);
        cipher.process(counter, data, out);
        assert.deepEqual(out, wanted);
      }
    }
  }
});

Deno.test("createAesCtr() refuses a key that is not 32 bytes long", () => {
  assert.throws(() => createAesCtr(new Uint8Array(16), null), RangeError);
});

Deno.test("aesCtrFromZero() undoes itself and does not change its input", () => {
  const data = seededBytes(8)(411);
  const before = data.slice();
  const sealed = aesCtrFromZero(KEY, data);
  assert.deepEqual(data, before);
  assert.notDeepEqual(sealed, data);
  assert.deepEqual(aesCtrFromZero(KEY, sealed), data);
});

Deno.test("blockCount() rounds up to blocks of 16 bytes", () => {
  assert.deepEqual([0, 1, 16, 17, 2 ** 31].map(blockCount), [0, 1, 1, 2, 2 ** 27]);
});

function newEnvelope(): Envelope {
  const accel = borrowAccel();
  return new Envelope(createAesCtr(KEY, accel), createHmacSha256(seededBytes(9)(32), accel));
}

function filled(envelope: Envelope, payload: Uint8Array, iv: string): Uint8Array {
  const stored = new Uint8Array(ENVELOPE_OVERHEAD + payload.length);
  stored[0] = 3;
  stored.set(bytesOfHex(iv), 33);
  envelope.fill(stored, payload);
  return stored;
}

Deno.test("Envelope opens what it filled in and refuses every flipped bit after the type byte", () => {
  const envelope = newEnvelope();
  const payload = seededBytes(10)(37);
  const stored = filled(envelope, payload, "00000000deadbeef");
  const out = new Uint8Array(payload.length);
  assert.equal(envelope.open(stored, out), null);
  assert.deepEqual(out, payload);
  for (let bit = 8; bit < stored.length * 8; bit++) {
    const damaged = stored.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(envelope.open(damaged, out), "its authentication failed", `bit ${bit}`);
  }
});

Deno.test("Envelope refuses every truncation", () => {
  const envelope = newEnvelope();
  const stored = filled(envelope, seededBytes(11)(20), "0000000000000001");
  const out = new Uint8Array(20);
  for (let length = 0; length < stored.length; length++) {
    assert.notEqual(envelope.open(stored.subarray(0, length), out), null, `length ${length}`);
  }
});

Deno.test("Envelope puts the counter's low half in front of the ciphertext", () => {
  const payload = new Uint8Array(16);
  const stored = filled(newEnvelope(), payload, "0102030405060708");
  assert.equal(hexOfBytes(stored.subarray(33, 41)), "0102030405060708");
  const wanted = ctr(KEY, bytesOfHex("00000000000000000102030405060708")).encrypt(payload);
  assert.deepEqual(stored.slice(41), wanted);
});
