/** What `deno task docs` makes: pages that name every option, manual pages, and completions that real shells take. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { makeDocs } from "../../scripts/docs/main.ts";
import { loadProgram, shown } from "../../scripts/docs/specs.ts";
import { run } from "../fixtures/borg.ts";

const docs = await makeDocs();

function withDocs(body: (folder: string) => void): void {
  const folder = fs.mkdtempSync(join(tmpdir(), "alcove-docs-"));
  try {
    for (const [name, text] of docs) {
      fs.mkdirSync(dirname(join(folder, name)), { recursive: true });
      fs.writeFileSync(join(folder, name), text);
    }
    body(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** A test that needs the program `name`; an absolute or relative path of it is not looked for. */
function programTest(name: string, title: string, body: (folder: string) => void): void {
  const found = (process.env["PATH"] ?? "").split(":").some((folder) => fs.existsSync(join(folder, name)));
  if (!found) console.log(`skipped, ${name} is not installed: ${title}`);
  Deno.test({ name: title, ignore: !found, fn: () => withDocs(body) });
}

Deno.test("every command has a usage page and a manual page that name each of its options", async () => {
  const program = await loadProgram();
  assert.ok(program.commands.length > 20);
  for (const spec of program.commands) {
    const name = spec.name.replaceAll(" ", "-");
    const usage = docs.get(`usage/${name}.md`)!;
    const man = docs.get(`man/alcove-${name}.1`)!.replaceAll("\\-", "-");
    assert.ok(docs.get("usage/index.md")!.includes(`(${name}.md)`));
    for (const { flags } of spec.options.filter(shown)) {
      for (const flag of flags) {
        assert.ok(usage.includes(`${flag}`), `${name}.md ${flag}`);
        assert.ok(man.includes(`\\fB${flag}\\fP`), `alcove-${name}.1 ${flag}`);
      }
    }
  }
  for (const { flags } of program.common) {
    assert.ok(docs.get("usage/common-options.md")!.includes(flags.at(-1)!));
    assert.ok(docs.get("man/alcove.1")!.replaceAll("\\-", "-").includes(flags.at(-1)!));
  }
});

programTest("mandoc", "mandoc finds no error in a manual page", (folder) => {
  const pages = fs.readdirSync(join(folder, "man")).map((name) => join(folder, "man", name));
  const { code, stdout, stderr } = run("mandoc", ["-T", "lint", "-W", "error", ...pages]);
  assert.equal(code, 0, stdout + stderr);
});

/** Lines as typed, the cursor at their end, and words that must be offered there. */
const CASES: [string[], string[]][] = [
  [["comp"], ["compact"]],
  [["key", "exp"], ["export", "export-related-secrets"]],
  [["key", "export", "--pa"], ["--paper"]],
  [["--umask", "077", "create", "--st"], ["--stats", "--stdin-name"]],
  [["init", "-e", "auth"], ["authenticated", "authenticated-blake2"]],
  [["help", "pl"], ["placeholders"]],
  [["debug", "dump-repo-objs", "--gh"], ["--ghost"]],
  [["list", "--lock-w"], ["--lock-wait"]],
];
const offers = (offered: readonly string[], wanted: readonly string[], line: readonly string[]): void => {
  for (const word of wanted) assert.ok(offered.includes(word), `${line.join(" ")}: ${offered.join(" ")}`);
};

programTest("bash", "bash completes commands, options and values", (folder) => {
  const script = `source "$1"; shift; COMP_WORDS=(alcove "$@"); COMP_CWORD=$#; _alcove
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const complete = (line: readonly string[]): string[] => {
    const { code, stdout, stderr } = run("bash", [
      "--norc",
      "-c",
      script,
      "bash",
      join(folder, "completions/alcove.bash"),
      ...line,
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    return stdout.trim().split("\n");
  };
  for (const [line, wanted] of CASES) offers(complete(line), wanted, line);
  // As bash cuts "--encryption=re" and "--umask=077".
  offers(complete(["init", "--encryption", "=", "re"]), ["repokey"], ["init", "--encryption=re"]);
  offers(complete(["--umask", "=", "077", "comp"]), ["compact"], ["--umask=077", "comp"]);
  assert.deepEqual(complete(["create", "--exclude-from", "x"]), [""]);
});

programTest("fish", "fish completes commands, options and values", (folder) => {
  for (const [line, wanted] of CASES) {
    const { stdout, stderr } = run("fish", [
      "--no-config",
      "-c",
      `source $argv[1]; complete -C "$argv[2]"`,
      join(folder, "completions/alcove.fish"),
      ["alcove", ...line].join(" "),
    ], { env: { HOME: folder } });
    assert.equal(stderr, "");
    offers(stdout.split("\n").map((text) => text.split("\t")[0]!), wanted, line);
  }
});

programTest(
  "zsh",
  "zsh completes commands, options and values, sourced and from its folder of functions",
  (folder) => {
    // A shell at a terminal of its own: the completion system works nowhere else.
    const script = `
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "PS1=; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -D -u; stty -echo; LISTMAX=10000"
    [[ $2 == source ]] && zpty -w shell "source $1/_alcove"
    zpty -w shell "compadd() { local -a found; builtin compadd -O found \\"\\$@\\"; print -r -- \\"offer:\\$found\\" >> $3; builtin compadd \\"\\$@\\" }"
    zpty -w -n shell "$4"$'\\t'
    for ((i = 0; i < 6000; i++)); do [[ -s $3 ]] && break; sleep 0.1; done
    zpty -w -n shell $'\\C-u'
    zpty -w shell exit
    while zpty -r shell line; do :; done
  `;
    for (const [i, [line, wanted]] of CASES.entries()) {
      const output = join(folder, `offered-${i}`);
      fs.writeFileSync(output, "");
      const how = i % 2 === 0 ? "source" : "autoload";
      run("zsh", [
        "-f",
        "-c",
        script,
        "zsh",
        join(folder, "completions"),
        how,
        output,
        `alcove ${line.join(" ")}`,
      ]);
      const offered = fs.readFileSync(output, "utf8").split(/\s+|offer:/);
      offers(offered.map((word) => word.replace(/=$/, "")), wanted, line);
    }
  },
);

function hasPowerShell(): boolean {
  try {
    return run("pwsh", ["-NoProfile", "-Command", "exit 0"]).code === 0;
  } catch {
    return false;
  }
}

Deno.test("the completion for PowerShell names every command, and PowerShell can parse it", async () => {
  const text = docs.get("completions/alcove.ps1")!;
  for (const { name } of (await loadProgram()).commands) assert.ok(text.includes(`'${name}' = `), name);
  assert.equal(text.split("{").length, text.split("}").length);
  if (!hasPowerShell()) {
    return console.log(
      "skipped: no pwsh here to parse the completion (neither apt nor npm has PowerShell itself)",
    );
  }
  const parsed = run("pwsh", [
    "-NoProfile",
    "-Command",
    "[scriptblock]::Create([Console]::In.ReadToEnd()) | Out-Null",
  ], {
    input: text,
  });
  assert.equal(parsed.code, 0, parsed.stderr);
});
