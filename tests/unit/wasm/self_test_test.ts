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

const BROKEN = `
  import { proveAtFirstUse } from ${
  JSON.stringify(new URL("../../../wasm/_module.ts", import.meta.url).href)
};
  import * as wasm from ${JSON.stringify(new URL("../../../wasm/mod.ts", import.meta.url).href)};
  const kernels = {
    XXH64: () => new wasm.Xxh64().update(new Uint8Array(3)).digestHex(),
    BLAKE2B: () => new wasm.Blake2b256(new Uint8Array(0)).digest(new Uint8Array(3), new Uint8Array(32), 0),
    LZ4: () => wasm.encodeLz4(new Uint8Array(300), new Uint8Array(400)),
    HASH_INDEX: () => wasm.HashIndex.create({ valueWords: 2 }).set(new Uint8Array(32), 1, 2),
  };
  const told = [];
  for (const [name, use] of Object.entries(kernels)) {
    const file = ${
  JSON.stringify(new URL("../../../wasm/", import.meta.url).href)
} + name.toLowerCase() + "_wasm.ts";
    proveAtFirstUse((await import(file))[name + "_WASM"], () => {
      use();
      throw new Error("wrong");
    });
    for (let i = 0; i < 3; i++) {
      try {
        use();
        told.push(name);
      } catch (error) {
        told.push(error.message);
      }
    }
  }
  console.log(told.join());`;

Deno.test("a kernel that answers wrong is of no use to its host, however often it is asked", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--ext=ts", "--no-check", BROKEN],
  });
  const { stdout, stderr } = await child.output();
  const text = new TextDecoder();
  assert.equal(text.decode(stdout).trim(), Array(12).fill("wrong").join(), text.decode(stderr));
});
