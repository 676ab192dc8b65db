/** The repositories of the growth simulation are real ones: borg finds nothing wrong with them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { buildRepository, filePath } from "../bench/growth_build.ts";
import { workplace } from "../fixtures/alcove.ts";
import { borgTest } from "../fixtures/borg.ts";

borgTest("borg checks and lists what buildRepository() made without data", async () => {
  using place = workplace({ BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" });
  const path = join(place.path, "grown");
  await buildRepository(path, { chunks: 3000, files: 1500, archives: 3, repeats: 1 });
  place.borg(["check", "--verify-data", path]);
  const archives = place.borg(["list", "--short", path]).stdout.trim().split("\n");
  assert.deepEqual(archives.sort(), ["large", "large-1", "small-0", "small-1", "small-2"]);
  const files = place.borg(["list", "--format", "{path} {size} {num_chunks}{NL}", `${path}::large-1`]).stdout
    .trim().split("\n");
  assert.equal(files.length, 1500);
  assert.equal(files[1234], `${filePath(1234)} 32 2`);
});
