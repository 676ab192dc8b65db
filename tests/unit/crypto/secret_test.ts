import assert from "node:assert/strict";
import { inspect } from "node:util";
import { equalInConstantTime, Secret } from "../../../core/crypto/mod.ts";
import { ascii } from "../../fixtures/deterministic.ts";

Deno.test("Secret shows nothing of its bytes however it is printed", () => {
  const secret = new Secret(ascii("hunter2"));
  const seen = [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect({ secret }, { depth: 9, showHidden: true }),
    Deno.inspect({ secret }, { depth: 9, showHidden: true }),
    Object.keys(secret).join(),
  ].join("\n");
  assert.ok(!seen.includes("hunter2"), seen);
  assert.ok(!seen.includes("104"), seen);
  assert.equal(secret.expose().length, 7);
});

Deno.test("Secret.wipe() overwrites the bytes and makes them unusable", () => {
  const bytes = ascii("hunter2");
  const secret = new Secret(bytes);
  secret.wipe();
  secret.wipe();
  assert.deepEqual(bytes, new Uint8Array(7));
  assert.throws(() => secret.expose(), TypeError);
});

Deno.test("equalInConstantTime() compares contents and length", () => {
  assert.ok(equalInConstantTime(ascii("abc"), ascii("abc")));
  assert.ok(!equalInConstantTime(ascii("abc"), ascii("abd")));
  assert.ok(!equalInConstantTime(ascii("abc"), ascii("ab")));
  assert.ok(equalInConstantTime(new Uint8Array(0), new Uint8Array(0)));
});
