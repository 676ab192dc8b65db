/**
 * The contract of Files, kept by the implementation for Linux, by what it shares with the other Unixes under their records,
 * and by the portable one, the latter under Node too.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { LinuxFiles, openFiles, PortableFiles, WindowsFiles } from "../../core/platform/mod.ts";
import { UnixFiles } from "../../core/platform/unix_files.ts";
import { emulatedUnix } from "../fixtures/emulated_unix.ts";
import { openFolderCases } from "./files_at_contract.ts";
import { filesContract, type FilesTraits } from "./files_contract.ts";
import type { Files } from "../../core/platform/mod.ts";

function runContract(name: string, files: Files, traits: FilesTraits): void {
  for (const { name: sentence, run } of [...filesContract(files, traits), ...openFolderCases(files)]) {
    Deno.test(`${name}: ${sentence}`, () => {
      const folder = Deno.makeTempDirSync();
      try {
        run(folder);
      } finally {
        // Deno cannot remove what it cannot name.
        spawnSync("rm", ["-rf", "--", folder]);
      }
    });
  }
}

const linux = Deno.build.os === "linux" && ["x86_64", "aarch64"].includes(Deno.build.arch);
if (linux) {
  const traits = { timeStepNs: 1n, before1970: true, rawNames: true, opensFifos: true, longPaths: true };
  runContract("LinuxFiles", new LinuxFiles(), traits);
  for (const name of ["darwin", "freebsd"] as const) {
    runContract(`UnixFiles with the record of ${name}`, new UnixFiles(emulatedUnix(name)!), traits);
  }
}
runContract("PortableFiles", new PortableFiles(), {
  timeStepNs: 1_000_000n,
  before1970: false,
  rawNames: false,
  opensFifos: Number(Deno.version.deno.split(".")[1]) >= 9,
  longPaths: false,
});

Deno.test("openFiles() takes the C library where there is one, and what node can do elsewhere", () => {
  const kinds = ["linux", "darwin", "freebsd", "win32", "aix"].map((platform) =>
    openFiles(platform).constructor.name
  );
  // The C libraries of other systems are not here.
  if (linux) {
    assert.deepEqual(kinds, [
      "LinuxFiles",
      "PortableFiles",
      "PortableFiles",
      "WindowsFiles",
      "PortableFiles",
    ]);
  }
  const here: Record<string, string> = {
    linux: "LinuxFiles",
    darwin: "DarwinFiles",
    windows: "WindowsFiles",
  };
  assert.equal(openFiles().constructor.name, here[Deno.build.os] ?? "FreebsdFiles");
  assert(openFiles("win32") instanceof WindowsFiles);
});

const node = spawnSync("node", ["--version"], { encoding: "utf8" });

Deno.test({
  name: "PortableFiles keeps the contract under plain Node, names of any bytes included",
  ignore: node.status !== 0 || Number(/^v(\d+)/.exec(node.stdout)?.[1] ?? 0) < 20,
  fn() {
    const folder = Deno.makeTempDirSync();
    try {
      const entry = new URL("files_node.ts", import.meta.url).pathname;
      const script = `${folder}/contract.mjs`;
      // Not by spawnSync, which in older Denos takes "bundle" for a program to be run.
      const args = ["bundle", "-q", "--platform=deno", "-o", script, entry];
      const bundle = new Deno.Command(Deno.execPath(), { args }).outputSync();
      assert.equal(bundle.code, 0, new TextDecoder().decode(bundle.stderr));
      const run = spawnSync("node", [script], { encoding: "utf8" });
      assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
      assert.match(run.stdout, /^passed \d+\n$/);
    } finally {
      spawnSync("rm", ["-rf", "--", folder]);
    }
  },
});
