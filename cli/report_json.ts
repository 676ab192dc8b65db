/** Events as JSON lines on standard error: borg's front-end protocol (docs, internals/frontends.rst). */
import type { ReportEvent } from "../core/report.ts";
import { pythonJson } from "./python_json.ts";
import { CliReporter, type ReporterOptions } from "./report_base.ts";

export class JsonReporter extends CliReporter {
  readonly #nowSeconds: () => number;

  constructor(write: (text: string) => void, options: ReporterOptions & { nowSeconds: () => number }) {
    super(write, options);
    this.#nowSeconds = options.nowSeconds;
  }

  protected override render(event: ReportEvent): void {
    const time = event.type === "file_status" ? {} : { time: this.#nowSeconds() };
    // borg's events always have this key, which may be null.
    const info = event.type === "progress_percent" && !event.finished ? { info: event.info ?? null } : {};
    this.write(`${pythonJson({ ...event, ...info, ...time })}\n`);
  }

  override finish(): void {}
}
