/**
 * Compiles the kernels of rust-free-asm/ by AssemblyScript: `deno task wasm`. Out: for each kernel wasm/<name>.wasm and
 * the same bytes as text in wasm/<name>_wasm.ts, which a bundle can carry without reading files. The result depends on
 * the sources and the compiler's version alone; tests/unit/wasm/build_wasm_test.ts holds the committed files to it.
 */
import asc from "assemblyscript/asc";
import { fileURLToPath } from "node:url";

export const KERNELS = ["blake2b", "buzhash", "crc32", "hash_index", "lz4", "xxh64"] as const;
export type KernelName = (typeof KERNELS)[number];

const root = fileURLToPath(new URL("..", import.meta.url));

/** The WASM module of a kernel, built in memory. Throws Error with the compiler's words. */
export async function buildKernel(name: KernelName): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  let complaints = "";
  const listen = {
    write(text: string | Uint8Array) {
      complaints += typeof text === "string" ? text : new TextDecoder().decode(text);
    },
  };
  const { error } = await asc.main([
    `rust-free-asm/${name}.ts`,
    "--outFile",
    "kernel.wasm",
    "--runtime",
    "stub",
    "-O3",
    "--noAssert",
    "--enable",
    "simd",
  ], {
    stdout: listen,
    stderr: listen,
    listFiles: () => null,
    readFile(file) {
      try {
        return Deno.readTextFileSync(`${root}${file}`);
      } catch (error) {
        // The compiler asks for several possible names of an import; only "not there" is an answer.
        if (error instanceof Deno.errors.NotFound) return null;
        throw error;
      }
    },
    writeFile(_file, contents) {
      if (typeof contents !== "string") binary = contents;
    },
  });
  if (error || !binary) {
    throw new Error(`Cannot compile kernel ${name}: ${error?.message ?? ""}\n${complaints}`);
  }
  return binary;
}

/** Text of the TypeScript module that carries `binary`. */
export function embedKernel(name: KernelName, binary: Uint8Array): string {
  const text = btoa(String.fromCharCode(...binary));
  return `/** Made by scripts/build_wasm.ts from rust-free-asm/${name}.ts; do not edit. */\n` +
    `export const ${name.toUpperCase()}_WASM =\n  "${text}";\n`;
}

async function main(): Promise<void> {
  for (const name of KERNELS) {
    const binary = await buildKernel(name);
    Deno.writeFileSync(`${root}wasm/${name}.wasm`, binary);
    Deno.writeTextFileSync(`${root}wasm/${name}_wasm.ts`, embedKernel(name, binary));
    console.log(`wasm/${name}.wasm: ${binary.length} bytes`);
  }
}

if (import.meta.main) await main();
