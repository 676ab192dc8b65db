/**
 * `deno run -A tests/bench/kernels.ts [--runs N]`: every alternative for the program's inner loops, at three sizes, best of
 * many runs in turn. The ones marked * are those that the program uses (with borrowed libraries; without, the next below).
 * Figures are GB/s of input, or of output where something is unpacked.
 */
import { createCipheriv, createHash, createHmac } from "node:crypto";
import * as nodeCrypto from "node:crypto";
import { parseArgs } from "node:util";
import * as zlib from "node:zlib";
import { createBLAKE2b, createXXHash64 } from "hash-wasm";
import { createAesCtr, createBlake2b256, createHmacSha256, createSha256 } from "../../core/crypto/mod.ts";
import { borrowAccel } from "../../core/platform/accel.ts";
import { crc32 } from "../../core/store/crc32.ts";
import { BuzhashScanner, crc32ByKernel, decodeLz4, encodeLz4, lz4Bound, Xxh64 } from "../../wasm/mod.ts";
import { decodeLz4Block, encodeLz4Block } from "../unit/wasm/_lz4_twin.ts";

const { values: options } = parseArgs({ options: { runs: { type: "string", default: "40" } } });
const SIZES = [1 << 10, 1 << 16, 2 << 20];
/** One measurement lasts about as long as so many bytes take. */
const BYTES_PER_RUN = 2 << 20;

const random = new Uint8Array(SIZES.at(-1)!);
for (let i = 0, state = 1; i < random.length; i++) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  random[i] = state;
}
/** Some text-like data, which packs to a half or so. */
const words = Uint8Array.from(random, (byte, i) => i % 16 < 9 ? 97 + i % 16 : 97 + byte % 16);

const accel = borrowAccel();
const key = random.slice(0, 128);
const out = new Uint8Array(random.length + 65_536);
const digest = new Uint8Array(32);

type Work = (data: Uint8Array) => unknown;
interface Group {
  title: string;
  data: Uint8Array;
  candidates: [string, Work][];
}

async function groups(): Promise<Group[]> {
  const blake = await createBLAKE2b(256);
  const xxhash = await createXXHash64(0, 0);
  const own = createBlake2b256(key);
  const [sha, portableSha] = [createSha256(accel), createSha256(null)];
  const [hmac, portableHmac] = [createHmacSha256(key, accel), createHmacSha256(key, null)];
  const [aes, portableAes] = [
    createAesCtr(key.subarray(0, 32), accel),
    createAesCtr(key.subarray(0, 32), null),
  ];
  const counter = new Uint8Array(new ArrayBuffer(16));
  const scanner = new BuzhashScanner({
    seed: 1,
    // Every byte is hashed.
    minSize: 1,
    maskBits: 31,
    windowSize: 4095,
    bufferBytes: random.length + 4096,
  });
  scanner.buffer.set(random);
  const native = (zlib as { crc32?: (data: Uint8Array, value?: number) => number }).crc32;
  const oneShot =
    (nodeCrypto as { hash?: (name: string, data: Uint8Array, encoding: "buffer") => Uint8Array }).hash;
  const packed = new Map<number, [Uint8Array, Uint8Array]>();
  for (const size of SIZES) {
    const room = new Uint8Array(lz4Bound(size));
    const plain = new Uint8Array(size);
    packed.set(size, [room.slice(0, encodeLz4(words.subarray(0, size), room)), plain]);
  }
  const unpack = (decode: (input: Uint8Array, output: Uint8Array) => number): Work => (data) =>
    decode(...packed.get(data.length)!);
  return [
    {
      title: "chunk borders",
      data: random,
      candidates: [
        ["* buzhash kernel, window 4095", (data) => {
          scanner.reset();
          return scanner.scan(0, data.length + 4095, false);
        }],
      ],
    },
    {
      title: "CRC32",
      data: random,
      candidates: [
        ["* the program's", (data) => crc32(data)],
        ["kernel", (data) => crc32ByKernel(data)],
        ...(native ? [["node:zlib", (data) => native(data)]] as [string, Work][] : []),
      ],
    },
    {
      title: "XXH64",
      data: random,
      candidates: [
        ["* kernel", (data) => new Xxh64().update(data).digestHex()],
        ["hash-wasm", (data) => xxhash.init().update(data).digest("hex")],
      ],
    },
    {
      title: "BLAKE2b-256 under a key",
      data: random,
      candidates: [
        ["* kernel", (data) => own.digest(data, digest, 0)],
        [
          "hash-wasm",
          (data) => digest.set(blake.init().update(key).update(data).digest("binary")),
        ],
        ["node:crypto, BLAKE2b-512 (not the same)", (data) => {
          createHash("blake2b512").update(key).update(data).digest();
        }],
      ],
    },
    {
      title: "SHA-256",
      data: random,
      candidates: [
        ["* borrowed", (data) => sha.digest(data, digest, 0)],
        ["* portable", (data) => portableSha.digest(data, digest, 0)],
        ...(oneShot
          ? [[
            "node:crypto hash()",
            (data) => digest.set(oneShot("sha256", data, "buffer")),
          ]] as [string, Work][]
          : []),
      ],
    },
    {
      title: "HMAC-SHA256",
      data: random,
      candidates: [
        ["* borrowed", (data) => hmac.digest(data, digest, 0)],
        ["* portable", (data) => portableHmac.digest(data, digest, 0)],
        ["node:crypto createHmac", (data) => digest.set(createHmac("sha256", key).update(data).digest())],
      ],
    },
    {
      title: "AES-256-CTR",
      data: random,
      candidates: [
        ["* borrowed", (data) => aes.process(counter, data, out)],
        ["* portable", (data) => portableAes.process(counter, data, out)],
        ["node:crypto without the copy", (data) => {
          createCipheriv("aes-256-ctr", key.subarray(0, 32), counter).update(data);
        }],
      ],
    },
    {
      title: "LZ4, packing words",
      data: words,
      candidates: [
        ...(accel?.lz4 ? [["* borrowed", (data) => accel.lz4!.compress(data, out)]] as [string, Work][] : []),
        ["* kernel", (data) => encodeLz4(data, out)],
        ["TypeScript", (data) => encodeLz4Block(data, out)],
      ],
    },
    {
      title: "LZ4, packing random data",
      data: random,
      candidates: [
        ...(accel?.lz4 ? [["* borrowed", (data) => accel.lz4!.compress(data, out)]] as [string, Work][] : []),
        ["* kernel", (data) => encodeLz4(data, out)],
        ["TypeScript", (data) => encodeLz4Block(data, out)],
      ],
    },
    {
      title: "LZ4, unpacking words",
      data: words,
      candidates: [
        ...(accel?.lz4
          ? [["* borrowed", unpack(accel.lz4.decompress.bind(accel.lz4))]] as [string, Work][]
          : []),
        ["* kernel", unpack(decodeLz4)],
        ["TypeScript", unpack(decodeLz4Block)],
      ],
    },
  ];
}

function measure({ candidates, data }: Group, size: number): number[] {
  const part = data.subarray(0, size);
  const repeat = Math.max(1, Math.floor(BYTES_PER_RUN / size));
  const best = candidates.map(() => Infinity);
  for (let run = 0; run < Number(options.runs); run++) {
    candidates.forEach(([, work], i) => {
      const start = performance.now();
      for (let n = 0; n < repeat; n++) work(part);
      best[i] = Math.min(best[i]!, performance.now() - start);
    });
  }
  return best.map((ms) => size * repeat / ms / 1e6);
}

const heads = SIZES.map((size) => (size < 1 << 20 ? `${size >> 10} KiB` : `${size >> 20} MiB`).padStart(9));
console.log(accel?.description ?? "nothing borrowed");
console.log("GB/s".padEnd(44) + heads.join(""));
for (const group of await groups()) {
  console.log(group.title);
  const columns = SIZES.map((size) => measure(group, size));
  group.candidates.forEach(([name], i) => {
    const figures = columns.map((column) => column[i]!.toFixed(column[i]! < 1 ? 3 : 2).padStart(9));
    console.log(`    ${name}`.padEnd(44) + figures.join(""));
  });
}
