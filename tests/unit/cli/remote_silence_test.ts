import assert from "node:assert/strict";
import { type Heard, watchSilence } from "../../../cli/remote_silence.ts";
import { type ReportEvent, silentReporter } from "../../../core/report.ts";

class Connection implements Heard {
  waiting = true;
  #heard = 0;
  /** Whether there is a sign of life before each look. */
  talks = false;

  get heard(): number {
    return this.talks ? ++this.#heard : this.#heard;
  }
}

/** Lets about so many intervals of the watch pass. */
async function pass(intervals: number): Promise<void> {
  for (let n = 0; n < intervals; n++) await new Promise((resolve) => setTimeout(resolve, 5));
}

Deno.test("watchSilence tells once for each silence, and not where nothing is asked or something is heard", async () => {
  const events: ReportEvent[] = [];
  const reporter = { ...silentReporter, emit: (event: ReportEvent) => void events.push(event) };
  const until = async (count: number): Promise<void> => {
    while (events.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const connection = new Connection();
  const watch = watchSilence(connection, reporter, 5);
  await until(1);
  await pass(10);
  assert.equal(events.length, 1, "once");
  assert.deepEqual(events[0], {
    type: "log_message",
    levelname: "WARNING",
    name: "alcove",
    message: "The server has not answered for 0 seconds, still waiting",
  });

  connection.waiting = false;
  await pass(10);
  connection.waiting = true;
  connection.talks = true;
  await pass(10);
  assert.equal(events.length, 1);

  connection.talks = false;
  await until(2);
  watch[Symbol.dispose]();
  connection.talks = true;
  await pass(3);
  connection.talks = false;
  await pass(10);
  assert.equal(events.length, 2);
});
