/** The borrowed libcrypto at the end of the process: threads may still be at work in it, so it must not clean itself up. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";

const ACCEL = new URL("../../../core/platform/accel.ts", import.meta.url).href;

/** What libcrypto is to call when it cleans itself up, which ends the process by SIGABRT: no timing decides. */
const program = (borrowFirst: boolean): string => `
import process from "node:process";
import { borrowAccel } from ${JSON.stringify(ACCEL)};
if (${borrowFirst} && !borrowAccel()?.hmacSha256) process.exit(77);
const { symbols: libc } = Deno.dlopen("libc.so.6", { abort: { type: "pointer" } });
const { symbols: crypto } = Deno.dlopen("libcrypto.so.3", {
  OPENSSL_init_crypto: { parameters: ["u64", "pointer"], result: "i32" },
  OPENSSL_atexit: { parameters: ["pointer"], result: "i32" },
});
crypto.OPENSSL_init_crypto(2n, null); // OPENSSL_INIT_LOAD_CRYPTO_STRINGS, as any use of it
if (crypto.OPENSSL_atexit(libc.abort) !== 1) process.exit(78);
process.exit(0);`;

function run(borrowFirst: boolean): { status: number | null; signal: string | null; stderr: string } {
  const source = `data:application/typescript,${encodeURIComponent(program(borrowFirst))}`;
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    ["run", "-A", "--quiet", "--no-check", source],
    { encoding: "utf8" },
  );
  return { status, signal, stderr };
}

Deno.test("libcrypto that was borrowed is not cleaned up when the process exits", () => {
  // Somebody else's first use arranges the clean-up: proof that this test would see it.
  const control = run(false);
  if (control.signal !== "SIGABRT") {
    return console.log("skipped: no libcrypto 3 and libc by glibc's name to see its clean-up with");
  }
  const ours = run(true);
  assert.deepEqual({ status: ours.status, signal: ours.signal }, { status: 0, signal: null }, ours.stderr);
});
