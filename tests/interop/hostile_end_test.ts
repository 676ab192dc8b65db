/**
 * Servers that end, or fall silent, at any message of a backup. The client says so in one sentence, the repository is whole,
 * and the next backup is as if nothing had been.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { ALCOVE, assertHarmless, hostilePlace, rsh } from "../fixtures/hostile.ts";
import { assertSameTree, pseudoRandom } from "../fixtures/tree.ts";

/** As many messages as a small backup has, and then some. */
const MESSAGES = 20;

borgTest("a server that dies at any message of a backup leaves a repository that is whole", () => {
  using hostile = hostilePlace();
  const { place, location, repository } = hostile;
  // A second server program, of our own.
  const ours = join(place.path, "alcove-server");
  fs.writeFileSync(ours, `#!/bin/sh\nexec ${ALCOVE.join(" ")} "$@"\n`, { mode: 0o755 });
  const relocated = { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes", BORG_BASE_DIR: join(place.path, "checker") };
  const finished: string[] = [];
  let archives = "a\n";
  for (let n = 1; n <= MESSAGES; n++) {
    const trick = ["die-before-request", "die-after-answer", "die-within-answer"][n % 3]!;
    const program = n % 2 === 0 ? {} : { BORG_REMOTE_PATH: ours };
    fs.writeFileSync(join(place.path, "src", "a"), pseudoRandom(`round ${n}`, 200_000));
    const ran = hostile.meetAny(`${trick}=${n}`, ["create", `${location}::died-${n}`, "src"], {
      cwd: place.path,
      env: program,
    });
    if (ran.code === 0) finished.push(`died-${n}`);
    else {
      assert.ok([80, 81, 87].includes(ran.code), `${trick}=${n}: ${ran.code}\n${ran.stderr}`);
      assert.match(ran.stderr, /Connection closed by remote host|Connection to remote host is broken/);
    }
    place.borg(["check", "--lock-wait", "60", repository], { env: relocated });
    const now = hostile.honest(["list", "--short", location]).stdout;
    // The archive is there where it was committed, which a client whose server dies after that cannot know.
    assert.ok(now === archives || now === `${archives}died-${n}\n`, `${trick}=${n}: ${now}`);
    if (ran.code === 0) assert.notEqual(now, archives);
    archives = now;
  }
  assert.ok(finished.length > 0 && finished.length < MESSAGES, `all messages were met: ${finished}`);
  hostile.honest(["create", `${location}::last`, "src"]);
  place.borg(["check", "--verify-data", repository], { env: relocated });
  hostile.honest(["extract", `${location}::last`], join(place.path, "out"));
  assertSameTree(join(place.path, "out", "src"), join(place.path, "src"));
});

borgTest("a server that dies while archives are deleted leaves a repository that is whole", () => {
  using hostile = hostilePlace();
  const { place, location, repository } = hostile;
  const relocated = { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes", BORG_BASE_DIR: join(place.path, "checker") };
  for (let n = 4; n <= 16; n += 3) {
    hostile.honest(["create", `${location}::next-${n}`, "src"]);
    const { code } = hostile.meetAny(`die-before-request=${n}`, ["delete", `${location}::next-${n}`], {
      cwd: place.path,
    });
    assert.ok([0, 80, 81, 87].includes(code), `${n}: ${code}`);
    place.borg(["check", "--verify-data", "--lock-wait", "60", repository], { env: relocated });
  }
  assert.match(hostile.honest(["list", "--short", location]).stdout, /^a\n/);
});

for (const [trick, command] of [["hang=get", "list"], ["hang=commit", "create"], ["hang-at-end", "create"]]) {
  borgTest(`${command} before a server that falls silent (${trick}) ends at Ctrl-C`, async () => {
    using hostile = hostilePlace();
    const { place, location, repository } = hostile;
    const args = command === "list" ? ["list", `${location}::a`] : ["create", `${location}::silent`, "src"];
    const [program, ...head] = ALCOVE;
    const child = new Deno.Command(program!, {
      args: [...head, ...args],
      cwd: place.path,
      env: { ...place.env, BORG_RSH: rsh(trick!) },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let stderr = "";
    let silent = () => {};
    const silence = new Promise<void>((resolve) => silent = resolve);
    const reading = (async () => {
      for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
        stderr += part;
        if (stderr.includes("Remote: silence")) silent();
      }
    })();
    let ended = false;
    const status = child.status.finally(() => ended = true);
    await Promise.race([silence, status]);
    // A backup tries to save what it has, which only a second Ctrl-C cuts short. Two that come while the client has no turn
    // are one to it.
    while (!ended) {
      try {
        child.kill("SIGINT");
      } catch {
        // It has ended.
      }
      for (let waited = 0; waited < 3000 && !ended; waited += 50) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    const { code } = await status;
    await reading;
    assertHarmless({ code, stdout: "", stderr }, stderr);
    assert.notEqual(code, 0, stderr);
    place.borg(["check", "--verify-data", "--lock-wait", "600", repository], {
      env: { BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes", BORG_BASE_DIR: join(place.path, "checker") },
    });
    assert.match(hostile.honest(["list", "--short", location]).stdout, /^a\n/);
  });
}
