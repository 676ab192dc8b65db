/** The store contract over the log on disk, the log on a disk in memory, the store in memory, and stores that are far away. */
import assert from "node:assert/strict";
import { createRepository, MemStore, openRepository, type StoreDeleter } from "../../core/store/mod.ts";
import { MemoryFiles } from "../fault/_memory_files.ts";
import { SlowStore, type SlowStoreOptions } from "../fixtures/slow_store.ts";
import { temporaryFolder, testEnv } from "../fixtures/store_env.ts";
import { storeContract, type StoreMaker } from "./store_contract.ts";

const EXCLUSIVE = { exclusive: true, lock: true, lockWaitSeconds: 0 };

function segmentStoreMaker(name: string, inMemory: boolean, maxSegmentSize: number): StoreMaker {
  return {
    name,
    async make(options = {}) {
      const folder = inMemory ? null : temporaryFolder();
      const files = inMemory ? new MemoryFiles() : undefined;
      const env = testEnv(files);
      const path = `${folder?.path ?? ""}/repo`;
      let store: StoreDeleter = await createRepository(env, path, { ...options, maxSegmentSize });
      return {
        store,
        async reopen() {
          await store.close();
          return store = await openRepository(env, path, EXCLUSIVE);
        },
        async dispose() {
          await store.close();
          if (files) assert.equal(files.openFiles, 0, "files were left open");
          folder?.[Symbol.dispose]();
        },
      };
    },
  };
}

/** The stores of `maker`, far away. */
function slow(name: string, maker: StoreMaker, options: SlowStoreOptions = {}): StoreMaker {
  return {
    name,
    async make(made = {}) {
      const under = await maker.make(made);
      return {
        store: new SlowStore(under.store, options),
        reopen: async () => new SlowStore(await under.reopen(), options),
        dispose: () => under.dispose(),
      };
    },
  };
}

const memStore: StoreMaker = {
  name: "MemStore",
  make(options = {}) {
    const store = new MemStore(options);
    const reopen = () => {
      store.close();
      return Promise.resolve(store);
    };
    return Promise.resolve({ store, reopen, dispose: () => Promise.resolve(store.close()) });
  },
};

storeContract(memStore);
storeContract(slow("MemStore far away", memStore));
storeContract(slow("MemStore far away that knows no sizes", memStore, { knowsSizes: false }));
storeContract(segmentStoreMaker("SegmentStore on disk", false, 500 << 20));
storeContract(segmentStoreMaker("SegmentStore with tiny segments", true, 600));
storeContract(slow("SegmentStore far away", segmentStoreMaker("", true, 600)));
