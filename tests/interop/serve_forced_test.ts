/** Forced commands: what a client's own command line may change of `serve`, held against borg's. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Packable } from "../../core/bytes/mod.ts";
import { workplace } from "../fixtures/alcove.ts";
import { borgTest } from "../fixtures/borg.ts";
import { ALCOVE_SERVE, BORG_SERVE, errorOf, ServePeer } from "../fixtures/serve_peer.ts";
import { idOf } from "../fixtures/store_env.ts";

interface Outcome {
  code: number;
  open: string;
  /** Whether the server tells what it does in detail. */
  debug: boolean;
  put: string;
  destroy: string;
  /** Permissions of a file that was written. */
  mode: string;
}

/** Opens the repository, stores 12 MB, and tries to destroy it. */
async function outcome(
  program: readonly string[],
  place: string,
  args: string[],
  original?: string,
): Promise<Outcome> {
  const cwd = join(place, "serving");
  fs.rmSync(cwd, { recursive: true, force: true });
  fs.cpSync(join(place, "origin"), cwd, { recursive: true });
  const env = original === undefined ? {} : { SSH_ORIGINAL_COMMAND: original };
  const peer = new ServePeer(program, { cwd, args, env: { ...env, HOME: place } });
  const result: Outcome = { code: -1, open: "", debug: false, put: "", destroy: "", mode: "" };
  const say = async (method: string, args: Record<string, Packable>): Promise<string> => {
    const answer = await peer.call(method, args);
    return answer.has("r") ? "done" : errorOf(answer).replace(/:.*/, "");
  };
  try {
    await peer.negotiate();
    result.open = await say("open", { path: "repo", exclusive: true, lock_wait: 0 });
    for (const n of [1, 2, 3]) {
      result.put = await say("put", { id: idOf(n), data: new Uint8Array(4_000_000) });
    }
    result.put += `, ${await say("commit", { compact: false })}`;
    await say("save_key", { keydata: "key" });
    result.mode = (fs.statSync(join(cwd, "repo", "config")).mode & 0o777).toString(8);
    result.destroy = await say("destroy", {});
  } catch {
    // It ended at once.
  }
  const { code, stderr } = await peer.end();
  return { ...result, code, debug: stderr.includes('"DEBUG"') };
}

borgTest("serve takes from the client's command line what borg takes, and no more", async () => {
  using workshop = workplace();
  const place = fs.realpathSync(workshop.path);
  fs.mkdirSync(join(place, "origin"));
  workshop.borg(["init", "-e", "none", "origin/repo"]);
  const elsewhere = ["--restrict-to-path", "/nonexistent"];
  const cases: [args: string[], original?: string][] = [
    [[]],
    [["--debug"]],
    [["--append-only"]],
    [["--storage-quota", "10M"]],
    [["--umask", "0022"]],
    [elsewhere],
    [[], "borg serve --debug"],
    [["--debug"], "borg serve"],
    [[], "borg --debug serve"],
    [[], "/usr/bin/alcove serve --debug"],
    [[], "BORG_X=1 Y=2 borg serve --info --debug"],
    [[], "borg serve --debug --debug-topic=repository --lock-wait 5"],
    [["--append-only"], "borg serve"],
    [[], "borg serve --append-only"],
    [["--storage-quota", "10M"], "borg serve --storage-quota 100G"],
    [[], "borg serve --storage-quota=10M"],
    [elsewhere, "borg serve --restrict-to-path /"],
    [[], "borg serve --restrict-to-path /nonexistent"],
    [["--restrict-to-repository", "/x"], "borg serve --restrict-to-repository repo"],
    [[], "borg serve --umask 0000"],
    [["--umask", "0027"], "borg serve --umask 0000"],
    [elsewhere, "borg list repo"],
    [elsewhere, "borg init -e none repo"],
    [[], "borg serve --nosuchoption"],
    [[], "borg serve repo"],
    [[], "borg serve --storage-quota 1"],
    [[], "rsync --server ."],
    [[], "borg serve --show-rc --log-json --progress"],
    [["--storage-quota", "9999999"]],
    [["--storage-quota", "1e9"]],
    [["extra"]],
  ];
  for (const [args, original] of cases) {
    const theirs = await outcome(BORG_SERVE, place, args, original);
    const ours = await outcome(ALCOVE_SERVE, place, args, original);
    // Where borg meets an error that it has not thought of, ours has a sentence.
    for (const name of ["put", "destroy"] as const) {
      theirs[name] = theirs[name].replaceAll(/ValueError|AttributeError/g, "Error");
    }
    assert.deepEqual(ours, theirs, `${args} | ${original}`);
  }
  // What is no command line ends borg 1.2 with another code than 1.4.
  assert.equal((await outcome(ALCOVE_SERVE, place, [], "borg 'serve")).code, 2);
});
