import assert from "node:assert/strict";
import { RemoteLog } from "../../../core/rpc/remote_log.ts";
import type { Reporter, ReportEvent } from "../../../core/report.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

class Notes implements Reporter {
  readonly events: ReportEvent[] = [];
  readonly fileStatus = false;
  constructor(readonly progress: boolean) {}
  emit(event: ReportEvent): void {
    this.events.push(event);
  }
  warn(): void {}
  /** "LEVEL name: message" of each. */
  get lines(): string[] {
    return this.events.map((event) =>
      event.type === "log_message" ? `${event.levelname} ${event.name}: ${event.message}` : event.type
    );
  }
}

/** What becomes of these bytes; `size` is that of the pieces they come in. */
function events(text: string | Uint8Array, size = Infinity, progress = true): Notes {
  const notes = new Notes(progress);
  const log = new RemoteLog(notes);
  const bytes = typeof text === "string" ? utf8(text) : text;
  for (let at = 0; at < bytes.length; at += size) {
    log.push(bytes.subarray(at, size === Infinity ? undefined : at + size));
  }
  log.end();
  return notes;
}

/** As borg 1.2.4, borg 1.0, ssh and a login script write them. */
const SESSION = [
  "Warning: Permanently added 'host' (ED25519) to the list of known hosts.\r",
  "*** authorised use only ***",
  "",
  '{"type": "log_message", "time": 1700000000.1, "message": "Compaction freed about 1.2 MB", "levelname": "INFO", "name": "borg.repository"}',
  '{"type": "log_message", "time": 1700000000.2, "message": "a\\nb", "levelname": "ERROR", "name": "borg", "msgid": "LockTimeout"}',
  '{"message": "Checking segments  50.0%", "current": 2, "total": 4, "info": null, "operation": 3, "msgid": "repository.check", "type": "progress_percent", "finished": false, "time": 1.5}',
  '{"operation": 3, "msgid": "repository.check", "type": "progress_percent", "finished": true, "time": 1.5}',
  '{"operation": 4, "msgid": "x", "type": "progress_message", "finished": false, "message": "Working", "time": 1.5}',
  "$LOG INFO Remote: finished segment check",
  "$LOG WARNING borg.repository Remote: index is stale",
  "$LOG DEBUG Remote:no blank",
  "$LOG NOISE Remote: unknown level",
  "$LOG without form",
  '{"type": "question_prompt", "message": "are you sure?"}',
  '{"type": "log_message", "message": 7, "levelname": "CHATTY", "name": null}',
  "{not json}",
  '{"broken": ',
  "bash: borg: command not found",
].join("\n");

const EXPECTED: ReportEvent[] = [
  ...([
    ["WARNING", "", "Warning: Permanently added 'host' (ED25519) to the list of known hosts."],
    ["WARNING", "", "*** authorised use only ***"],
    ["INFO", "borg.repository", "Compaction freed about 1.2 MB"],
    ["ERROR", "borg", "a\nRemote: b", "LockTimeout"],
  ] as const).map(message),
  {
    type: "progress_percent",
    operation: 1_000_003,
    msgid: "repository.check",
    finished: false,
    message: "Remote: Checking segments  50.0%",
    current: 2,
    total: 4,
  },
  { type: "progress_percent", operation: 1_000_003, msgid: "repository.check", finished: true },
  { type: "progress_message", operation: 1_000_004, msgid: "x", finished: false, message: "Remote: Working" },
  ...([
    ["INFO", "", "finished segment check"],
    ["WARNING", "", "index is stale"],
    ["DEBUG", "", "no blank"],
    ["CRITICAL", "", "unknown level"],
    ["WARNING", "", "$LOG without form"],
    ["WARNING", "", '{"type": "question_prompt", "message": "are you sure?"}'],
    ["CRITICAL", "", ""],
    ["WARNING", "", "{not json}"],
    ["WARNING", "", '{"broken":'],
    ["WARNING", "", "bash: borg: command not found"],
  ] as const).map(message),
];

function message(
  [levelname, name, text, msgid]: readonly [string, string, string, string?],
): ReportEvent {
  return {
    type: "log_message",
    levelname,
    name,
    message: `Remote: ${text}`,
    ...(msgid ? { msgid } : {}),
  } as ReportEvent;
}

Deno.test("RemoteLog understands what servers of all ages, ssh and shells write", () => {
  assert.deepEqual(events(SESSION).events, EXPECTED);
});

Deno.test("RemoteLog understands it in pieces of any size", () => {
  for (const size of [1, 2, 3, 7, 64, 100]) assert.deepEqual(events(SESSION, size).events, EXPECTED);
});

Deno.test("RemoteLog drops a server's progress where nobody wants any", () => {
  assert.deepEqual(
    events(SESSION, Infinity, false).events,
    EXPECTED.filter((event) => event.type === "log_message"),
  );
});

Deno.test("RemoteLog shows a line at its end, or at the end of all", () => {
  const notes = new Notes(false);
  const log = new RemoteLog(notes);
  log.push(utf8("one\ntw"));
  assert.deepEqual(notes.lines, ["WARNING : Remote: one"]);
  log.push(utf8("o\nthree"));
  log.end();
  log.end();
  assert.deepEqual(notes.lines.slice(1), ["WARNING : Remote: two", "WARNING : Remote: three"]);
});

Deno.test("RemoteLog shows a line that never ends in pieces, and keeps no more than one of them", () => {
  const { lines } = events("x".repeat(1_000_000), 4096);
  assert.ok(lines.length > 10);
  assert.ok(lines.every((line) => line.length < 70_000));
  assert.equal(lines.join("").replaceAll("WARNING : Remote: ", ""), "x".repeat(1_000_000));
});

Deno.test("RemoteLog lets nothing through that steers a terminal", () => {
  const steering = "\x1b[2J\x07\x00\x9b31m\u202ebad\u2066\r\x7f";
  const json = JSON.stringify({
    type: "log_message",
    levelname: "INFO",
    name: steering,
    message: steering,
    msgid: steering,
  });
  const percent = JSON.stringify({
    type: "progress_percent",
    message: steering,
    msgid: steering,
    current: 1,
  });
  const text = `plain ${steering}\n$LOG INFO Remote: ${steering}\n${json}\n${percent}\n`;
  const { events: all } = events(text);
  assert.ok(all.length >= 4);
  for (const event of all) {
    assert.doesNotMatch(
      Object.values(event).join(" "),
      // deno-lint-ignore no-control-regex
      /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/,
    );
  }
});

Deno.test("RemoteLog shows what is no text as text", () => {
  const { lines } = events(Uint8Array.of(0x66, 0xff, 0xfe, 0x0a));
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^WARNING : Remote: f/);
  assert.ok(lines[0]!.isWellFormed());
});

Deno.test("RemoteLog takes wrong types in a progress line for nothing", () => {
  const line = JSON.stringify({
    type: "progress_percent",
    operation: "x",
    msgid: 5,
    current: null,
    total: {},
  });
  assert.deepEqual(events(line).events, [
    { type: "progress_percent", operation: 1_000_000, msgid: "", finished: false, current: 0, total: 0 },
  ]);
});
