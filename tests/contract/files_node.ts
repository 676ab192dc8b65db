/** The contract of Files as a program for plain Node (bundled by files_test.ts). Prints what failed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { PortableFiles } from "../../core/platform/portable.ts";
import { filesContract } from "./files_contract.ts";

let passed = 0;
const traits = { timeStepNs: 1000n, before1970: true, rawNames: true, opensFifos: true, longPaths: false };
for (const { name, run } of filesContract(new PortableFiles(), traits)) {
  const folder = mkdtempSync(`${tmpdir()}/files-`);
  try {
    run(folder);
    passed++;
  } catch (error) {
    console.error(name, error);
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
console.log(`passed ${passed}`);
