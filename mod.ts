/**
 * Alcove as a library: the same rooms the program is made of. Open a store, make a codec from its key, read its manifest
 * and archives (`core/README.md` tells how the rooms fit together).
 */
export * from "./core/errors.ts";
export * from "./core/report.ts";
export * as archive from "./core/archive/mod.ts";
export * as bytes from "./core/bytes/mod.ts";
export * as chunk from "./core/chunk/mod.ts";
export * as crypto from "./core/crypto/mod.ts";
export * as fs from "./core/fs/mod.ts";
export * as local from "./core/local/mod.ts";
export * as object from "./core/object/mod.ts";
export * as platform from "./core/platform/mod.ts";
export * as store from "./core/store/mod.ts";
