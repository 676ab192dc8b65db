/** The store contract over borg's remote protocol, against our `serve` and a real `borg serve`. */
import process from "node:process";
import { borgVersion } from "../fixtures/borg.ts";
import { openServedStore, type ServerOptions } from "../fixtures/remote_store.ts";
import { ALCOVE_SERVE } from "../fixtures/serve_peer.ts";
import { temporaryFolder } from "../fixtures/store_env.ts";
import { storeContract, type StoreMaker } from "./store_contract.ts";

function servedStoreMaker(name: string, command: readonly string[]): StoreMaker {
  return {
    name,
    // borg takes no smaller quota than 10 MB.
    remote: { quotaUnit: 10_000 },
    async make(options = {}) {
      const folder = temporaryFolder();
      const quota = options.storageQuota;
      const server: ServerOptions = {
        command: [...command, ...(quota === undefined ? [] : [`--storage-quota=${quota}`])],
        path: `${folder.path}/repo`,
        cache: `${folder.path}/home`,
        // Where the runtime keeps the packages of ours.
        env: { HOME: process.env["HOME"]! },
      };
      let store = await openServedStore({ ...server, create: true, appendOnly: options.appendOnly ?? false });
      return {
        store,
        async reopen() {
          await store.close();
          return store = await openServedStore({ ...server, appendOnly: options.appendOnly ?? false });
        },
        async dispose() {
          await store.close();
          folder[Symbol.dispose]();
        },
      };
    },
  };
}

storeContract(servedStoreMaker("RemoteStore of our serve", ALCOVE_SERVE));
if (borgVersion !== null || process.env["CI"]) {
  storeContract(servedStoreMaker("RemoteStore of borg serve", ["borg", "serve"]));
} else console.log("skipped, borg is not installed: the contract over borg serve");
