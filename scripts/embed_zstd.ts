/**
 * Writes `core/object/_zstd_wasm.ts`: zstd (BSD licence) compiled to WASM, as the npm package `@bokuweb/zstd-wasm` ships
 * it, compressed and as text. The package's own loader reads a file beside it, which a bundle does not have.
 *
 *     deno run -A scripts/embed_zstd.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const LINE = 100;

/** The module in the npm cache; downloaded there by the import. */
export async function packagedZstd(): Promise<Uint8Array> {
  await import("@bokuweb/zstd-wasm");
  return readFileSync(fileURLToPath(new URL("./zstd.wasm", import.meta.resolve("@bokuweb/zstd-wasm"))));
}

if (import.meta.main) {
  const text = gzipSync(await packagedZstd(), { level: 9 }).toString("base64");
  const lines = text.match(new RegExp(`.{1,${LINE}}`, "g"))!;
  const target = fileURLToPath(new URL("../core/object/_zstd_wasm.ts", import.meta.url));
  writeFileSync(
    target,
    "// deno-fmt-ignore-file\n" +
      "/** Made by scripts/embed_zstd.ts: zstd.wasm of @bokuweb/zstd-wasm, gzip, base64. */\n" +
      `export const ZSTD_WASM_GZ = \`\n${lines.join("\n")}\n\`;\n`,
  );
}
