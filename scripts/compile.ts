/**
 * Builds the stand-alone executable: `deno task compile [--target T] [--output F] [--form compiled|self-extracting]`.
 * The program is bundled first, with its workers and WASM modules, then compiled by `deno compile`. Where the compile
 * runtime cannot be had, and no form was asked for, the self-extracting form is made instead (scripts/_self_extracting.ts).
 */
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { VERSION } from "../cli/version.ts";
import { type Bundle, bundle, runDeno } from "./_bundle.ts";
import { writeSelfExtracting } from "./_self_extracting.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** All that the program may do; it cannot open a socket itself. */
const PERMISSIONS = [
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
  "--allow-run",
  "--allow-ffi",
  "--no-prompt",
];
/** A larger nursery only keeps dead items longer: a fifth of the memory of a first backup, and no time. */
const V8_FLAGS = "--v8-flags=--max-semi-space-size=4";
/** Nothing outside the bundle is looked for or kept: no configuration, no lock file, no code cache of other folders. */
const RUN_OPTIONS = ["--quiet", "--no-config", "--no-lock", "--no-remote", "--no-npm", "--no-code-cache"];

const FORMS = ["compiled", "self-extracting"] as const;
export type Form = (typeof FORMS)[number];

export interface CompileOptions {
  /** The program's first file. */
  entry: string;
  output: string;
  /** Without it: compiled, or self-extracting where the compile runtime cannot be had. */
  form?: Form;
  /** A target of `deno compile`; this machine's without it. */
  target?: string;
}

/** The compile runtime is missing; says how to give it. */
class RuntimeMissing extends Error {}

/** Builds the executable and answers which form it has. Throws Error where that form cannot be made. */
export function compile(options: CompileOptions): Form {
  const bundled = bundle(options.entry);
  try {
    Deno.mkdirSync(dirname(options.output), { recursive: true });
    if (options.form !== "self-extracting") {
      try {
        compileBundle(bundled, options);
        return "compiled";
      } catch (error) {
        if (!(error instanceof RuntimeMissing) || options.form === "compiled") throw error;
        console.error(`${error.message}; making the self-extracting form instead.`);
      }
    }
    selfExtract(bundled, options);
    return "self-extracting";
  } finally {
    Deno.removeSync(bundled.folder, { recursive: true });
  }
}

function compileBundle(bundled: Bundle, options: CompileOptions): void {
  const args = [
    "compile",
    "--no-check",
    "--no-config",
    "--no-lock",
    "--no-code-cache",
    V8_FLAGS,
    ...PERMISSIONS,
  ];
  if (options.target) args.push("--target", options.target);
  // As a folder: its files are embedded as they are, where a file by itself would be taken for a module.
  args.push("--include", bundled.folder);
  try {
    runDeno([...args, "--output", options.output, join(bundled.folder, bundled.main)]);
  } catch (error) {
    if (!/denort|base binary/i.test(String(error))) throw error;
    throw new RuntimeMissing(
      `Cannot download the compile runtime of Deno ${Deno.version.deno}: set DENORT_BIN to a denort of that version`,
    );
  }
}

function selfExtract(bundled: Bundle, options: CompileOptions): void {
  const here = Deno.build.target;
  if (options.target && options.target !== here) {
    throw new Error(
      `Cannot make the self-extracting form for ${options.target}: it carries the Deno that runs this, one for ${here}`,
    );
  }
  if (Deno.build.os === "windows") {
    throw new Error("Cannot make the self-extracting form: it needs a POSIX shell");
  }
  writeSelfExtracting({
    output: options.output,
    bundle: bundled,
    version: VERSION,
    deno: Deno.execPath(),
    runOptions: [...RUN_OPTIONS, V8_FLAGS, ...PERMISSIONS],
  });
}

function main(): void {
  const { values } = parseArgs({
    options: {
      target: { type: "string" },
      output: { type: "string" },
      form: { type: "string" },
      entry: { type: "string" },
    },
  });
  const form = FORMS.find((form) => form === values.form);
  if (values.form !== undefined && form === undefined) {
    throw new Error(`--form must be ${FORMS.join(" or ")}`);
  }
  const suffix = values.target ? `-${values.target}${values.target.includes("windows") ? ".exe" : ""}` : "";
  const output = resolve(values.output ?? join(root, "dist", `alcove${suffix}`));
  const made = compile({
    entry: resolve(values.entry ?? join(root, "cli", "main.ts")),
    output,
    ...(form && { form }),
    ...(values.target && { target: values.target }),
  });
  const megabytes = (Deno.statSync(output).size / 1e6).toFixed(1);
  console.log(`${output}: ${made}, ${megabytes} MB`);
}

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
