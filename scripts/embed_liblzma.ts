/**
 * Writes `core/object/_liblzma_wasm.ts`: liblzma (xz, 0BSD licence) compiled to WASM, as the npm package `node-liblzma`
 * ships it, compressed and as text, so that it is there in a bundle as well. The package's own inline variant does not
 * fit its loader (5.1.3: the module asks for five functions, the loader has one), so the module is taken as it is.
 *
 *     deno run -A scripts/embed_liblzma.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const LINE = 100;

/** The module in the npm cache; downloaded there by the import. */
export async function packagedLiblzma(): Promise<Uint8Array> {
  await import("node-liblzma/wasm");
  return readFileSync(fileURLToPath(import.meta.resolve("node-liblzma/wasm/liblzma.wasm")));
}

if (import.meta.main) {
  const text = gzipSync(await packagedLiblzma(), { level: 9 }).toString("base64");
  const lines = text.match(new RegExp(`.{1,${LINE}}`, "g"))!;
  const target = fileURLToPath(new URL("../core/object/_liblzma_wasm.ts", import.meta.url));
  writeFileSync(
    target,
    "// deno-fmt-ignore-file\n" +
      "/** Made by scripts/embed_liblzma.ts: liblzma.wasm of node-liblzma, gzip, base64. */\n" +
      `export const LIBLZMA_WASM_GZ = \`\n${lines.join("\n")}\n\`;\n`,
  );
}
