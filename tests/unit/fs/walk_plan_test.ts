/** What a walk leaves out by file flags: those of the plan, whichever system they are of. */
import assert from "node:assert/strict";
import { walkOptions, type WalkPlan } from "../../../core/fs/mod.ts";
import { NoAttributes, openFiles, SF_DATALESS, type Stat, UF_NODUMP } from "../../../core/platform/mod.ts";

/** Tells the flags that the file's stat has, as macOS does. */
class FlagsOfStat extends NoAttributes {
  override flags(_target: unknown, stat: Stat): number {
    return stat.flags ?? 0;
  }
}

function leavesOut(excludedFlags: number, flags: number): boolean {
  const plan: WalkPlan = {
    root: "/",
    oneFileSystem: false,
    skip: [],
    rules: [],
    tags: null,
    keepTags: false,
    excludedFlags,
  };
  const files = openFiles();
  const { leaveOut } = walkOptions(plan, files, new FlagsOfStat());
  return leaveOut?.("file", { ...files.lstat("/"), flags }) ?? false;
}

Deno.test("a walk leaves out what has one of the flags it is told, and nothing else", () => {
  assert.equal(leavesOut(SF_DATALESS, SF_DATALESS | 0x20), true);
  assert.equal(leavesOut(SF_DATALESS, UF_NODUMP), false);
  assert.equal(leavesOut(UF_NODUMP, SF_DATALESS), false);
  assert.equal(leavesOut(UF_NODUMP | SF_DATALESS, UF_NODUMP), true);
  assert.equal(leavesOut(0, UF_NODUMP | SF_DATALESS), false);
});
