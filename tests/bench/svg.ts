/**
 * A benchmark's result as a picture: for each row one bar a program, as long as its time beside the slowest of the row.
 * A file of its own without script and fonts; it brings its own ground, so that it can be read on light and dark pages.
 */
import type { Measured } from "./measure.ts";
import { type BenchResult, programsOf, provenance } from "./result.ts";

const WIDTH = 860;
const MARGIN = 24;
const BAR_LEFT = 110;
const BAR_WIDTH = 500;
const BAR_HEIGHT = 14;
const BAR_STEP = 18;
const ROW_GAP = 14;
const TITLE_STEP = 20;
const HEAD_HEIGHT = 74;
const FOOT_LINE = 17;

/** What the labels tell, and what cannot be compared quite. */
const LEGEND =
  "beside each bar: time · most memory; restic encrypts and compresses in its own one way in every row";

const STYLE = `
.ground { fill: #ffffff; stroke: #d0d7de }
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 }
.row { font-weight: 600 }
.quiet { fill: #59636e; font-size: 12px }
.p0 { fill: #1a7f64 }
.p1 { fill: #8c959f }
.p2 { fill: #c69026 }
@media (prefers-color-scheme: dark) {
  .ground { fill: #0d1117; stroke: #3d444d }
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .p0 { fill: #3fb68b }
  .p1 { fill: #767e88 }
  .p2 { fill: #d29922 }
}`;

export function escapeXml(text: string): string {
  // Control characters have no place in XML, escaped or not.
  // deno-lint-ignore no-control-regex
  const visible = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
  return visible.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

interface TextOptions {
  x: number;
  y: number;
  class?: string;
  anchor?: "end";
}

function text(content: string, { x, y, class: style, anchor }: TextOptions): string {
  const attributes = `${style ? ` class="${style}"` : ""}${anchor ? ` text-anchor="${anchor}"` : ""}`;
  return `<text x="${x}" y="${y}"${attributes}>${escapeXml(content)}</text>`;
}

function describe(measured: Measured): string {
  const { wallSeconds, peakMegabytes, storedBytes } = measured;
  const stored = storedBytes === undefined ? "" : `, ${(storedBytes / 1e6).toFixed(0)} MB stored`;
  return `${wallSeconds.toFixed(2)} s · ${peakMegabytes.toFixed(0)} MB${stored}`;
}

/** The picture's file. Programs get their colours in the order of {@link programsOf}. */
export function renderSvg(result: BenchResult): string {
  const programs = programsOf(result);
  const parts: string[] = [];
  let y = HEAD_HEIGHT;
  for (const { name, results } of result.rows) {
    parts.push(text(name, { x: MARGIN, y: y + 12, class: "row" }));
    y += TITLE_STEP;
    const slowest = Math.max(...Object.values(results).map((measured) => measured.wallSeconds));
    for (const [i, program] of programs.entries()) {
      const measured = results[program];
      if (!measured) continue;
      parts.push(bar(program, i, measured, { y, share: slowest > 0 ? measured.wallSeconds / slowest : 0 }));
      y += BAR_STEP;
    }
    y += ROW_GAP;
  }
  const foot = provenance(result);
  const height = y + foot.length * FOOT_LINE + MARGIN / 2;
  for (const [i, line] of foot.entries()) {
    parts.push(text(line, { x: MARGIN, y: y + i * FOOT_LINE + 8, class: "quiet" }));
  }
  const others = programs.filter((name) => name !== "alcove").join(" and ");
  const title = `Alcove beside ${others}: seconds, shorter is better`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}" role="img">\n` +
    `<title>${
      escapeXml(`Alcove beside ${programs.filter((name) => name !== "alcove").join(" and ")}`)
    }</title>\n` +
    `<style>${STYLE}\n</style>\n` +
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>\n` +
    `${text(title, { x: MARGIN, y: 34, class: "title" })}\n` +
    `${text(LEGEND, { x: MARGIN, y: 54, class: "quiet" })}\n` +
    `${parts.join("\n")}\n</svg>\n`;
}

function bar(program: string, colour: number, measured: Measured, at: { y: number; share: number }): string {
  const width = Math.max(1, Math.round(BAR_WIDTH * at.share));
  const baseline = at.y + BAR_HEIGHT - 2;
  return [
    text(program, { x: BAR_LEFT - 8, y: baseline, anchor: "end" }),
    `<rect class="p${
      colour % 3
    }" x="${BAR_LEFT}" y="${at.y}" width="${width}" height="${BAR_HEIGHT}" rx="2"/>`,
    text(describe(measured), { x: BAR_LEFT + width + 8, y: baseline, class: "quiet" }),
  ].join("\n");
}
