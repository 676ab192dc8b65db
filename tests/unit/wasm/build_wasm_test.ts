import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { buildKernel, embedKernel, KERNELS } from "../../../scripts/build_wasm.ts";

const folder = fileURLToPath(new URL("../../../wasm/", import.meta.url));

for (const name of KERNELS) {
  Deno.test(`buildKernel() makes the committed module ${name} from the committed source`, async () => {
    const binary = await buildKernel(name);
    assert.ok(Buffer.compare(Deno.readFileSync(`${folder}${name}.wasm`), binary) === 0, "run deno task wasm");
    assert.equal(Deno.readTextFileSync(`${folder}${name}_wasm.ts`), embedKernel(name, binary));
  });
}
