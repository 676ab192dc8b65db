/** How many threads there may be. */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { ObjectThreads } from "../../../cli/object_workers.ts";

const MAX = 8;

function count(workers: string | undefined, proto?: "ssh" | "file"): number {
  using threads = new ObjectThreads({ env: (name) => name === "ALCOVE_WORKERS" ? workers : undefined });
  if (proto !== undefined) threads.leaveCoreToSsh({ proto });
  return threads.count;
}

Deno.test("ObjectThreads leaves one core to the thread that starts them, and one to ssh", () => {
  const cores = availableParallelism();
  assert.equal(count(undefined), Math.min(cores - 1, MAX));
  assert.equal(count(undefined, "file"), Math.min(cores - 1, MAX));
  assert.equal(count(undefined, "ssh"), Math.min(Math.max(0, cores - 2), MAX));
  assert.equal(count("rubbish", "ssh"), count(undefined, "ssh"));
});

Deno.test("ObjectThreads does what ALCOVE_WORKERS says, however many cores there are", () => {
  for (const proto of [undefined, "file", "ssh"] as const) {
    assert.equal(count("0", proto), 0);
    assert.equal(count("3", proto), 3);
    assert.equal(count("1000", proto), MAX);
  }
});
