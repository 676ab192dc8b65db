/**
 * From an entry file to a folder of JavaScript that needs nothing beside itself: `deno bundle`, and what it leaves to do.
 * In: a TypeScript entry. Out: main.js, the chunks that it loads when they are called for, a bundle for each worker, and
 * the files that packages read at run time.
 */
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Files that a package reads from the folder it lies in; copied beside the chunk whose text names them. They lose their
 * extension, because `deno compile` would take a .wasm file for a module.
 */
const PACKAGE_FILES = [
  { named: "zstd.wasm", package: "@bokuweb/zstd-wasm", path: "dist/common/zstd.wasm" },
] as const;

/** How source names the file of a worker, and other files that must come along. */
const BESIDE = /new URL\(\s*["'`]\.\/([\w.-]+)\.ts["'`]\s*,\s*import\.meta\.url\s*\)/g;

/**
 * A chunk that is a CommonJS module: it exports nothing but that module's object. `deno bundle` loads it by a bare
 * `import()`, which then lacks the names that the same import has unbundled.
 */
const COMMON_CHUNK = /export default [\w$]+\(\);\s*$/;

/**
 * A chunk that is loaded when it is called for. Written like this, `deno run` would read it, and all that it imports, at
 * every start: it looks for names in calls of `import()`. A name that is computed is left for later.
 */
const LATE = /import\("\.\/([\w.-]+\.js)"\)/g;

/**
 * What `deno bundle` makes of `require`, in a file that all others import. Only modules of the runtime are left to require,
 * and they can be had without loading node:module, which would be most of what `--version` takes.
 */
const REQUIRE =
  /import\s*\{createRequire as ([\w$]+)\}\s*from\s*"node:module";var ([\w$]+)=\1\(import\.meta\.url\);/;

export interface Bundle {
  /** The folder; the caller removes it. */
  folder: string;
  /** File to start, a name in the folder. */
  main: string;
  /** All names in the folder, `main` included, in the order of their letters. */
  names: string[];
}

/** Runs this same Deno with `args`; throws Error with its words when it fails. */
export function runDeno(args: readonly string[]): string {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).outputSync();
  if (!success) throw new Error(`deno ${args[0]} failed:\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Bundles `entry` (a path) into a new temporary folder. */
export function bundle(entry: string): Bundle {
  const folder = Deno.makeTempDirSync({ prefix: "alcove-bundle-" });
  bundleInto(folder, entry);
  const main = basename(entry).replace(/\.ts$/, ".js");
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return { folder, main, names };
}

/** Bundles into a folder apart, so that each file is mended once, and moves the result into `target`. */
function bundleInto(target: string, entry: string): void {
  const folder = Deno.makeTempDirSync({ dir: target });
  const lock = fileExists(join(root, "deno.lock")) ? ["--frozen"] : ["--no-lock"];
  const options = ["--platform", "deno", "--code-splitting", "--minify", "--outdir", folder];
  runDeno(["bundle", "--quiet", ...lock, ...options, entry]);
  const workers = new Set<string>();
  const scripts = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    name.endsWith(".js")
  );
  const common = scripts.filter((name) => COMMON_CHUNK.test(Deno.readTextFileSync(join(folder, name))));
  for (const name of scripts) {
    const path = join(folder, name);
    const text = Deno.readTextFileSync(path);
    let mended = withNodeGlobals(text.replace(BESIDE, (_, worker: string) => {
      workers.add(worker);
      return `new URL("./${worker}.js",import.meta.url)`;
    }));
    for (const chunk of common) {
      const load = `import("./${chunk}")`;
      mended = mended.replaceAll(load, `${load}.then(m=>({...m.default,default:m.default}))`);
    }
    mended = mended.replace(
      LATE,
      (load, name: string) => scripts.includes(name) ? `import(import.meta.resolve("./${name}"))` : load,
    );
    mended = mended.replace(
      REQUIRE,
      (_, _create, name: string) => `var ${name}=n=>process.getBuiltinModule(n);`,
    );
    for (const file of PACKAGE_FILES) {
      if (!mended.includes(`"./${file.named}"`)) continue;
      mended = mended.replaceAll(`"./${file.named}"`, `"./${file.named}.data"`);
      Deno.copyFileSync(packageFile(file), join(folder, `${file.named}.data`));
    }
    if (mended !== text) Deno.writeTextFileSync(path, mended);
  }
  for (const { name } of [...Deno.readDirSync(folder)]) {
    Deno.renameSync(join(folder, name), join(target, name));
  }
  Deno.removeSync(folder);
  for (const worker of workers) {
    if (!fileExists(join(target, `${worker}.js`))) bundleInto(target, findSource(entry, `${worker}.ts`));
  }
}

/** CommonJS packages expect `require` and `__dirname`, which a module does not have and not every `deno bundle` gives. */
function withNodeGlobals(text: string): string {
  let head = "";
  if (/Dynamic require of/.test(text)) {
    head +=
      'import{createRequire as __nodeRequire}from"node:module";const require=__nodeRequire(import.meta.url);';
  }
  if (/\b__dirname\b/.test(text)) head += "const __dirname=import.meta.dirname;";
  return head + text;
}

/** A worker's source: its name is unique among the files of the program. */
function findSource(entry: string, name: string): string {
  const folders = [join(root, "core"), join(root, "wasm"), join(root, "cli"), dirname(entry)];
  for (const folder of folders) {
    for (const path of filesBelow(folder)) if (basename(path) === name) return path;
  }
  throw new Error(`Cannot bundle ${name}: it was not found`);
}

function* filesBelow(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* filesBelow(path);
    else yield path;
  }
}

/** Where Deno keeps a file of a package that deno.json names. */
function packageFile(file: (typeof PACKAGE_FILES)[number]): string {
  const { imports } = JSON.parse(Deno.readTextFileSync(join(root, "deno.json")));
  const version = /@([\d.]+)$/.exec(imports[file.package])?.[1];
  const cache: string = JSON.parse(runDeno(["info", "--json"])).npmCache;
  for (const registry of Deno.readDirSync(cache)) {
    const path = join(cache, registry.name, file.package, version ?? "", file.path);
    if (fileExists(path)) return path;
  }
  throw new Error(`Cannot bundle ${file.package}: its file ${file.path} was not found`);
}

function fileExists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
