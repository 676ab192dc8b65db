/** An archive's own object: what is not understood of it is kept, and is no damage. */
import assert from "node:assert/strict";
import { decodeArchiveMeta, encodeArchiveMeta } from "../../../core/archive/archive_meta.ts";
import {
  decodeMsgpack,
  encodeMsgpack,
  type Packable,
  sortedMap,
  type UnpackedMap,
} from "../../../core/bytes/mod.ts";
import { AppError, IntegrityError } from "../../../core/errors.ts";

function fields(more: Record<string, Packable>): UnpackedMap {
  const map = { version: 1, name: "a", items: [], cmdline: [], time: "2026-01-01T00:00:00.000000", ...more };
  return decodeMsgpack(encodeMsgpack(sortedMap(map))) as UnpackedMap;
}

Deno.test("decodeArchiveMeta() reads an archive of a chunker that is not known, and keeps what it says of it", () => {
  const params = ["fail", 4096, "rRE"];
  const meta = decodeArchiveMeta(fields({ chunker_params: params }));
  assert.equal(meta.chunkerParams, undefined);
  const packed = encodeMsgpack(encodeArchiveMeta(meta)["chunker_params"]!);
  assert.deepEqual(packed, encodeMsgpack(params));
});

Deno.test("decodeArchiveMeta() takes a version that is not known for no damage", () => {
  assert.throws(
    () => decodeArchiveMeta(fields({ version: 3 })),
    (error) => error instanceof AppError && !(error instanceof IntegrityError),
  );
  assert.throws(() => decodeArchiveMeta(fields({ version: "x" })), IntegrityError);
});
