/**
 * Keys and objects against the real borg: what it makes we open, what we make it opens, in every mode and with every
 * compression. Most of it through borg's own modules in one Python process per test, some through real repositories.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { asChunkId, decodeText, encodeText, MANIFEST_ID, sortedMap } from "../../core/bytes/mod.ts";
import { decodeKeyFile, encodeKeyFile, nonceFloor } from "../../core/crypto/mod.ts";
import { KeyDir } from "../../core/local/key_dir.ts";
import { borrowAccel } from "../../core/platform/accel.ts";
import { PortableFiles } from "../../core/platform/mod.ts";
import {
  createCodec,
  decodeKey,
  detectMode,
  encodeKey,
  ENCRYPTION_MODES,
  type EncryptionMode,
  type KeyMaterial,
  modeTraits,
  newKey,
  type ObjectCodec,
  parseCompression,
  plaintextMaterial,
} from "../../core/object/mod.ts";
import { borgPython, borgTest, run } from "../fixtures/borg.ts";
import { memoryNonces, testCodec } from "../fixtures/codecs.ts";
import { bytesOfHex, compressibleBytes, hexOfBytes, seededBytes } from "../fixtures/deterministic.ts";

const PASSPHRASE = "test äöü";
const SPECS = [
  "none",
  "lz4",
  "zstd,1",
  "zstd,3",
  "zstd,22",
  "zlib,0",
  "zlib,6",
  "zlib,9",
  "lzma,0",
  "lzma,6",
  "lzma,9",
  "auto,zstd,3",
  "auto,lzma,1",
  "obfuscate,2,lz4",
  "obfuscate,110,zstd,3",
];
const PLAINS = [
  new Uint8Array(0),
  Uint8Array.of(7),
  compressibleBytes(20_000),
  seededBytes(5)(3000),
  new Uint8Array(100_000),
];

/** Borg's key classes with a repository that exists in memory only. */
const PRELUDE = `
import json, os, sys, hmac
task = json.load(sys.stdin)
os.environ['BORG_BASE_DIR'] = task['base']
os.environ['BORG_PASSPHRASE'] = task['passphrase']
from borg.logger import setup_logging
setup_logging(level='error')
from borg.helpers import Location
from borg.compress import CompressionSpec
from borg.crypto.key import key_creator, key_factory
class Repository:
    _location = Location('/somewhere')
    def __init__(self, id, blob=None):
        self.id, self.id_str, self.blob, self.nonce = id, id.hex(), blob, None
    def get_free_nonce(self):
        return self.nonce
    def commit_nonce_reservation(self, end, start):
        self.nonce = end
    def save_key(self, blob):
        self.blob = blob
    def load_key(self):
        return self.blob
`;

interface BorgMade {
  blob: string | null;
  chunkSeed: number;
  /** One per specification and plaintext: id and stored bytes. */
  objects: { id: string; stored: string }[];
  manifest: string;
  archive: string;
}

const BORG_MAKES = `${PRELUDE}
answers = []
for n, mode in enumerate(task['modes']):
    repository = Repository(bytes([n]) * 32)
    class args:
        location = Location('/somewhere')
        encryption = mode
    key = key_creator(repository, args)
    blob = repository.blob.decode() if repository.blob else None
    if mode.startswith('keyfile'):
        blob = open(key.target).read()
    objects = []
    for spec in task['specs']:
        key.compressor = CompressionSpec(spec).compressor
        for plain in task['plains']:
            plain = bytes.fromhex(plain)
            objects.append({'id': key.id_hash(plain).hex(), 'stored': key.encrypt(plain).hex()})
    fields = {'version': 1, 'name': 'x'}
    answers.append({
        'blob': blob,
        'chunkSeed': key.chunk_seed,
        'objects': objects,
        'manifest': key.pack_and_authenticate_metadata(dict(fields)).hex(),
        'archive': key.pack_and_authenticate_metadata(dict(fields), context=b'archive').hex(),
    })
print(json.dumps(answers))
`;

function withBase(body: (base: string) => Promise<void>): Promise<void> {
  const base = Deno.makeTempDirSync();
  return body(base).finally(() => Deno.removeSync(base, { recursive: true }));
}

async function unlock(
  mode: EncryptionMode,
  blob: string,
  repositoryId: Uint8Array,
): Promise<KeyMaterial> {
  const options = { mode, repositoryId, location: "/somewhere", source: "a test" };
  assert.equal(await decodeKey(blob, { ...options, passphrase: "wrong" }), "wrong passphrase");
  const material = await decodeKey(blob, { ...options, passphrase: PASSPHRASE });
  assert.ok(material !== "wrong passphrase");
  return material;
}

async function unlockBorgs(
  mode: EncryptionMode,
  made: BorgMade,
  repositoryId: Uint8Array,
): Promise<KeyMaterial> {
  if (made.blob === null) return plaintextMaterial(repositoryId);
  if (modeTraits(mode).keyStorage === "repository") return await unlock(mode, made.blob, repositoryId);
  const content = decodeKeyFile(encodeText(made.blob), repositoryId);
  assert.ok(content.kind === "key");
  assert.deepEqual(
    encodeKeyFile(repositoryId, content.blob),
    encodeText(made.blob),
    "the same file, byte by byte",
  );
  return await unlock(mode, content.blob, repositoryId);
}

async function opensBorgs(codec: ObjectCodec, made: BorgMade): Promise<void> {
  for (const [i, { id, stored }] of made.objects.entries()) {
    const plain = PLAINS[i % PLAINS.length]!;
    const what = `${codec.mode} ${SPECS[Math.floor(i / PLAINS.length)]} ${plain.length}`;
    assert.equal(hexOfBytes(codec.idOf(plain)), id, what);
    const opened = await codec.open(asChunkId(bytesOfHex(id)), bytesOfHex(stored));
    assert.ok(opened.length === plain.length && opened.every((byte, at) => byte === plain[at]), what);
  }
  for (const kind of ["manifest", "archive"] as const) {
    const { fields, authenticated } = codec.unpackAuthenticated(kind, bytesOfHex(made[kind]), {
      tamRequired: true,
    });
    assert.ok(authenticated);
    assert.equal(fields.get("version"), 1);
  }
}

borgTest(
  "ObjectCodec opens keys, objects and documents that borg made, in every mode and compression",
  () =>
    withBase(async (base) => {
      const task = {
        base,
        passphrase: PASSPHRASE,
        modes: ENCRYPTION_MODES,
        specs: SPECS,
        plains: PLAINS.map(hexOfBytes),
      };
      const answers = borgPython<BorgMade[]>(BORG_MAKES, task);
      for (const [n, mode] of ENCRYPTION_MODES.entries()) {
        const made = answers[n]!;
        const material = await unlockBorgs(mode, made, new Uint8Array(32).fill(n));
        assert.equal(material.chunkSeed, made.chunkSeed);
        for (const accel of [null, borrowAccel()]) {
          await opensBorgs(await testCodec(material, { accel }), made);
        }
      }
    }),
);

const BORG_OPENS = `${PRELUDE}
for made in task['made']:
    repository = Repository(bytes.fromhex(made['repositoryId']), made['blob'].encode() if made['blob'] else None)
    key = key_factory(repository, bytes.fromhex(made['manifestObject']))
    assert key.ARG_NAME == made['mode'], key.ARG_NAME
    assert key.chunk_seed == made['chunkSeed']
    plains = [bytes.fromhex(plain) for plain in task['plains']]
    for n, (id, stored) in enumerate(made['objects']):
        plain = plains[n % len(plains)]
        assert key.id_hash(plain).hex() == id
        assert bytes(key.decrypt(bytes.fromhex(id), bytes.fromhex(stored))) == plain, (made['mode'], n)
    packed = bytes(key.decrypt(None, bytes.fromhex(made['manifestObject'])))
    fields, verified = key.unpack_and_verify_manifest(packed)
    assert verified and fields[b'version'] == 1
    packed = bytearray.fromhex(made['archive'])
    from borg.helpers import msgpack
    tam = msgpack.unpackb(bytes(packed))[b'tam']
    at = packed.index(tam[b'hmac'])
    packed[at:at + 64] = bytes(64)
    assert hmac.digest(key._tam_key(tam[b'salt'], b'archive'), packed, 'sha512') == tam[b'hmac']
print(json.dumps('well'))
`;

async function madeByUs(mode: EncryptionMode, base: string): Promise<unknown> {
  const random = seededBytes(mode.length + 7);
  const repositoryId = random(32);
  const material = newKey(mode, repositoryId, random);
  const blob = mode === "none" ? null : encodeKey(material, { passphrase: PASSPHRASE, randomBytes: random });
  const inRepository = modeTraits(mode).keyStorage === "repository";
  if (blob !== null && !inRepository) {
    const directory = join(base, ".config/borg/keys");
    const options = { files: new PortableFiles(), directory, keyFile: null, location: "/somewhere" };
    const keyDir = new KeyDir({ ...options, decode: decodeKeyFile });
    keyDir.create(keyDir.newPath(`somewhere_${mode}`), encodeKeyFile(repositoryId, blob));
  }
  const objects: [string, string][] = [];
  let codec: ObjectCodec | null = null;
  for (const accel of [null, borrowAccel()]) {
    codec = await testCodec(material, { accel, nonce: memoryNonces(5n) });
    for (const spec of SPECS) {
      for (const plain of PLAINS) {
        const stored = await codec.seal(plain, parseCompression(spec));
        objects.push([hexOfBytes(codec.idOf(plain)), hexOfBytes(stored)]);
      }
    }
  }
  const fields = { version: 1, config: sortedMap({ b: 2, a: "1" }) };
  const manifest = await codec!.seal(codec!.packAuthenticated("manifest", fields), parseCompression("lz4"));
  return {
    mode,
    repositoryId: hexOfBytes(repositoryId),
    blob: inRepository ? blob : null,
    chunkSeed: material.chunkSeed,
    objects,
    manifestObject: hexOfBytes(manifest),
    archive: hexOfBytes(codec!.packAuthenticated("archive", fields)),
  };
}

borgTest(
  "ObjectCodec makes keys, objects and documents that borg opens, in every mode and compression",
  () =>
    withBase(async (base) => {
      const made: unknown[] = [];
      for (const mode of ENCRYPTION_MODES) made.push(await madeByUs(mode, base));
      const task = { base, passphrase: PASSPHRASE, plains: PLAINS.map(hexOfBytes), made };
      assert.equal(borgPython(BORG_OPENS, task), "well");
    }),
);

borgTest(
  "ObjectCodec.seal() stores the very bytes that borg stores where both use the same library",
  () =>
    withBase(async (base) => {
      const specs = ["none", "lz4", "lzma,0", "lzma,6"];
      const task = { base, passphrase: "", modes: ["none"], specs, plains: PLAINS.map(hexOfBytes) };
      const [made] = borgPython<BorgMade[]>(BORG_MAKES, task);
      for (const accel of [null, borrowAccel()]) {
        const codec = await testCodec(plaintextMaterial(new Uint8Array(32)), { accel });
        let i = 0;
        for (const spec of specs) {
          for (const plain of PLAINS) {
            const stored = await codec.seal(plain, parseCompression(spec));
            assert.equal(hexOfBytes(stored), made!.objects[i++]!.stored, `${spec} ${plain.length}`);
          }
        }
      }
    }),
);

/** Every PUT of a repository's segments, in order: 8 bytes of magic, then crc, size, tag, and for a PUT id and data. */
function readSegments(repository: string): { id: Uint8Array; data: Uint8Array }[] {
  const puts: { id: Uint8Array; data: Uint8Array }[] = [];
  const folder = join(repository, "data/0");
  for (const name of fs.readdirSync(folder).sort((a, b) => Number(a) - Number(b))) {
    const bytes = new Uint8Array(fs.readFileSync(join(folder, name)));
    const view = new DataView(bytes.buffer);
    for (let at = 8; at < bytes.length; at += view.getUint32(at + 4, true)) {
      const size = view.getUint32(at + 4, true);
      if (bytes[at + 8] === 0) {
        puts.push({ id: bytes.slice(at + 9, at + 41), data: bytes.slice(at + 41, at + size) });
      }
    }
  }
  return puts;
}

/** The key blob of a repository's configuration, whose further lines are indented. */
function configuredKey(repository: string): string {
  const config = fs.readFileSync(join(repository, "config"), "utf8");
  return config.match(/^key = (.*(?:\n[ \t].*)*)/m)![1]!;
}

async function opensRepository(base: string, mode: EncryptionMode): Promise<void> {
  const repository = join(base, mode);
  const env = {
    BORG_BASE_DIR: base,
    BORG_PASSPHRASE: PASSPHRASE,
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
  };
  const borg = (...args: string[]) => {
    const { code, stderr } = run("borg", args, { env, cwd: base });
    assert.equal(code, 0, stderr);
  };
  borg("init", "-e", mode, repository);
  borg("create", "-C", "auto,zlib", `${repository}::one`, "input");
  const id = bytesOfHex(fs.readFileSync(join(repository, "config"), "utf8").match(/^id = (.*)$/m)![1]!);
  const puts = readSegments(repository);
  const manifest = puts.findLast((put) => put.id.every((byte) => byte === 0))!.data;
  assert.equal(detectMode(manifest), mode);
  const inFile = modeTraits(mode).keyStorage === "keyfile";
  const options = { files: new PortableFiles(), directory: join(base, ".config/borg/keys"), keyFile: null };
  const keyDir = new KeyDir({ ...options, location: repository, decode: decodeKeyFile });
  const blob = inFile ? keyDir.find(id).blob : configuredKey(repository);
  const material = await unlock(mode, blob, id);
  const codec = await createCodec(material, {
    nonce: null,
    accel: borrowAccel(),
    randomBytes: seededBytes(1),
  });
  for (const put of puts) {
    const isManifest = hexOfBytes(put.id) === hexOfBytes(MANIFEST_ID);
    await codec.open(isManifest ? null : asChunkId(put.id), put.data);
  }
  const { fields, authenticated } = codec.unpackAuthenticated("manifest", await codec.open(null, manifest), {
    tamRequired: material.tamRequired,
  });
  assert.ok(authenticated && material.tamRequired);
  const archive = (fields.get("archives") as Map<string, Map<string, Uint8Array>>).get("one")!.get("id")!;
  const packed = await codec.open(
    asChunkId(archive),
    puts.find((put) => hexOfBytes(put.id) === hexOfBytes(archive))!.data,
  );
  const metadata = codec.unpackAuthenticated("archive", packed, { tamRequired: true, name: "one" });
  assert.ok(metadata.authenticated);
  assert.equal(decodeText(metadata.fields.get("name") as Uint8Array), "one");
  if (modeTraits(mode).encrypted) {
    const nonce = BigInt(`0x${fs.readFileSync(join(repository, "nonce"), "utf8")}`);
    assert.ok(nonceFloor(manifest) > 0n && nonceFloor(manifest) <= nonce);
  }
}

borgTest(
  "ObjectCodec opens every object of repositories that the borg program made",
  () =>
    withBase(async (base) => {
      fs.mkdirSync(join(base, "input"));
      fs.writeFileSync(join(base, "input/a"), compressibleBytes(100_000));
      fs.writeFileSync(join(base, "input/b"), seededBytes(9)(50_000));
      for (const mode of ["repokey", "keyfile-blake2", "authenticated"] as const) {
        await opensRepository(base, mode);
      }
    }),
);
