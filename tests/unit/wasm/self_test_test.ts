import { selfTest } from "../../../wasm/mod.ts";

Deno.test("selfTest() finds all kernels right", () => {
  selfTest();
  selfTest();
});
