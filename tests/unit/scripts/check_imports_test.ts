import assert from "node:assert/strict";
import { checkImports, ROOMS } from "../../../scripts/check_imports.ts";

/** Offences of a tree that is given as path to text. */
const offencesOf = (tree: Record<string, string>) => checkImports(new Map(Object.entries(tree)));

Deno.test("checkImports() has nothing against a tree that keeps the rules", () => {
  assert.deepEqual(
    offencesOf({
      "core/bytes/mod.ts": `export { hex } from "./hex.ts";`,
      "core/bytes/hex.ts": `import { AppError } from "../errors.ts";\nexport const hex = AppError;`,
      "core/chunk/mod.ts": `import { hex } from "../bytes/mod.ts"; import { log } from "../report.ts";`,
      "core/store/env.ts": `import type { Files } from "../platform/mod.ts";`,
      "core/archive/one.ts": `import {\n  type Store,\n  type Other,\n} from "../store/mod.ts";`,
      "core/platform/linux.ts": `import { stat } from "node:fs"; const x = Deno.dlopen;`,
      "core/crypto/secret.ts": `// Deno.readFile is not used\nconst name = "Deno.customInspect";`,
      "wasm/hash.ts":
        `import { A } from "../rust-free-asm/const.ts"; import { createHash } from "node:crypto";`,
      "cli/main.ts": `import { hex } from "../core/bytes/mod.ts"; import "node:fs"; Deno.exit(0);`,
      "tests/a_test.ts": `import { x } from "../core/bytes/hex.ts"; import { y } from "../cli/main.ts";`,
    }),
    [],
  );
});

Deno.test("checkImports() names each import that breaks a rule", () => {
  const wrong: [path: string, source: string, complaint: RegExp][] = [
    ["core/bytes/a.ts", `import { x } from "../chunk/mod.ts";`, /room bytes may not import room chunk/],
    ["core/store/a.ts", `import { seal } from "../object/mod.ts";`, /store may not import room object/],
    [
      "core/store/a.ts",
      `import { Files } from "../platform/mod.ts";`,
      /may import types of room platform only/,
    ],
    ["core/store/a.ts", `import { a, type B } from "../platform/mod.ts";`, /types of room platform only/],
    ["core/archive/a.ts", `export { aes } from "../crypto/mod.ts";`, /archive may not import room crypto/],
    [
      "core/archive/a.ts",
      `const m = await import("../crypto/mod.ts");`,
      /archive may not import room crypto/,
    ],
    ["core/archive/a.ts", `import {\n  seal,\n} from "../object/seal.ts";`, /entered by its mod\.ts/],
    ["core/chunk/a.ts", `import { x } from "../bytes/_x.ts";`, /entered by its mod\.ts/],
    ["core/chunk/a.ts", `import { x } from "../../cli/args.ts";`, /nothing imports cli/],
    ["core/chunk/a.ts", `import { x } from "../../tests/unit/x.ts";`, /tests is for nobody/],
    ["core/chunk/a.ts", `import { x } from "../../scripts/x.ts";`, /scripts is for nobody/],
    ["core/chunk/a.ts", `import { x } from "../../rust-free-asm/const.ts";`, /only wasm/],
    ["wasm/a.ts", `import { x } from "../rust-free-asm/buzhash.ts";`, /only wasm may import .*const\.ts/],
    ["core/attic/a.ts", `import { x } from "../bytes/mod.ts";`, /room attic is not in the table/],
    ["core/object/a.ts", `import "node:fs";`, /only platform and cli may import node:fs/],
    ["core/object/a.ts", `const now = Deno.hrtime();`, /uses Deno/],
    ["core/platform/portable.ts", `Deno.readFileSync("x");`, /uses Deno/],
  ];
  for (const [path, source, complaint] of wrong) {
    const offences = offencesOf({ [path]: source });
    assert.equal(offences.length, 1, `${source}: ${offences.join("; ")}`);
    assert.match(offences[0]!, complaint);
    assert.ok(offences[0]!.startsWith(path));
  }
});

Deno.test("checkImports() finds a circle of imports, but not one of types or of lazy imports", () => {
  const circle = (closing: string) =>
    offencesOf({
      "core/bytes/a.ts": `import { b } from "./b.ts";`,
      "core/bytes/b.ts": `import { c } from "./c.ts";`,
      "core/bytes/c.ts": closing,
    });
  assert.match(
    circle(`import { a } from "./a.ts";`).join(),
    /circle: core\/bytes\/a\.ts -> .* -> core\/bytes\/a\.ts$/,
  );
  assert.match(circle(`import "./b.ts";`).join(), /circle: core\/bytes\/b\.ts/);
  assert.deepEqual(circle(`import type { A } from "./a.ts";`), []);
  assert.deepEqual(circle(`const a = () => import("./a.ts");`), []);
});

Deno.test("core/README.md shows the table that checkImports() enforces", () => {
  const page = Deno.readTextFileSync(new URL("../../../core/README.md", import.meta.url));
  const table = page.slice(page.indexOf("| room     | may import"), page.indexOf("`kernels` is"));
  const words = (cell: string) => cell.split(",").map((word) => word.trim()).filter(Boolean);
  const shown = Object.fromEntries(
    table.trim().split("\n").slice(2).map((line) => {
      const [, room, rooms, types] = line.split("|");
      return [room!.trim(), { rooms: words(rooms!), types: words(types!) }];
    }),
  );
  assert.deepEqual(shown, ROOMS);
});
