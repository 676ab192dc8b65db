import assert from "node:assert/strict";
import { findCommand, nearest, parseCommandArgs } from "../../../cli/args.ts";
import { COMMON_OPTIONS } from "../../../cli/common_options.ts";
import { commandHelp } from "../../../cli/help.ts";
import { COMMANDS } from "../../../cli/commands.ts";
import type { CommandSpec } from "../../../cli/spec.ts";
import { AppError } from "../../../core/errors.ts";

const SPEC: CommandSpec = {
  name: "work",
  summary: "works",
  description: "Works.",
  options: [
    { flags: ["-s", "--stats"], name: "stats", help: "h" },
    { flags: ["-e", "--exclude"], name: "exclude", metavar: "P", repeat: "append", help: "h" },
    { flags: ["--force"], name: "forced", repeat: "count", help: "h" },
    { flags: ["--level"], name: "level", metavar: "L", choices: ["low", "high"], help: "h" },
  ],
  positionals: [{ name: "location", metavar: "REPO", help: "h" }, {
    name: "paths",
    metavar: "PATH",
    count: "*",
    help: "h",
  }],
};

Deno.test("findCommand() finds the command behind common options and keeps those", () => {
  assert.deepEqual(findCommand(["-v", "--lock-wait", "5", "list", "--short", "repo"]), {
    command: "list",
    rest: ["-v", "--lock-wait", "5", "--short", "repo"],
    help: false,
    version: false,
  });
  assert.equal(findCommand(["--lock-wait=5", "list"]).command, "list");
  assert.equal(findCommand(["--version"]).version, true);
  assert.equal(findCommand(["-h"]).help, true);
  assert.equal(findCommand([]).command, null);
});

Deno.test("parseCommandArgs() reads options anywhere, abbreviated, joined and repeated", () => {
  const values = parseCommandArgs(SPEC, [
    "--stat",
    "repo::a",
    "x",
    "y",
    "-e",
    "1",
    "--exclude=2",
    "--force",
    "--force",
    "-p",
  ]);
  assert.equal(values["stats"], true);
  assert.deepEqual(values["exclude"], ["1", "2"]);
  assert.equal(values["forced"], 2);
  assert.deepEqual(values["paths"], ["x", "y"]);
  assert.equal(values["progress"], true);
  assert.equal(values["log_level"], "WARNING");
  assert.equal(parseCommandArgs(SPEC, ["-v", "r"])["log_level"], "INFO");
  assert.deepEqual(parseCommandArgs(SPEC, ["r"])["exclude"], []);
});

Deno.test("parseCommandArgs() lets options stand between paths, and ends them at --", () => {
  const values = parseCommandArgs(SPEC, ["r", "a", "--stats", "b", "-e", "x", "--level=low", "-", "c"]);
  assert.deepEqual(values["paths"], ["a", "b", "-", "c"]);
  assert.deepEqual(values["exclude"], ["x"]);
  assert.equal(values["stats"], true);
  const joined = parseCommandArgs(SPEC, ["-sex", "r", "--excl", "y", "--", "-e", "--stats"]);
  assert.deepEqual(joined["exclude"], ["x", "y"]);
  assert.deepEqual(joined["paths"], ["-e", "--stats"]);
  assert.deepEqual(parseCommandArgs(SPEC, ["-e", "-x", "--exclude", "--y", "r"])["exclude"], ["-x", "--y"]);
});

Deno.test("parseCommandArgs() refuses options that exclude each other, and a second value of one of a kind", () => {
  const spec: CommandSpec = {
    ...SPEC,
    options: [
      { flags: ["--one"], name: "one", metavar: "V", exclusive: "x", once: true, help: "h" },
      { flags: ["--other"], name: "other", exclusive: "x", help: "h" },
      { flags: ["--own"], name: "own", metavar: "V", once: true, default: "nothing", help: "h" },
    ],
  };
  assert.equal(parseCommandArgs(spec, ["--one", "1", "r"])["one"], "1");
  assert.equal(parseCommandArgs(spec, ["--own", "1", "r"])["one"], undefined);
  assert.equal(parseCommandArgs(spec, ["--other", "r"])["own"], "nothing");
  assert.throws(() => parseCommandArgs(spec, ["--one", "1", "--other", "r"]), /not allowed with/);
  assert.throws(() => parseCommandArgs(spec, ["--own=1", "--own=1", "r"]), /only one/);
});

Deno.test("parseCommandArgs() leaves what follows the last of its words to another program", () => {
  const spec: CommandSpec = {
    ...SPEC,
    positionals: [...SPEC.positionals.slice(0, 1), { name: "args", metavar: "A", count: "...", help: "h" }],
  };
  const args = (...words: string[]) => parseCommandArgs(spec, words)["args"];
  assert.deepEqual(args("-s", "repo", "-s", "--help", "--", "x"), ["-s", "--help", "--", "x"]);
  assert.deepEqual(args("-e", "p", "repo"), []);
  assert.deepEqual(args("repo", "--", "-x", "--", "y"), ["-x", "--", "y"]);
  assert.deepEqual(args("--", "repo", "--", "x"), ["--", "x"]);
  assert.equal(parseCommandArgs(spec, ["--help", "repo"])["help"], true);
});

Deno.test("parseCommandArgs() does not carry repeated values from one call to the next", () => {
  parseCommandArgs(SPEC, ["-e", "1", "r"]);
  assert.deepEqual(parseCommandArgs(SPEC, ["-e", "2", "r"])["exclude"], ["2"]);
});

Deno.test("parseCommandArgs() answers bad usage with one sentence", () => {
  const wrong: [string[], RegExp][] = [
    [["--statz", "r"], /did you mean --stats\?/],
    [[], /REPO/],
    [["r", "--level", "middle"], /middle/],
    [["r", "--lock-wait", "soon"], /not a whole number/],
    [["--l", "r"], /ambiguous/],
  ];
  for (const [args, message] of wrong) {
    assert.throws(() => parseCommandArgs(SPEC, args), (error: unknown) => {
      assert.ok(error instanceof AppError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  }
});

Deno.test("nearest() finds typing errors and nothing far-fetched", () => {
  assert.equal(nearest("crate", ["create", "check"]), "create");
  assert.equal(nearest("frobnicate", ["create", "check"]), null);
});

Deno.test("commandHelp() names every option of every command", async () => {
  for (const entry of COMMANDS) {
    const { command } = await entry.load();
    assert.equal(command.spec.summary, entry.summary);
    const page = commandHelp(command.spec);
    for (const option of [...command.spec.options, ...COMMON_OPTIONS]) {
      if (!option.hidden) {
        for (const flag of option.flags) assert.ok(page.includes(flag), `${entry.name} ${flag}`);
      }
    }
    for (const { metavar } of command.spec.positionals) assert.ok(page.includes(metavar));
    for (const line of page.split("\n")) assert.ok(line.length <= 110, line);
  }
});
