import assert from "node:assert/strict";
import { kernelFactory, proveAtFirstUse } from "../../../wasm/_module.ts";
import { selfTest } from "../../../wasm/mod.ts";
import { XXH64_WASM } from "../../../wasm/xxh64_wasm.ts";

Deno.test("selfTest() finds all kernels right", () => {
  selfTest();
  selfTest();
});

Deno.test("proveAtFirstUse() lets nobody use a kernel whose answers are wrong", () => {
  // The same kernel under another text: a space is no part of base64.
  const text = `${XXH64_WASM} `;
  const wrong = new Error("wrong");
  let proofs = 0;
  proveAtFirstUse(text, () => {
    proofs++;
    throw wrong;
  });
  const instantiate = kernelFactory(text);
  assert.throws(() => instantiate(1), wrong);
  assert.throws(() => instantiate(1), wrong);
  assert.equal(proofs, 2);
  proveAtFirstUse(text, () => {
    proofs++;
    instantiate(1); // what a proof itself uses needs none
  });
  instantiate(1);
  instantiate(1);
  assert.equal(proofs, 3);
});
