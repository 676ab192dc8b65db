import assert from "node:assert/strict";
import { deflateSync, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { IntegrityError } from "../../../core/errors.ts";
import { Compressor, MAX_PLAIN_SIZE, parseCompression } from "../../../core/object/mod.ts";
import { resetLzma } from "../../../core/object/_lzma.ts";
import { paddingSize } from "../../../core/object/_obfuscate.ts";
import { frameContentSize, resetZstd, useWasmZstd } from "../../../core/object/_zstd.ts";
import { encodeLz4 } from "../../../wasm/mod.ts";
import { borrowAccel } from "../../../core/platform/accel.ts";
import { bytesOfHex, compressibleBytes, hexOfBytes, seededBytes } from "../../fixtures/deterministic.ts";

const SPECS = [
  "none",
  "lz4",
  "zstd,1",
  "zstd,3",
  "zstd,19",
  "zlib,0",
  "zlib,6",
  "zlib,9",
  "lzma,0",
  "lzma,6",
  "auto,zstd,3",
  "auto,lzma,2",
  "auto,zlib,6",
  "auto,lz4",
  "auto,none",
  "obfuscate,2,lz4",
  "obfuscate,112,zstd,3",
  "obfuscate,250,auto,zlib,5",
  "obfuscate,1,obfuscate,1,none",
];

const newCompressor = (accel = borrowAccel()) => new Compressor({ accel, random: () => 0.25 });

async function roundTrip(compressor: Compressor, plain: Uint8Array, spec: string): Promise<Uint8Array> {
  const payload = (await compressor.compress(plain, parseCompression(spec))).slice();
  assert.deepEqual(new Uint8Array(await compressor.decompress(payload)), plain, spec);
  return payload;
}

function isDecompressionError(error: unknown): boolean {
  assert.ok(error instanceof IntegrityError && error.code === "DecompressionError", String(error));
  return true;
}

Deno.test("Compressor undoes every compression at many sizes, with borrowed code and without", async () => {
  for (const accel of [null, borrowAccel()]) {
    const compressor = newCompressor(accel);
    for (const spec of SPECS) {
      for (const length of [0, 1, 2, 5, 100, 70_000]) {
        await roundTrip(compressor, compressibleBytes(length), spec);
        await roundTrip(compressor, seededBytes(length + 1)(length), spec);
        await roundTrip(compressor, new Uint8Array(length), spec);
      }
    }
  }
});

Deno.test("Compressor undoes every compression of arbitrary bytes", async () => {
  const compressor = newCompressor();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...SPECS.filter((spec) => !spec.includes("lzma"))),
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
      fc.nat(30),
      async (spec, parts, repeat) => {
        const once = parts.flatMap((part) => [...part]);
        await roundTrip(compressor, Uint8Array.from(Array(repeat + 1).fill(once).flat()), spec);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("Compressor handles chunks of 8 MiB", async () => {
  const plain = compressibleBytes(1 << 20);
  const large = new Uint8Array(1 << 23);
  for (let at = 0; at < large.length; at += plain.length) large.set(plain, at);
  for (const accel of [null, borrowAccel()]) {
    for (const spec of ["none", "lz4", "zstd,1", "zlib,1"]) {
      await roundTrip(newCompressor(accel), large, spec);
    }
  }
});

Deno.test("Compressor marks payloads as borg does and stores as none what does not shrink", async () => {
  const compressor = newCompressor();
  const text = compressibleBytes(5000);
  const noise = seededBytes(40)(5000);
  const head = async (plain: Uint8Array, spec: string) =>
    hexOfBytes((await compressor.compress(plain, parseCompression(spec))).subarray(0, 2));
  assert.equal(await head(text, "none"), "0000");
  assert.equal(await head(text, "lz4"), "0100");
  assert.equal(await head(text, "lzma"), "0200");
  assert.equal(await head(text, "zstd"), "0300");
  assert.equal(await head(text, "obfuscate,1,lz4"), "0400");
  assert.equal(await head(text, "zlib"), "789c");
  for (const spec of ["lz4", "lzma", "zstd", "auto,lzma", "auto,lz4"]) {
    assert.equal(await head(noise, spec), "0000");
  }
  assert.equal(await head(noise, "zlib"), "789c");
  assert.equal(await head(new Uint8Array(0), "lz4"), "0000");
});

Deno.test("Compressor decides auto by how well lz4 does, then by what the other one gains", async () => {
  const compressor = newCompressor();
  const head = async (plain: Uint8Array, spec: string) =>
    hexOfBytes((await compressor.compress(plain, parseCompression(spec))).subarray(0, 2));
  // Half noise, half zeros: lz4 gets the zeros, and zlib gains next to nothing more.
  const mixed = new Uint8Array(20_000);
  mixed.set(seededBytes(41)(10_000));
  assert.equal(await head(mixed, "zlib"), "789c");
  assert.equal(await head(mixed, "auto,zlib"), "0100");
  assert.equal(await head(compressibleBytes(20_000), "auto,zlib"), "789c");
  assert.equal(await head(compressibleBytes(20_000), "auto,none"), "0100");
  // Seven-bit noise, of which zlib would save an eighth, but lz4 only sees the two per cent of zeros in front: less than
  // the three that auto asks for, so zlib is not even tried.
  const slight = seededBytes(42)(20_000).map((byte) => byte & 0x7f);
  slight.fill(0, 0, 400);
  assert.equal(await head(slight, "auto,zlib"), "0100");
  slight.fill(0, 0, 1000);
  assert.equal(await head(slight, "auto,zlib"), "789c");
});

Deno.test("Compressor answers without a promise once the code is loaded", async () => {
  const compressor = newCompressor();
  const plain = compressibleBytes(1000);
  for (const spec of ["lzma,1", "zstd,1"]) await compressor.compress(plain, parseCompression(spec));
  for (const spec of SPECS) {
    const payload = compressor.compress(plain, parseCompression(spec));
    assert.ok(payload instanceof Uint8Array, spec);
    assert.ok(compressor.decompress(payload.slice()) instanceof Uint8Array, spec);
  }
});

Deno.test("Compressor keeps apart two results of which one had to wait for code", async () => {
  const compressor = newCompressor();
  const noise = seededBytes(43)(3000);
  resetLzma();
  const waiting = compressor.compress(noise, parseCompression("lzma,1"));
  assert.ok(waiting instanceof Promise);
  const kept = Promise.resolve(waiting).then((payload) => payload.slice());
  compressor.compress(seededBytes(44)(3000), parseCompression("none"));
  assert.deepEqual(new Uint8Array(await compressor.decompress(await kept)), noise);
});

Deno.test("Compressor writes zstd frames that tell their size, the same by WASM, each readable by the other", async () => {
  const compressor = newCompressor();
  const plain = compressibleBytes(100_000);
  const native = await roundTrip(compressor, plain, "zstd,5");
  await useWasmZstd();
  try {
    const wasm = await roundTrip(compressor, plain, "zstd,5");
    assert.equal(frameContentSize(wasm.subarray(2)), plain.length);
    assert.equal(frameContentSize(native.subarray(2)), plain.length);
    assert.deepEqual(new Uint8Array(await compressor.decompress(native)), plain);
    resetZstd();
    assert.deepEqual(new Uint8Array(await compressor.decompress(wasm)), plain);
  } finally {
    resetZstd();
  }
});

Deno.test("Compressor refuses zstd frames that promise too much, nothing, or something else than they hold", async () => {
  const compressor = newCompressor();
  const frame = (await roundTrip(compressor, compressibleBytes(1000), "zstd,3")).slice();
  const refuse = (payload: Uint8Array) =>
    assert.rejects(async () => await compressor.decompress(payload), isDecompressionError);
  const other = frame.slice();
  other[7]! ^= 1; // the size field's low byte
  await refuse(other);
  await refuse(bytesOfHex("030028b52ffde0" + "00000000ffffff00" + "010000"));
  await refuse(bytesOfHex("030028b52ffd0058" + "010000"));
  await refuse(bytesOfHex("030000000000"));
  await refuse(bytesOfHex("0300"));
  for (let length = 2; length < frame.length; length++) await refuse(frame.subarray(0, length));
});

Deno.test("Compressor refuses payloads that would become too large", async () => {
  const compressor = newCompressor();
  const zeros = new Uint8Array(MAX_PLAIN_SIZE + 1);
  const lz4 = new Uint8Array(zeros.length);
  const length = encodeLz4(zeros, lz4);
  const bombs = [
    new Uint8Array([1, 0, ...lz4.subarray(0, length)]),
    new Uint8Array(deflateSync(zeros, { level: 1 })),
    (await compressor.compress(zeros, parseCompression("zstd,1"))).slice(),
    (await compressor.compress(zeros, parseCompression("lzma,0"))).slice(),
    (await compressor.compress(zeros, parseCompression("none"))).slice(),
  ];
  for (const bomb of bombs) {
    for (const accel of [null, borrowAccel()]) {
      await assert.rejects(async () => await newCompressor(accel).decompress(bomb), isDecompressionError);
    }
  }
});

Deno.test("Compressor reads what compresses to next to nothing, up to the limit", async () => {
  const zeros = new Uint8Array(20_000_000);
  for (const accel of [null, borrowAccel()]) await roundTrip(newCompressor(accel), zeros, "lz4");
});

Deno.test("Compressor answers rubbish, truncations and flipped bits with DecompressionError or other bytes", async () => {
  const compressor = newCompressor();
  const survives = async (payload: Uint8Array) => {
    try {
      await compressor.decompress(payload);
    } catch (error) {
      isDecompressionError(error);
    }
  };
  const plain = compressibleBytes(300);
  for (const spec of ["lz4", "zstd,3", "zlib,6", "lzma,1", "obfuscate,250,lz4"]) {
    const payload = (await compressor.compress(plain, parseCompression(spec))).slice();
    for (let length = 0; length < payload.length; length++) await survives(payload.subarray(0, length));
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const damaged = payload.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      await survives(damaged);
    }
  }
  await fc.assert(
    fc.asyncProperty(fc.nat(8), fc.uint8Array({ maxLength: 80 }), async (kind, rest) => {
      await survives(new Uint8Array([...(kind === 8 ? [0x78, 0x9c] : [kind, 0]), ...rest]));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("Compressor refuses obfuscation nested without end", () => {
  let payload = bytesOfHex("0000");
  for (let i = 0; i < 5000; i++) {
    const outer = new Uint8Array(6 + payload.length);
    outer[0] = 4;
    new DataView(outer.buffer).setUint32(2, payload.length, false);
    outer.set(payload, 6);
    payload = outer;
  }
  assert.throws(() => newCompressor().decompress(payload), isDecompressionError);
});

Deno.test("paddingSize() follows borg's schemes", () => {
  assert.equal(paddingSize(1000, 1, () => 0.5), 20);
  assert.equal(paddingSize(1000, 1, () => 0), 100_000);
  assert.equal(paddingSize(1000, 110, () => 0.5), 512);
  assert.equal(paddingSize(1000, 123, () => 0.75), 6_291_456);
  assert.equal(paddingSize(20_971_479 - 1024, 6, () => 0), 0);
  assert.equal(paddingSize(20_000_000, 6, () => 0), 970_455);
  // Padmé: 9 has exponent 3, of which 2 bits are kept: a multiple of 2.
  assert.deepEqual([0, 1, 2, 3, 8, 9, 10, 1000, 1025].map((n) => paddingSize(n, 250, () => 0)), [
    ...[0, 0, 0, 0, 0, 1, 0, 24, 63],
  ]);
});

Deno.test("the embedded liblzma is the one of the npm package", async () => {
  const { packagedLiblzma } = await import("../../../scripts/embed_liblzma.ts");
  const { LIBLZMA_WASM_GZ } = await import("../../../core/object/_liblzma_wasm.ts");
  const embedded = gunzipSync(Uint8Array.from(atob(LIBLZMA_WASM_GZ), (c) => c.charCodeAt(0)));
  assert.deepEqual(new Uint8Array(embedded), new Uint8Array(await packagedLiblzma()));
});

Deno.test("the embedded zstd is the one of the npm package", async () => {
  const { packagedZstd } = await import("../../../scripts/embed_zstd.ts");
  const { ZSTD_WASM_GZ } = await import("../../../core/object/_zstd_wasm.ts");
  const embedded = gunzipSync(Uint8Array.from(atob(ZSTD_WASM_GZ), (c) => c.charCodeAt(0)));
  assert.deepEqual(new Uint8Array(embedded), new Uint8Array(await packagedZstd()));
});
