/**
 * Servers that lie. Whatever they answer, the client ends in one clear sentence and borg's exit code, keeps nothing of it,
 * and works as before with an honest server. In front of a real `borg serve`, whose answers are altered on their way.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { ALCOVE, digests, type HostilePlace, hostilePlace } from "../fixtures/hostile.ts";

/** Each trick with a command and its exit code; afterwards nothing is remembered, and an honest server is served. */
function meetAll(hostile: HostilePlace, cases: readonly (readonly [string, string, number])[]): void {
  const { location } = hostile;
  const before = hostile.kept();
  for (const [trick, command, code] of cases) {
    const args: Record<string, string[]> = {
      list: ["list", location],
      "list archive": ["list", `${location}::a`],
      extract: ["extract", `${location}::a`],
      "check archives": ["check", "--archives-only", location],
    };
    hostile.meet(trick, args[command]!, { code });
    assert.deepEqual(hostile.kept(), before, `${trick} has left something behind`);
  }
  assert.match(hostile.honest(["list", location]).stdout, /^a /);
}

borgTest("objects that a server alters, cuts, exchanges or withholds are noticed", () => {
  using hostile = hostilePlace();
  meetAll(hostile, [
    ["alter=manifest", "list", 90],
    ["alter-type=manifest", "list", 48],
    ["truncate=manifest", "list", 90],
    ["empty=manifest", "list", 48],
    ["lengthen=manifest", "list", 90],
    ["withhold=manifest", "list", 26],
    ["alter=get", "list archive", 90],
    ["alter-type=get", "list archive", 90],
    ["truncate=get", "extract", 90],
    ["empty=get", "extract", 90],
    ["lengthen=get", "extract", 90],
    ["replay=get", "extract", 90],
    ["swap=get", "extract", 90],
    ["withhold=get", "list archive", 17],
  ]);
  assert.deepEqual(fs.readdirSync(join(hostile.place.path, "out")).filter((name) => name !== "src"), []);
});

borgTest("answers of the wrong kind end in one sentence", () => {
  using hostile = hostilePlace();
  meetAll(hostile, [
    ["value=negotiate,null", "list", 86],
    ["value=negotiate,text", "list", 86],
    ["value=negotiate,map", "list", 86],
    ["value=negotiate,versions", "list", 86],
    ["value=open,null", "list", 86],
    ["value=open,short", "list", 86],
    ["value=open,map", "list", 86],
    ["value=load_key,number", "list", 86],
    ["value=load_key,empty", "list", 44],
    ["value=load_key,text", "list", 40],
    ["value=get,null", "list archive", 86],
    ["value=get,list", "list archive", 86],
    ["value=get,big", "extract", 86],
    ["value=get,double", "extract", 86],
  ]);
});

borgTest("answers that break the protocol end in one sentence", () => {
  using hostile = hostilePlace();
  meetAll(hostile, [
    ["wrong-id=get", "list archive", 86],
    ["unasked=get", "list archive", 86],
    ["twice=get", "extract", 86],
    ["no-id=get", "list archive", 86],
    ["no-message=get", "list archive", 86],
    ["raw-4g=get", "list archive", 86],
    ["array-4g=get", "list archive", 86],
    ["deep=get", "list archive", 86],
    ["rubbish=get", "list archive", 86],
    ["motd", "list", 86],
    ["motd-escapes", "list", 86],
  ]);
});

borgTest("a server that says no more, and lives on until we have said our last, is given up", () => {
  using hostile = hostilePlace();
  const { location } = hostile;
  for (const args of [["list", location], ["create", `${location}::x`, "."]]) {
    const BORG_RSH = "sh -c 'exec 1>&-; exec cat > /dev/null'";
    hostile.meet("nothing", args, { code: 81, env: { BORG_RSH } });
  }
});

borgTest("errors that a server makes up end in one sentence, and with the code of their class", () => {
  using hostile = hostilePlace();
  meetAll(hostile, [
    ["exception=get,unknown", "list archive", 2],
    ["exception=get,bare", "list archive", 90],
    ["exception=get,no-args", "list archive", 17],
    ["exception=get,wrong-args", "list archive", 72],
    ["exception=open,args-no-list", "list", 83],
    ["exception=open,escapes", "list", 90],
    ["exception=open,long", "list", 2],
    ["exception=open,quota", "list", 20],
    ["exception=get,class-no-text", "list archive", 2],
    ["exception=get,class-of-language", "list archive", 2],
    ["exception=get,proto", "list archive", 2],
    ["exception=negotiate,bare", "list", 90],
    ["exception=load_key,unknown", "list", 2],
  ]);
});

borgTest("what a server writes to standard error cannot steer the terminal, nor look like ours", () => {
  using hostile = hostilePlace();
  const { location } = hostile;
  for (const options of [[], ["--log-json"], ["--progress"], ["--log-json", "--progress"]]) {
    const { stdout, stderr } = hostile.meet("noise-on-stderr", [...options, "list", "--short", location], {
      code: 0,
    });
    assert.equal(stdout, "a\n");
    for (const line of stderr.split("\n").filter((line) => line !== "")) {
      if (!options.includes("--log-json")) assert.match(line, /^Remote: /);
      else assert.ok(["log_message", "progress_percent"].includes(JSON.parse(line).type), line);
    }
    assert.match(stderr, /known hosts/);
    assert.match(stderr, /no end of line/);
  }
  assert.equal(hostile.meet("long-line-on-stderr", ["list", "--short", location], { code: 0 }).stdout, "a\n");
});

borgTest("lies about which objects there are do not fill the memory, nor end in a loop", () => {
  using hostile = hostilePlace();
  const { place, location } = hostile;
  const before = hostile.kept();
  const names = (kept: Record<string, string>) => Object.keys(kept).sort();
  for (
    const trick of [
      "value=list,number",
      "value=list,ids",
      "value=list,list",
      "value=__len__,minus",
      "value=__len__,text",
      "ids=new",
      "ids=again",
    ]
  ) {
    hostile.meet(trick, ["create", `${location}::x`, "src"], { code: 86, cwd: place.path });
    assert.deepEqual(names(hostile.kept()), names(before), trick);
  }
  // Far more than there are: an index for that many would not fit.
  hostile.meet("value=__len__,number", ["create", `${location}::x`, "src"], { code: 0, cwd: place.path });
  place.borg(["check", "--verify-data", hostile.repository]);
});

borgTest("lies while a backup is written end it in one sentence, and never take a counter twice", () => {
  using hostile = hostilePlace("repokey");
  const { place, location, repository } = hostile;
  const names = (kept: Record<string, string>) =>
    Object.keys(kept).filter((name) => name.startsWith(".config"));
  const before = names(hostile.kept());
  const id = /^id = (.*)$/m.exec(fs.readFileSync(join(repository, "config"), "utf8"))![1]!;
  const counter = () => fs.readFileSync(join(place.path, "home/.config/borg/security", id, "nonce"), "utf8");
  const cases = [
    ["value=get_free_nonce,zero", 2],
    ["value=get_free_nonce,null", 2],
    ["value=get_free_nonce,minus", 2],
    ["value=get_free_nonce,text", 86],
    ["value=get_free_nonce,last-nonce", 2],
    ["exception=commit_nonce_reservation,unknown", 2],
    ["exception=__len__,unknown", 2],
    ["exception=put,quota", 20],
    ["exception=put,escapes", 90],
    ["exception=commit,unknown", 2],
    ["wrong-id=put", 86],
    ["twice=put", 86],
    ["unasked=commit", 86],
  ] as const;
  for (const [n, [trick, code]] of cases.entries()) {
    const last = counter();
    fs.writeFileSync(join(place.path, "src", "new"), trick);
    hostile.meet(trick, ["create", `${location}::x-${n}`, "src"], { code, cwd: place.path });
    assert.ok(counter() >= last, trick);
    assert.deepEqual(names(hostile.kept()), before, trick);
  }
  hostile.honest(["create", `${location}::last`, "src"]);
  place.borg(["check", "--verify-data", repository], { env: { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" } });
});

borgTest(
  "check --repair gives nothing up that the server cannot read, or does not list, at the moment",
  () => {
    using hostile = hostilePlace();
    const { place, location, repository } = hostile;
    const env = { BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "YES", BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" };
    const before = digests(join(repository, "data"));
    // The archive's own object, then its items.
    for (const n of [1, 2]) {
      const args = ["check", "--archives-only", "--repair", location];
      const { stderr } = hostile.meet(`stumble=${n}`, args, { code: 2, env });
      assert.match(stderr, /Input\/output error/);
      assert.deepEqual(digests(join(repository, "data")), before);
    }
    hostile.meet("short-list", ["check", "--archives-only", "--repair", location], { code: 90, env });
    assert.deepEqual(digests(join(repository, "data")), before);
    place.borg(["check", "--verify-data", repository], { env });
    place.borg(["extract", "--dry-run", `${repository}::a`], { env });
  },
);

const MEASURE = `
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)`;

borgTest("a server that never stops answering does not fill the memory", () => {
  using hostile = hostilePlace();
  const peak = join(hostile.place.path, "peak");
  const measured = ["/usr/bin/python3", "-c", MEASURE, peak, ...ALCOVE];
  const peakOf = (trick: string, code: number): number => {
    hostile.meet(trick, ["list", `${hostile.location}::a`], { code, program: measured });
    return Number(fs.readFileSync(peak, "utf8"));
  };
  // In KiB; the liar's own memory counts as well.
  const usual = peakOf("honest", 0);
  for (const trick of ["never-ending=get", "answers-without-end=get", "raw-4g=get", "array-4g=get"]) {
    const used = peakOf(trick, 86);
    assert.ok(used < usual + 300_000, `${trick}: ${used} KiB, usually ${usual}`);
  }
});
