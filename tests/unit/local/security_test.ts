import assert from "node:assert/strict";
import { hexOfId } from "../../../core/bytes/mod.ts";
import { AppError, type ErrorCode } from "../../../core/errors.ts";
import {
  type RepositoryClaim,
  RepositorySecurity,
  type SecurityQuestion,
} from "../../../core/local/security.ts";
import { PortableFiles } from "../../../core/platform/mod.ts";
import { ascii, seededBytes } from "../../fixtures/deterministic.ts";

const files = new PortableFiles();
const repositoryId = seededBytes(90)(32);
const CLAIM: RepositoryClaim = {
  typeByte: 3,
  manifestTimestamp: "2026-05-05T10:00:00.000000",
  logicallyEncrypted: true,
  plaintext: false,
};
const PLAINTEXT: RepositoryClaim = { ...CLAIM, typeByte: 2, logicallyEncrypted: false, plaintext: true };

interface Fixture {
  folder: string;
  asked: SecurityQuestion[];
  answer: boolean;
  at(location: string): RepositorySecurity;
  text(name: string): string;
}

async function withFixture(body: (fixture: Fixture) => Promise<void>): Promise<void> {
  const base = Deno.makeTempDirSync();
  const directory = `${base}/security`;
  const fixture: Fixture = {
    folder: `${directory}/${hexOfId(repositoryId)}`,
    asked: [],
    answer: true,
    at: (location) =>
      new RepositorySecurity({
        files,
        directory,
        repositoryId,
        location,
        ask: (question, message) => {
          assert.ok(message.includes(location) && message.endsWith("?"));
          fixture.asked.push(question);
          return fixture.answer;
        },
      }),
    text: (name) => new TextDecoder().decode(files.readFile(`${fixture.folder}/${name}`)),
  };
  try {
    await body(fixture);
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
}

function rejectsCode(code: ErrorCode, action: Promise<unknown>): Promise<void> {
  return assert.rejects(action, (error) => {
    assert.ok(error instanceof AppError && error.code === code, `${code} wanted: ${error}`);
    return true;
  });
}

Deno.test("RepositorySecurity.check() asks when a key with a passphrase has become one without", () =>
  withFixture(async (fixture) => {
    const bare = { ...CLAIM, logicallyEncrypted: false };
    const security = fixture.at("/repo");
    await security.check(CLAIM);
    fixture.answer = false;
    await rejectsCode("Cache.CacheInitAbortedError", security.check(bare));
    await security.check(CLAIM);
    fixture.answer = true;
    await security.check(bare);
    assert.deepEqual(fixture.asked, Array(2).fill("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK"));
    // Now it is known to be so; and who has taken the passphrase away is not asked at all.
    await security.check(bare);
    await security.check(CLAIM);
    security.dropProtected();
    await security.check(bare);
    assert.equal(fixture.asked.length, 2);
  }));

Deno.test("RepositorySecurity.check() remembers an encrypted repository without a question", () =>
  withFixture(async (fixture) => {
    const security = fixture.at("/repo");
    assert.ok(!security.known);
    await security.check(CLAIM);
    assert.ok(security.known);
    assert.deepEqual(fixture.asked, []);
    assert.equal(fixture.text("location"), "/repo");
    assert.equal(fixture.text("key-type"), "3");
    assert.equal(fixture.text("manifest-timestamp"), CLAIM.manifestTimestamp);
    assert.equal(files.stat(`${fixture.folder}/location`).mode & 0o777, 0o600);
    await fixture.at("/repo").check(CLAIM);
    assert.deepEqual(fixture.asked, []);
  }));

Deno.test("RepositorySecurity.check() asks before it accesses an unknown unencrypted repository, once", () =>
  withFixture(async (fixture) => {
    fixture.answer = false;
    await rejectsCode("Cache.CacheInitAbortedError", fixture.at("/repo").check(PLAINTEXT));
    assert.ok(!fixture.at("/repo").known);
    fixture.answer = true;
    await fixture.at("/repo").check(PLAINTEXT);
    await fixture.at("/repo").check(PLAINTEXT);
    assert.deepEqual(fixture.asked, Array(2).fill("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK"));
  }));

Deno.test("RepositorySecurity.check() asks nothing of a repository that was made just now", () =>
  withFixture(async (fixture) => {
    await fixture.at("/repo").check(PLAINTEXT, { initializing: true });
    assert.deepEqual(fixture.asked, []);
    assert.ok(fixture.at("/repo").known);
  }));

Deno.test("RepositorySecurity.check() asks when the repository has moved, and remembers where to", () =>
  withFixture(async (fixture) => {
    await fixture.at("/repo").check(CLAIM);
    fixture.answer = false;
    await rejectsCode("Cache.RepositoryAccessAborted", fixture.at("/elsewhere").check(CLAIM));
    assert.equal(fixture.text("location"), "/repo");
    fixture.answer = true;
    await fixture.at("/elsewhere").check(CLAIM);
    assert.equal(fixture.text("location"), "/elsewhere");
    await fixture.at("/elsewhere").check(CLAIM);
    assert.deepEqual(fixture.asked, Array(2).fill("BORG_RELOCATED_REPO_ACCESS_IS_OK"));
  }));

Deno.test("RepositorySecurity.check() refuses another encryption mode under a known id", () =>
  withFixture(async (fixture) => {
    await fixture.at("/repo").check(CLAIM);
    await rejectsCode("Cache.EncryptionMethodMismatch", fixture.at("/repo").check(PLAINTEXT));
    await rejectsCode("Cache.EncryptionMethodMismatch", fixture.at("/repo").check({ ...CLAIM, typeByte: 5 }));
    assert.equal(fixture.text("key-type"), "3");
  }));

Deno.test("RepositorySecurity.check() refuses a manifest older than one it has seen", () =>
  withFixture(async (fixture) => {
    await fixture.at("/repo").check(CLAIM);
    const older = { ...CLAIM, manifestTimestamp: "2026-05-05T09:59:59.999999" };
    await rejectsCode("Cache.RepositoryReplay", fixture.at("/repo").check(older));
    assert.equal(fixture.text("manifest-timestamp"), CLAIM.manifestTimestamp);
    const newer = { ...CLAIM, manifestTimestamp: "2026-05-05T10:00:00.000001" };
    await fixture.at("/repo").check(newer);
    fixture.at("/repo").remember(newer);
    await rejectsCode("Cache.RepositoryReplay", fixture.at("/repo").check(CLAIM));
  }));

Deno.test("RepositorySecurity.check() calls an older plaintext repository a second one with the same id", () =>
  withFixture(async (fixture) => {
    await fixture.at("/repo").check(PLAINTEXT);
    const older = { ...PLAINTEXT, manifestTimestamp: "2020-01-01T00:00:00.000000" };
    await rejectsCode("Cache.RepositoryIDNotUnique", fixture.at("/repo").check(older));
  }));

Deno.test("RepositorySecurity reads and writes the nonce as borg does, and notices a second writer", () =>
  withFixture((fixture) => {
    const security = fixture.at("/repo");
    assert.equal(security.readNonce(), null);
    security.writeNonce(0x1000002an, null);
    assert.equal(fixture.text("nonce"), "000000001000002a");
    assert.equal(security.readNonce(), 0x1000002an);
    assert.throws(() => security.writeNonce(1n << 40n, null), AppError);
    assert.equal(security.readNonce(), 0x1000002an);
    files.writeFile(`${fixture.folder}/nonce`, ascii("00000000FFFFFFFF\n"));
    assert.equal(security.readNonce(), 0xffffffffn);
    for (const damaged of ["", "1", "00000000ffffffffff", "zzzzzzzzzzzzzzzz"]) {
      files.writeFile(`${fixture.folder}/nonce`, ascii(damaged));
      assert.throws(() => security.readNonce(), AppError);
    }
    return Promise.resolve();
  }));

Deno.test("RepositorySecurity.destroy() forgets the repository, also one that it never knew", () =>
  withFixture(async (fixture) => {
    fixture.at("/repo").destroy();
    await fixture.at("/repo").check(CLAIM);
    files.writeFile(`${fixture.folder}/tam_required`, new Uint8Array(0));
    assert.ok(fixture.at("/repo").tamRequired);
    fixture.at("/repo").destroy();
    assert.ok(!files.exists(fixture.folder));
    assert.ok(!fixture.at("/repo").known && !fixture.at("/repo").tamRequired);
  }));

Deno.test("RepositorySecurity.remember() leaves the old text or the new one when the disk is full", () =>
  withFixture(async (fixture) => {
    await fixture.at("/repo").check(CLAIM);
    const full = Object.create(files, {
      rename: {
        value: () => {
          throw new Error("no space left on device");
        },
      },
    });
    const security = new RepositorySecurity({
      files: full,
      directory: fixture.folder.slice(0, fixture.folder.lastIndexOf("/")),
      repositoryId,
      location: "/new",
      ask: () => true,
    });
    assert.throws(() => security.remember(CLAIM));
    assert.equal(fixture.text("location"), "/repo");
    assert.deepEqual(files.readDir(fixture.folder).sort(), [
      "key-type",
      "location",
      "manifest-timestamp",
      "protected",
    ]);
  }));
