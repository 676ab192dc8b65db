/**
 * The contract of `core/store/store.ts` as tests: every implementation of a store runs them. Each test gets a fresh,
 * empty store, and a way to open the same store again.
 */
import assert from "node:assert/strict";
import { asChunkId, type ChunkId, concatBytes, hexOfId, MANIFEST_ID } from "../../core/bytes/mod.ts";
import { AppError } from "../../core/errors.ts";
import { MAX_DATA_SIZE, type StoreDeleter } from "../../core/store/mod.ts";
import { dataOf, idOf } from "../fixtures/store_env.ts";

export interface StoreUnderTest {
  store: StoreDeleter;
  /** Closes the store and opens it again: only what was committed is left. */
  reopen(): Promise<StoreDeleter>;
  dispose(): Promise<void>;
}

export interface StoreMaker {
  name: string;
  /**
   * Behind borg's protocol: what goes wrong with a put is said by the commit at the latest, the server does not tell whether
   * it only appends, a list goes on from ids that it gave, and quotas are of `quotaUnit` bytes.
   */
  remote?: { quotaUnit: number };
  make(options?: { storageQuota?: number; appendOnly?: boolean }): Promise<StoreUnderTest>;
}

const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected;

export function storeContract({ name, make, remote }: StoreMaker): void {
  const unit = remote?.quotaUnit ?? 1;

  function contract(
    title: string,
    body: (under: StoreUnderTest) => Promise<void>,
    options?: { storageQuota?: number; appendOnly?: boolean },
  ): void {
    Deno.test(`${name}: ${title}`, async () => {
      const under = await make(options);
      try {
        await body(under);
      } finally {
        await under.dispose();
      }
    });
  }

  /** What storedSize() is to say of an object of `length` bytes. */
  const sizeOf = (store: StoreDeleter, length: number): number => store.knowsSizes === false ? -1 : length;

  contract(
    "get() returns what put() stored, before and after commit and reopening",
    async ({ store, reopen }) => {
      const lengths = [0, 1, 40, 41, 1000, 131071, 131072, 200_000, 3_000_000];
      for (const [n, length] of lengths.entries()) {
        const data = dataOf(n, length);
        await store.put(idOf(n), data);
        data.fill(0); // a copy is stored
      }
      for (const [n, length] of lengths.entries()) {
        assert.deepEqual(await store.get(idOf(n)), dataOf(n, length));
        assert.equal(await store.storedSize(idOf(n)), sizeOf(store, length));
        assert.equal(await store.has(idOf(n)), true);
      }
      await store.commit();
      const again = await reopen();
      assert.equal(await again.count(), lengths.length);
      for (const [n, length] of [...lengths.entries()].reverse()) {
        assert.deepEqual(await again.get(idOf(n)), dataOf(n, length));
        assert.equal(await again.storedSize(idOf(n)), sizeOf(again, length));
      }
    },
  );

  contract(
    "scan(), where there is one, gives every object once, as it is now, in the transaction too",
    async ({ store, reopen }) => {
      if (!store.scan) return;
      const scanned = async (from: StoreDeleter): Promise<Map<string, Uint8Array>> => {
        const found = new Map<string, Uint8Array>();
        for await (const { id, data } of from.scan!()) {
          assert.ok(!found.has(hexOfId(id)), "an object came twice");
          found.set(hexOfId(id), data.slice());
        }
        return found;
      };
      const expected = new Map<string, Uint8Array>();
      const put = async (n: number, data: Uint8Array): Promise<void> => {
        await store.put(idOf(n), data);
        expected.set(hexOfId(idOf(n)), data);
      };
      assert.equal((await scanned(store)).size, 0);
      for (let n = 0; n < 50; n++) await put(n, dataOf(n, n * n));
      await store.commit();
      await put(7, dataOf(70, 3_000_000));
      await store.delete(idOf(8));
      expected.delete(hexOfId(idOf(8)));
      await put(100, new Uint8Array(0));
      assert.deepEqual(await scanned(store), expected);
      await store.commit();
      await store.put(idOf(200), dataOf(200, 10));
      assert.deepEqual(await scanned(await reopen()), expected);
    },
  );

  contract("get() gives a buffer that belongs to the caller", async ({ store }) => {
    await store.put(idOf(1), dataOf(1, 100));
    (await store.get(idOf(1))).fill(0);
    assert.deepEqual(await store.get(idOf(1)), dataOf(1, 100));
  });

  contract(
    "get() and delete() throw ObjectNotFound, storedSize() says -1, for an unknown id",
    async ({ store }) => {
      await store.put(idOf(1), dataOf(1, 10));
      await assert.rejects(async () => await store.get(idOf(2)), code("Repository.ObjectNotFound"));
      await assert.rejects(async () => await store.delete(idOf(2)), code("Repository.ObjectNotFound"));
      assert.equal(await store.storedSize(idOf(2)), -1);
      assert.equal(await store.has(idOf(2)), false);
      await store.commit();
      assert.deepEqual(await store.get(idOf(1)), dataOf(1, 10));
    },
  );

  contract("deleteMany(), where there is one, removes those that are there, and rollback() undoes it", async (
    { store, reopen },
  ) => {
    if (!store.deleteMany) return;
    for (let n = 0; n < 300; n++) await store.put(idOf(n), dataOf(n, n));
    await store.commit();
    // Some of this transaction, some unknown, some twice, in no order.
    for (let n = 300; n < 320; n++) await store.put(idOf(n), dataOf(n, 3 * n));
    const numbers = [310, 5, 299, 1000, 0, 5, 17, 301, 16, 2000, 310, 150];
    const packed = concatBytes(...numbers.map(idOf));
    const gone = async (store: StoreDeleter) => {
      const found: number[] = [];
      for (let n = 0; n < 320; n++) if (!await store.has(idOf(n))) found.push(n);
      return found;
    };
    let told = -1;
    await store.deleteMany(packed, (done) => told = done);
    // Of the disk, those that are there.
    assert.equal(told, remote ? numbers.length : 10);
    assert.deepEqual(await gone(store), [0, 5, 16, 17, 150, 299, 301, 310]);
    await store.rollback();
    assert.deepEqual(await gone(store), Array.from({ length: 20 }, (_, n) => 300 + n));
    await store.deleteMany(packed);
    await store.deleteMany(new Uint8Array(0));
    await store.commit();
    const again = await reopen();
    assert.deepEqual((await gone(again)).slice(0, 6), [0, 5, 16, 17, 150, 299]);
    assert.deepEqual(await again.get(idOf(18)), dataOf(18, 18));
    await again.compact({ thresholdPercent: 0 });
    assert.equal((await again.check({})).ok, true);
  });

  contract("put() replaces, delete() removes, and commit() makes it last", async ({ store, reopen }) => {
    await store.put(idOf(1), dataOf(1, 50));
    await store.put(idOf(2), dataOf(2, 60));
    await store.commit();
    await store.put(idOf(1), dataOf(11, 70));
    await store.put(idOf(1), dataOf(12, 80));
    await store.delete(idOf(2));
    assert.deepEqual(await store.get(idOf(1)), dataOf(12, 80));
    assert.equal(await store.storedSize(idOf(2)), -1);
    await store.commit();
    const again = await reopen();
    assert.deepEqual(await again.get(idOf(1)), dataOf(12, 80));
    await assert.rejects(async () => await again.get(idOf(2)), code("Repository.ObjectNotFound"));
    assert.equal(await again.count(), 1);
    await again.put(idOf(2), dataOf(22, 5));
    assert.deepEqual(await again.get(idOf(2)), dataOf(22, 5));
  });

  contract("rollback() forgets everything since the last commit", async ({ store, reopen }) => {
    await store.put(idOf(1), dataOf(1, 50));
    await store.rollback();
    assert.equal(await store.count(), 0);
    await store.put(idOf(1), dataOf(1, 50));
    await store.put(idOf(2), dataOf(2, 50));
    await store.commit();
    await store.put(idOf(1), dataOf(3, 9));
    await store.put(idOf(3), dataOf(3, 9));
    await store.delete(idOf(2));
    await store.rollback();
    for (let round = 0, each = store; round < 2; round++, each = await reopen()) {
      assert.equal(await each.count(), 2);
      assert.deepEqual(await each.get(idOf(1)), dataOf(1, 50));
      assert.deepEqual(await each.get(idOf(2)), dataOf(2, 50));
      assert.equal(await each.storedSize(idOf(3)), -1);
    }
  });

  contract("close() loses what was not committed", async ({ store, reopen }) => {
    await store.put(idOf(1), dataOf(1, 50));
    await store.commit();
    await store.put(idOf(2), dataOf(2, 50));
    const again = await reopen();
    assert.equal(await again.count(), 1);
  });

  contract("close() may be called twice", async ({ store }) => {
    await store.close();
    await store.close();
  });

  contract("put() takes data of the largest size and refuses more", async ({ store }) => {
    const data = dataOf(1, MAX_DATA_SIZE);
    await store.put(idOf(1), data);
    await assert.rejects(
      async () => await store.put(idOf(2), new Uint8Array(MAX_DATA_SIZE + 1)),
      code("IntegrityError"),
    );
    await store.commit();
    assert.deepEqual(await store.get(idOf(1)), data);
    assert.equal(await store.count(), 1);
  });

  contract("list() gives every id once, in pages", async ({ store }) => {
    const wanted = new Set<string>();
    for (let n = 0; n < 300; n++) {
      await store.put(idOf(n), dataOf(n, 3));
      wanted.add(idOf(n).join());
    }
    await store.commit();
    const found: string[] = [];
    let marker: ChunkId | undefined;
    for (;;) {
      const page: Uint8Array = await store.list(70, marker);
      if (page.length === 0) break;
      assert.ok(page.length <= 70 * 32 && page.length % 32 === 0);
      for (let at = 0; at < page.length; at += 32) found.push(page.slice(at, at + 32).join());
      marker = asChunkId(page.slice(-32));
    }
    assert.equal(found.length, 300);
    assert.deepEqual(new Set(found), wanted);
    if (remote) return;
    await assert.rejects(async () => await store.list(1, idOf(999)), code("Repository.ObjectNotFound"));
  });

  contract("getMany() gives the objects in the order of the ids", async ({ store }) => {
    for (let n = 0; n < 20; n++) await store.put(idOf(n), dataOf(n, n * 10));
    const order = [7, 3, 3, 19, 0];
    const found: Uint8Array[] = [];
    for await (const data of store.getMany(order.map(idOf))) found.push(data.slice());
    assert.deepEqual(found, order.map((n) => dataOf(n, n * 10)));
  });

  contract("getMany() may be asked twice at the same time, and others between", async ({ store }) => {
    for (let n = 0; n < 10; n++) await store.put(idOf(n), dataOf(n, 100 + n));
    const [ups, downs] = [[0, 1, 2, 3], [9, 8, 7, 6]].map((order) =>
      store.getMany(order.map(idOf))[Symbol.asyncIterator]()
    );
    for (let n = 0; n < 4; n++) {
      assert.deepEqual((await ups!.next()).value, dataOf(n, 100 + n));
      assert.deepEqual(await store.get(idOf(5)), dataOf(5, 105));
      assert.deepEqual((await downs!.next()).value, dataOf(9 - n, 109 - n));
    }
    assert.equal((await ups!.next()).done && (await downs!.next()).done, true);
  });

  contract("the manifest's id is an id like others", async ({ store, reopen }) => {
    for (let round = 0; round < 3; round++) {
      await store.put(idOf(round), dataOf(round, 10));
      await store.put(MANIFEST_ID, dataOf(100 + round, 20));
      await store.put(idOf(50 + round), dataOf(50 + round, 10));
      await store.commit();
    }
    const again = await reopen();
    assert.deepEqual(await again.get(MANIFEST_ID), dataOf(102, 20));
    assert.equal(await again.count(), 7);
  });

  contract("compact() and check() leave all objects as they were", async ({ store, reopen }) => {
    for (let n = 0; n < 40; n++) await store.put(idOf(n), dataOf(n, 500));
    await store.commit();
    for (let n = 0; n < 40; n += 2) await store.delete(idOf(n));
    for (let n = 1; n < 40; n += 4) await store.put(idOf(n), dataOf(n + 100, 300));
    await store.compact({ thresholdPercent: 0 });
    assert.deepEqual(await store.check({}), { ok: true });
    for (let round = 0, each = store; round < 2; round++, each = await reopen()) {
      assert.equal(await each.count(), 20);
      for (let n = 0; n < 40; n++) {
        if (n % 2 === 0) assert.equal(await each.storedSize(idOf(n)), -1);
        else assert.deepEqual(await each.get(idOf(n)), n % 4 === 1 ? dataOf(n + 100, 300) : dataOf(n, 500));
      }
    }
  });

  contract("saveKey() keeps the key blob, without a commit", async ({ store }) => {
    assert.equal(await store.loadKey(), null);
    const blob = new TextEncoder().encode("line one\nline two\nlast");
    await store.saveKey(blob);
    assert.deepEqual(await store.loadKey(), blob);
    await store.saveKey(new Uint8Array(0));
    assert.equal(await store.loadKey(), null);
  });

  contract("commitNonceReservation() moves the reservation and refuses a wrong start", async ({ store }) => {
    assert.equal(await store.getFreeNonce(), null);
    await store.commitNonceReservation(2n ** 40n, null);
    assert.equal(await store.getFreeNonce(), 2n ** 40n);
    await assert.rejects(async () => await store.commitNonceReservation(2n ** 41n, null));
    await assert.rejects(async () => await store.commitNonceReservation(2n ** 41n, 5n));
    await store.commitNonceReservation(2n ** 63n + 1n, 2n ** 40n);
    assert.equal(await store.getFreeNonce(), 2n ** 63n + 1n);
  });

  contract(
    "put() over the quota dooms the transaction: commit() fails, and nothing of it stays",
    async (under) => {
      const { store } = under;
      await store.put(idOf(1), dataOf(1, 500 * unit));
      await store.commit();
      await store.put(idOf(2), dataOf(2, 100 * unit));
      const over = async () => await store.put(idOf(3), dataOf(3, 800 * unit));
      if (remote) await over();
      else await assert.rejects(over, code("Repository.StorageQuotaExceeded"));
      await assert.rejects(async () => await store.commit(), code("Repository.StorageQuotaExceeded"));
      assert.equal(await store.count(), 1);
      await store.put(idOf(4), dataOf(4, 100));
      await store.commit();
      const again = await under.reopen();
      assert.equal(await again.count(), 2);
      assert.equal(await again.storedSize(idOf(2)), -1);
    },
    { storageQuota: 1000 * unit },
  );

  contract("destroy() is refused in append-only mode", async ({ store }) => {
    if (!remote) assert.equal(store.appendOnly, true);
    await store.put(idOf(1), dataOf(1, 10));
    await store.commit();
    await store.delete(idOf(1));
    await store.commit();
    await assert.rejects(async () => await store.destroy(), AppError);
  }, { appendOnly: true });
}
