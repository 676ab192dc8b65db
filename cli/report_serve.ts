/**
 * Events of a server, on standard error for its client to read: lines of borg's front-end protocol once the client has said
 * that it knows them, before that log lines as clients before 1.1 take them apart (observed on borg 1.2).
 */
import { printable } from "../core/bytes/mod.ts";
import type { ReportEvent } from "../core/report.ts";
import { CliReporter } from "./report_base.ts";
import { JsonReporter } from "./report_json.ts";

export class ServeReporter extends CliReporter {
  #json: JsonReporter | null = null;

  useJson(nowSeconds: () => number): void {
    this.#json ??= new JsonReporter(this.write, { ...this.options, nowSeconds });
  }

  protected override render(event: ReportEvent): void {
    if (this.#json !== null) return this.#json.emit(event);
    if (event.type === "log_message") {
      this.write(`$LOG ${event.levelname} ${event.name} Remote: ${printable(event.message)}\n`);
    } else if (event.type === "progress_percent" || event.type === "progress_message") {
      // The client shows the next line over this one, where it wants progress at all.
      const { message } = event;
      if (message) this.write(`$LOG INFO borg.output.progress Remote: ${printable(message)}\r`);
    }
  }

  override finish(): void {}
}
