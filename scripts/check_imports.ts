/**
 * Holds the tree to the rules of who may import whom (core/README.md): `deno task check-imports`. In: the text of every
 * TypeScript file. Out: one line per offence, exit code 1 if there is any. The table below is the rule; the README's is
 * its copy for readers, and tests/unit/scripts/check_imports_test.ts compares the two.
 */
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

interface RoomRule {
  /** Rooms that may be imported. */
  rooms: readonly string[];
  /** Rooms of which types alone may be imported (`import type`). */
  types: readonly string[];
}

const rule = (rooms: string, types = ""): RoomRule => ({
  rooms: rooms.split(" ").filter(Boolean),
  types: types.split(" ").filter(Boolean),
});

/** Every room may import core/errors.ts and core/report.ts besides. */
export const ROOMS: Readonly<Record<string, RoomRule>> = {
  errors: rule(""),
  report: rule(""),
  bytes: rule(""),
  wasm: rule("kernels", "bytes"),
  chunk: rule("wasm bytes"),
  crypto: rule("wasm bytes"),
  object: rule("crypto wasm bytes"),
  store: rule("bytes wasm", "platform"),
  rpc: rule("bytes", "store"),
  platform: rule("bytes", "crypto"),
  fs: rule("platform bytes"),
  local: rule("wasm bytes", "store platform crypto"),
  archive: rule("chunk object bytes", "fs store local platform"),
  mount: rule("archive bytes"),
};

/** Modules of the runtime that do no I/O; only platform and cli may import others. */
const PURE_BUILTINS = ["node:buffer", "node:crypto", "node:path", "node:worker_threads", "node:zlib"];
/** Rooms at the edge of the program: they may use the runtime's whole surface. */
const EDGE_ROOMS = ["platform", "cli"];
/** Nothing is asked of these, but that nobody imports them. */
const FREE_ROOMS = ["tests", "scripts"];

/** One import of one file. */
interface Import {
  specifier: string;
  typeOnly: boolean;
  /** Loaded when it is called for, so it closes no cycle at start-up. */
  lazy: boolean;
}

const STATIC_IMPORT = /^[ \t]*(import|export)\b([^"'`;]*?)\bfrom\s*["']([^"']+)["']/gm;
const BARE_IMPORT = /^[ \t]*import\s*["']([^"']+)["']/gm;
const LAZY_IMPORT = /\bimport\(\s*["']([^"']+)["']/g;

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

function importsOf(source: string): Import[] {
  const imports: Import[] = [];
  for (const [, , names, specifier] of source.matchAll(STATIC_IMPORT)) {
    const listed = /^\s*\{([\s\S]*)\}\s*$/.exec(names!)?.[1];
    const everyNameIsType = listed !== undefined &&
      listed.split(",").every((name) => !name.trim() || name.trim().startsWith("type "));
    imports.push({
      specifier: specifier!,
      typeOnly: /^\s*type\b/.test(names!) || everyNameIsType,
      lazy: false,
    });
  }
  for (const [, specifier] of source.matchAll(BARE_IMPORT)) {
    imports.push({ specifier: specifier!, typeOnly: false, lazy: false });
  }
  for (const [, specifier] of source.matchAll(LAZY_IMPORT)) {
    imports.push({ specifier: specifier!, typeOnly: false, lazy: true });
  }
  return imports;
}

/** The room of a file, by its path from the root; "" for what belongs to none. */
function roomOf(path: string): string {
  if (path === "core/errors.ts") return "errors";
  if (path === "core/report.ts") return "report";
  if (path.startsWith("rust-free-asm/")) return "kernels";
  const [first, second, third] = path.split("/");
  if (first === "core") return third === undefined ? "" : second!;
  return second === undefined ? (path === "mod.ts" ? "library" : "") : first!;
}

/** Why `from` may not import `to`, or null. Both are paths from the root. */
function offence(from: string, to: string, typeOnly: boolean): string | null {
  const [room, target] = [roomOf(from), roomOf(to)];
  if (FREE_ROOMS.includes(room)) return null;
  if (FREE_ROOMS.includes(target)) return `${target} is for nobody to import`;
  if (room === target) return null;
  if (target === "cli") return "nothing imports cli";
  if (target === "errors" || target === "report") return null;
  if (target === "") return "it lies in no room";
  if (target === "kernels") {
    return room === "wasm" && to === "rust-free-asm/const.ts"
      ? null
      : "only wasm may import rust-free-asm/const.ts";
  }
  if (posix.basename(to) !== "mod.ts") return `room ${target} is entered by its mod.ts`;
  if (room === "cli" || room === "library") return null;
  const rules = ROOMS[room];
  if (!rules) return `room ${room} is not in the table`;
  if (rules.rooms.includes(target)) return null;
  if (!rules.types.includes(target)) return `room ${room} may not import room ${target}`;
  return typeOnly ? null : `room ${room} may import types of room ${target} only`;
}

/** Why `from` may not import the package or runtime module `specifier`, or null. */
function foreignOffence(from: string, specifier: string): string | null {
  const room = roomOf(from);
  if (!specifier.startsWith("node:") || [...EDGE_ROOMS, ...FREE_ROOMS].includes(room)) return null;
  return PURE_BUILTINS.includes(specifier)
    ? null
    : `only ${EDGE_ROOMS.join(" and ")} may import ${specifier}`;
}

function usesDeno(path: string, source: string): boolean {
  const room = roomOf(path);
  if (FREE_ROOMS.includes(room)) return false;
  if (EDGE_ROOMS.includes(room) && path !== "core/platform/portable.ts") return false;
  // Not inside a string such as the symbol name "Deno.customInspect".
  return /(?<!["'`])\bDeno\s*\./.test(source);
}

/** A cycle of start-up imports as a list of paths, or null. */
function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): string[] | null => {
    if (done.has(path)) return null;
    const at = trail.indexOf(path);
    if (at >= 0) return [...trail.slice(at), path];
    trail.push(path);
    for (const next of edges.get(path) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    trail.pop();
    done.add(path);
    return null;
  };
  for (const path of edges.keys()) {
    const cycle = visit(path);
    if (cycle) return cycle;
  }
  return null;
}

/** All offences in a tree, given as path from the root (with "/") to source text; a line of text each. */
export function checkImports(files: ReadonlyMap<string, string>): string[] {
  const offences: string[] = [];
  const edges = new Map<string, string[]>();
  for (const [path, text] of files) {
    const source = withoutComments(text);
    const targets: string[] = [];
    edges.set(path, targets);
    if (usesDeno(path, source)) offences.push(`${path} uses Deno.*: only core/platform and cli may`);
    for (const { specifier, typeOnly, lazy } of importsOf(source)) {
      const relative = specifier.startsWith(".");
      const to = relative ? posix.join(posix.dirname(path), specifier) : specifier;
      const reason = relative ? offence(path, to, typeOnly) : foreignOffence(path, specifier);
      if (reason) offences.push(`${path} imports ${to}: ${reason}`);
      if (relative && !typeOnly && !lazy) targets.push(to);
    }
  }
  const cycle = findCycle(edges);
  if (cycle) offences.push(`these files import each other in a circle: ${cycle.join(" -> ")}`);
  return offences;
}

/** Reads all TypeScript files of the folders that hold the program. */
function readTree(root: string): Map<string, string> {
  const files = new Map<string, string>();
  const walk = (folder: string) => {
    for (const { name, isDirectory, isFile } of Deno.readDirSync(join(root, folder))) {
      const path = folder ? `${folder}/${name}` : name;
      if (isDirectory && (folder || ["core", "cli", "wasm", "scripts", "tests"].includes(name))) walk(path);
      else if (isFile && name.endsWith(".ts")) files.set(path, Deno.readTextFileSync(join(root, path)));
    }
  };
  walk("");
  return files;
}

if (import.meta.main) {
  const offences = checkImports(readTree(dirname(dirname(fileURLToPath(import.meta.url)))));
  for (const line of offences) console.error(line);
  if (offences.length > 0) Deno.exit(1);
}
