/**
 * Makes all that can be made from the commands' specs: `deno task docs [FOLDER]` (default dist/docs). Usage pages in
 * usage/, manual pages in man/, completions for bash, zsh, fish and PowerShell in completions/.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { manPages } from "./man.ts";
import { markdownPages } from "./markdown.ts";
import { powershellCompletion } from "./powershell.ts";
import { loadProgram } from "./specs.ts";
import { zshCompletion } from "./zsh.ts";

/** Names of the files below the output folder, and what is in them. */
export async function makeDocs(): Promise<Map<string, string>> {
  const program = await loadProgram();
  const files = new Map<string, string>();
  for (const [name, text] of markdownPages(program)) files.set(`usage/${name}`, text);
  for (const [name, text] of manPages(program)) files.set(`man/${name}`, text);
  files.set("completions/alcove.bash", bashCompletion(program));
  files.set("completions/_alcove", zshCompletion(program));
  files.set("completions/alcove.fish", fishCompletion(program));
  files.set("completions/alcove.ps1", powershellCompletion(program));
  return files;
}

if (import.meta.main) {
  if (Deno.args[0]?.startsWith("-")) {
    console.error("usage: deno task docs [FOLDER]   (default: dist/docs)");
    Deno.exit(2);
  }
  const output = Deno.args[0] ?? fileURLToPath(new URL("../../dist/docs", import.meta.url));
  const files = await makeDocs();
  for (const [name, text] of files) {
    const path = join(output, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, text);
  }
  console.log(`${files.size} files in ${output}`);
}
