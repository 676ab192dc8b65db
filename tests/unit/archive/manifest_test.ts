import assert from "node:assert/strict";
import { Manifest } from "../../../core/archive/mod.ts";
import { asChunkId, MANIFEST_ID, type Packable, sortedMap } from "../../../core/bytes/mod.ts";
import { AppError } from "../../../core/errors.ts";
import { MemStore } from "../../../core/store/mod.ts";
import { testCodec, testKey } from "../../fixtures/codecs.ts";

const NOW_US = 1_764_000_000_000_000;
const id = asChunkId(new Uint8Array(32).fill(5));
const code = (wanted: string) => (error: unknown) => error instanceof AppError && error.code === wanted;

async function setUp(mode: "repokey" | "none" = "repokey") {
  const codec = await testCodec(testKey(mode));
  const store = new MemStore();
  const load = (operations: ("read" | "write")[] = ["read"], tamRequired = codec.tamRequired) =>
    Manifest.load(store, codec, { operations, tamRequired });
  return { codec, store, load };
}

Deno.test("Manifest.load() gives back what write() stored", async () => {
  const { codec, store, load } = await setUp();
  const manifest = new Manifest(codec);
  for (const name of ["b", "a", "ünï\udcff"]) {
    manifest.archives.set(name, { name, id, time: "2026-11-24T06:00:00.000001" });
  }
  await manifest.write(store, NOW_US);
  const loaded = await load();
  assert.deepEqual(new Set(loaded.archives.keys()), new Set(["a", "b", "ünï\udcff"]));
  assert.deepEqual(loaded.archives.get("a"), { name: "a", id, time: "2026-11-24T06:00:00.000001" });
  assert.equal(loaded.authenticated, true);
  assert.equal(loaded.tamRequired, true);
  assert.deepEqual(loaded.id, manifest.id);
});

Deno.test("Manifest.write() never goes back in time, however the clock stands", async () => {
  const { codec, store, load } = await setUp();
  const manifest = new Manifest(codec);
  await manifest.write(store, NOW_US);
  const first = manifest.timestamp;
  await manifest.write(store, NOW_US - 3_600_000_000);
  const second = (await load()).timestamp;
  assert.ok(second > first, `${first} then ${second}`);
  const later = await load();
  await later.write(store, NOW_US + 1_000_000);
  assert.equal(later.timestamp, "2025-11-24T16:00:01.000000");
});

Deno.test("Manifest.load() refuses a missing, damaged, foreign or unauthenticated manifest", async () => {
  const { codec, store, load } = await setUp();
  await assert.rejects(load(), code("NoManifestError"));
  const fields: Record<string, Packable> = {
    version: 1,
    archives: sortedMap({}),
    timestamp: "2026-11-24T06:00:00.000000",
    config: sortedMap({}),
    item_keys: [],
  };
  const store1 = async (kind: "manifest" | "archive", changed: Record<string, Packable>) => {
    const packed = codec.packAuthenticated(kind, { ...fields, ...changed });
    await store.put(MANIFEST_ID, await codec.seal(packed, codec.defaultCompression));
  };
  await store1("manifest", { version: 3 });
  await assert.rejects(load(), code("UnsupportedManifestError"));
  await store1("manifest", { archives: sortedMap({ a: sortedMap({ id: new Uint8Array(31), time: "x" }) }) });
  await assert.rejects(load(), code("IntegrityError"));
  // An archive's signature is not a manifest's.
  await store1("archive", {});
  await assert.rejects(load(), code("TAMInvalid"));
  const other = await testCodec(testKey("repokey", 99));
  await store.put(MANIFEST_ID, await other.seal(new Uint8Array(100), other.defaultCompression));
  await assert.rejects(load(), code("IntegrityError"));
});

Deno.test("Manifest.load() lets feature flags forbid what they name, and only that", async () => {
  const { codec, store, load } = await setUp("none");
  const manifest = new Manifest(codec);
  const mandatory = new Map([["mandatory", [new TextEncoder().encode("magic")]]]);
  manifest.config.set("feature_flags", new Map([["write", mandatory]]));
  await manifest.write(store, NOW_US);
  await load(["read"]);
  await assert.rejects(load(["write"]), code("MandatoryFeatureUnsupported"));
});

Deno.test("Manifest.write() refuses names that borg could not read back", async () => {
  const { codec, store } = await setUp("none");
  const manifest = new Manifest(codec);
  const name = "ü".repeat(128);
  manifest.archives.set(name, { name, id, time: "2026-11-24T06:00:00.000000" });
  await assert.rejects(manifest.write(store, NOW_US), code("Error"));
});
