/** Events as JSON lines on standard error: borg's front-end protocol (docs, internals/frontends.rst). */
import type { ReportEvent } from "../core/report.ts";
import { CliReporter, type ReporterOptions } from "./report_base.ts";

export class JsonReporter extends CliReporter {
  readonly #nowSeconds: () => number;

  constructor(write: (text: string) => void, options: ReporterOptions & { nowSeconds: () => number }) {
    super(write, options);
    this.#nowSeconds = options.nowSeconds;
  }

  protected override render(event: ReportEvent): void {
    const time = event.type === "file_status" ? {} : { time: this.#nowSeconds() };
    this.write(`${JSON.stringify({ ...event, ...time })}\n`);
  }

  override finish(): void {}
}
