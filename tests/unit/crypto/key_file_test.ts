import assert from "node:assert/strict";
import { decodeMsgpack, encodeMsgpack, sortedMap } from "../../../core/bytes/mod.ts";
import {
  decodeKeyBlob,
  decodeKeyFile,
  encodeKeyBlob,
  encodeKeyFile,
  type KeyFields,
  KeyFormatError,
} from "../../../core/crypto/mod.ts";
import { ascii, hexOfBytes, seededBytes } from "../../fixtures/deterministic.ts";

const random = seededBytes(20);
const fields: KeyFields = {
  repositoryId: random(32),
  encKey: random(32),
  encHmacKey: random(32),
  idKey: random(32),
  chunkSeed: -1234567,
  tamRequired: true,
};
const salt = random(32);
const blobOf = (passphrase: string) => encodeKeyBlob(fields, { passphrase, salt, iterations: 1 });

Deno.test("encodeKeyBlob() wraps base64 at 70 characters without a last newline", () => {
  const lines = blobOf("test").split("\n");
  assert.ok(lines.length > 3);
  for (const line of lines.slice(0, -1)) assert.equal(line.length, 70);
  assert.match(lines.at(-1)!, /^[A-Za-z0-9+/]{1,70}={0,2}$/);
});

Deno.test("encodeKeyBlob() sorts the outer map's keys and does not show the inner one", () => {
  const outer = decodeMsgpack(
    Uint8Array.from(atob(blobOf("x").replaceAll("\n", "")), (c) => c.charCodeAt(0)),
  );
  assert.ok(outer instanceof Map);
  assert.deepEqual([...outer.keys()], ["algorithm", "data", "hash", "iterations", "salt", "version"]);
  assert.ok(!hexOfBytes(outer.get("data") as Uint8Array).includes(hexOfBytes(fields.encKey)));
});

Deno.test("decodeKeyBlob() gives back what encodeKeyBlob() was given, and null for a wrong passphrase", async () => {
  for (const passphrase of ["test", "", "pässword \u{1f511}"]) {
    assert.deepEqual(await decodeKeyBlob(blobOf(passphrase), passphrase), fields);
    assert.deepEqual(await decodeKeyBlob(ascii(blobOf(passphrase) + "\n"), passphrase), fields);
    assert.equal(await decodeKeyBlob(blobOf(passphrase), passphrase + " "), null);
  }
});

Deno.test("decodeKeyBlob() tells a key without tam_required from one that has it", async () => {
  const old = encodeKeyBlob({ ...fields, tamRequired: null }, { passphrase: "p", salt, iterations: 1 });
  assert.equal((await decodeKeyBlob(old, "p"))!.tamRequired, null);
});

Deno.test("decodeKeyBlob() refuses or fails to unlock every truncation and every flipped bit, and never hangs", async () => {
  const blob = blobOf("test");
  const survives = async (text: string | Uint8Array): Promise<boolean> => {
    try {
      return await decodeKeyBlob(text, "test") !== null;
    } catch (error) {
      assert.ok(error instanceof KeyFormatError, String(error));
      return false;
    }
  };
  for (let length = 0; length < blob.length; length++) {
    assert.ok(!await survives(blob.slice(0, length)), `length ${length}`);
  }
  const packed = Uint8Array.from(atob(blob.replaceAll("\n", "")), (c) => c.charCodeAt(0));
  for (let at = 0; at < packed.length; at++) {
    const damaged = packed.slice();
    damaged[at]! ^= 1 << (at % 8);
    assert.ok(!await survives(btoa(String.fromCharCode(...damaged))), `byte ${at}`);
  }
});

Deno.test("decodeKeyBlob() refuses a number of iterations that would take hours", async () => {
  const outer = encodeMsgpack(sortedMap({
    version: 1,
    algorithm: "sha256",
    iterations: 2 ** 40,
    salt,
    hash: random(32),
    data: random(200),
  }));
  await assert.rejects(decodeKeyBlob(btoa(String.fromCharCode(...outer)), "x"), KeyFormatError);
});

Deno.test("decodeKeyFile() knows its own repository's file, another's, and what is none", () => {
  const blob = blobOf("test");
  const file = encodeKeyFile(fields.repositoryId, blob);
  assert.deepEqual(decodeKeyFile(file, fields.repositoryId), { kind: "key", blob });
  assert.equal(decodeKeyFile(file, random(32)).kind, "other repository");
  const text = new TextDecoder().decode(file);
  const kindOf = (contents: string) => decodeKeyFile(ascii(contents), fields.repositoryId).kind;
  assert.equal(kindOf(""), "not a key file");
  assert.equal(kindOf("BORG_KEYS " + text), "not a key file");
  assert.equal(kindOf(text.slice(0, 74)), "not a key file");
  assert.equal(kindOf(text.replace("\n", "00\n")), "not a key file");
  assert.equal(kindOf(text.slice(0, 80)), "not a key file");
  assert.equal(kindOf(text.replace("\n", "\n*")), "not a key file");
});
