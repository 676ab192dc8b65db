import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../../../scripts/_bundle.ts";

const MAIN = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

/** The files that `name` imports before it runs, with theirs. */
function importedAtOnce(folder: string, name: string, found: Map<string, string> = new Map()) {
  if (found.has(name)) return found;
  const text = Deno.readTextFileSync(join(folder, name));
  found.set(name, text);
  for (const [, other] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) {
    importedAtOnce(folder, other!, found);
  }
  return found;
}

Deno.test("bundle() leaves what commands need unread until it is called for, and gives --version at once", () => {
  const { folder, main, names } = bundle(MAIN);
  try {
    const scripts = names.filter((name) => name.endsWith(".js"));
    assert.ok(scripts.length > 50);
    for (const name of scripts) {
      // `deno run` would read such a chunk at every start.
      assert.doesNotMatch(Deno.readTextFileSync(join(folder, name)), /import\("\.\//, name);
    }
    for (const [name, text] of importedAtOnce(folder, main)) {
      assert.doesNotMatch(
        text,
        /"node:/,
        `${name} loads a module of the runtime before the arguments are read`,
      );
    }
    const { code, stdout } = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-read", "--no-prompt", join(folder, main), "--version"],
      env: { NO_COLOR: "1" },
    }).outputSync();
    assert.equal(code, 0);
    assert.match(new TextDecoder().decode(stdout), /^alcove 1\.4\.\d+ \(Alcove \S+\)\n$/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
