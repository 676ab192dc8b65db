/**
 * Makes a repository with as many chunks and files as a large machine has, without data of that size: contents of 16
 * bytes, and items that no file stands behind, through the store and the archive writer that backups use.
 *
 *     deno run -A tests/bench/growth_build.ts REPOSITORY CHUNKS FILES ARCHIVES REPEATS
 *
 * A process of its own, so that its memory is not measured. First come ARCHIVES small archives, each with its commit,
 * then one archive "large" of FILES files with all the chunks, and REPEATS more of the same, as daily backups make them. Mode "none", no compression.
 */
import { ArchiveWriter, ChunkSink, type Item, Manifest } from "../../core/archive/mod.ts";
import { DEFAULT_CHUNKER_PARAMS } from "../../core/chunk/mod.ts";
import { ChunksIndex } from "../../core/local/mod.ts";
import { createCodec, type ObjectCodec, parseCompression, plaintextMaterial } from "../../core/object/mod.ts";
import { borrowAccel, randomBytes } from "../../core/platform/mod.ts";
import { createRepository, type SegmentStore } from "../../core/store/mod.ts";
import { testEnv } from "../fixtures/store_env.ts";

/** Files of a small archive; neighbours share half of their chunks. */
const SMALL_FILES = 10;
const FILES_PER_FOLDER = 1000;
const CONTENT_BYTES = 16;
const NOW_US = 1_767_225_600_000_000;
const COMPRESSION = parseCompression("none");

/** Archive path of file number `n` of the large archive. */
export function filePath(n: number): string {
  const folder = Math.floor(n / FILES_PER_FOLDER);
  return `tree/folder-${String(folder).padStart(5, "0")}/file-${String(n).padStart(8, "0")}.txt`;
}

/** Contents number `n` of series `series`. */
function contents(series: number, n: number): Uint8Array {
  const bytes = new Uint8Array(CONTENT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, series);
  view.setUint32(8, n);
  return bytes;
}

function fileItem(path: string, n: number): Item {
  const time = BigInt(NOW_US) * 1000n - BigInt(n) * 1_234_567n;
  return {
    path,
    mode: 0o100644,
    uid: 1000,
    gid: 1000,
    user: "user",
    group: "group",
    mtime: time,
    ctime: time,
    hardlink_master: false,
  };
}

interface Builder {
  store: SegmentStore;
  codec: ObjectCodec;
  manifest: Manifest;
}

interface ArchivePlan {
  name: string;
  files: number;
  chunksPerFile: number;
  path(file: number): string;
  contents(chunk: number): Uint8Array;
}

async function writeArchive({ store, codec, manifest }: Builder, plan: ArchivePlan): Promise<void> {
  const sink = new ChunkSink(store, codec, new ChunksIndex(), { compression: COMPRESSION });
  const context = { store, codec, manifest, sink, nowUs: () => NOW_US };
  const writer = new ArchiveWriter(context, {
    name: plan.name,
    comment: "",
    chunkerParams: DEFAULT_CHUNKER_PARAMS,
    cmdline: ["growth"],
    hostname: "host",
    username: "user",
    cwd: "/",
  });
  let chunk = 0;
  for (let file = 0; file < plan.files; file++) {
    const item = fileItem(plan.path(file), file);
    const chunks = [];
    for (let i = 0; i < plan.chunksPerFile; i++) {
      // Not through the sink: its memory of what passed would be as large as the repository's index.
      const plain = plan.contents(chunk++);
      const id = codec.idOf(plain);
      const stored = await codec.seal(plain, COMPRESSION);
      const isNew = !await store.has(id);
      if (isNew) await store.put(id, stored);
      writer.stats.addChunk(plain.length, stored.length, isNew);
      chunks.push({ id, size: plain.length, csize: stored.length });
    }
    writer.stats.files++;
    const wait = writer.addItem({ ...item, size: CONTENT_BYTES * chunks.length, chunks });
    if (wait) await wait;
  }
  await writer.save();
  sink.dispose();
}

export interface Size {
  chunks: number;
  files: number;
  /** Small ones. */
  archives: number;
  /** Further archives with the same files as the large one. */
  repeats: number;
}

/** Makes the repository at `path`, where nothing may be. */
export async function buildRepository(
  path: string,
  { chunks, files, archives, repeats }: Size,
): Promise<void> {
  const store = await createRepository(testEnv(), path);
  const codec = await createCodec(plaintextMaterial(store.id), {
    nonce: null,
    accel: borrowAccel(),
    randomBytes,
  });
  const manifest = new Manifest(codec);
  await manifest.write(store, NOW_US);
  store.commit();
  const builder = { store, codec, manifest };
  for (let n = 0; n < archives; n++) {
    await writeArchive(builder, {
      name: `small-${n}`,
      files: SMALL_FILES,
      chunksPerFile: 1,
      path: (file) => `small/${file}`,
      contents: (chunk) => contents(1, n * SMALL_FILES / 2 + chunk),
    });
  }
  for (let n = 0; n <= repeats; n++) {
    await writeArchive(builder, {
      name: n === 0 ? "large" : `large-${n}`,
      files,
      chunksPerFile: Math.max(1, Math.round(chunks / files)),
      path: filePath,
      contents: (chunk) => contents(2, chunk),
    });
  }
  codec.dispose();
  await store.close();
}

if (import.meta.main) {
  const [path, ...numbers] = Deno.args;
  const [chunks, files, archives, repeats] = numbers.map(Number) as [number, number, number, number];
  await buildRepository(path!, { chunks, files, archives, repeats });
}
