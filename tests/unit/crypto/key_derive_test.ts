import assert from "node:assert/strict";
import { deriveKey, deriveKeyAside, MAX_PBKDF2_ITERATIONS } from "../../../core/crypto/mod.ts";
import { ascii, hexOfBytes } from "../../fixtures/deterministic.ts";

const salt = ascii("salt");

Deno.test("deriveKey() gives the keys of RFC 6070's inputs under SHA-256", () => {
  const key = (iterations: number) => hexOfBytes(deriveKey("password", { salt, iterations }));
  assert.equal(key(1), "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b");
  assert.equal(key(2), "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43");
  assert.equal(key(4096), "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
});

Deno.test("deriveKey() gives the key of RFC 7914, 11", () => {
  assert.equal(
    hexOfBytes(deriveKey("passwd", { salt, iterations: 1, length: 64 })),
    "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc" +
      "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
  );
});

Deno.test("deriveKey() hashes the UTF-8 of the passphrase", () => {
  assert.notDeepEqual(deriveKey("ä", { salt, iterations: 1 }), deriveKey("a", { salt, iterations: 1 }));
  assert.equal(
    hexOfBytes(deriveKey("", { salt, iterations: 1 })),
    "f135c27993baf98773c5cdb40a5706ce6a345cde61b000a67858650cd6a324d7",
  );
});

Deno.test("deriveKey() refuses iterations that would hang", () => {
  for (const iterations of [0, -1, 1.5, NaN, MAX_PBKDF2_ITERATIONS + 1, 2 ** 53]) {
    assert.throws(() => deriveKey("x", { salt, iterations }), RangeError);
  }
});

Deno.test("deriveKeyAside() gives the same keys as deriveKey()", async () => {
  for (const passphrase of ["", "password", "pässword \u{1f511} \udc80", "x".repeat(200)]) {
    for (const [iterations, length] of [[1, 32], [4096, 32], [7, 64]] as const) {
      const options = { salt, iterations, length };
      assert.deepEqual(await deriveKeyAside(passphrase, options), deriveKey(passphrase, options));
    }
  }
  await assert.rejects(deriveKeyAside("x", { salt, iterations: MAX_PBKDF2_ITERATIONS + 1 }), RangeError);
});
