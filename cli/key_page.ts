/**
 * The page of `key export --qr-html`: a QR code of the key file, the key file as text, and its paper form. It holds
 * no script and refers to nothing outside, so that a browser without a network prints it, and nothing can read it out.
 */
import qrcode from "qrcode-generator";
import { decodeText } from "../core/bytes/mod.ts";
import { encodeKeyFile, encodePaperKey, paperRepositoryId } from "../core/crypto/mod.ts";

/** Side of one module of the code and quiet zone around it (ISO/IEC 18004 wants four modules), in the drawing's units. */
const MODULE = 4;
const QUIET = 4 * MODULE;
const SIDE_MM = 110;

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** The QR code of `text` (ASCII) as SVG; 15 % of it may be lost (level M). */
export function qrSvg(text: string): string {
  const code = qrcode(0, "M");
  code.addData(text, "Byte");
  code.make();
  const count = code.getModuleCount();
  const side = count * MODULE + 2 * QUIET;
  let path = "";
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (!code.isDark(row, column)) continue;
      path += `M${QUIET + column * MODULE},${QUIET + row * MODULE}h${MODULE}v${MODULE}h-${MODULE}z`;
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}" width="${SIDE_MM}mm" ` +
    `height="${SIDE_MM}mm" shape-rendering="crispEdges"><path fill="#fff" d="M0,0h${side}v${side}h-${side}z"/>` +
    `<path d="${path}"/></svg>`;
}

export function keyPage(repositoryId: Uint8Array, blob: string): string {
  const file = decodeText(encodeKeyFile(repositoryId, blob));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Backup key of repository ${paperRepositoryId(repositoryId)}</title>
<style>
body { font: 11pt sans-serif; margin: 12mm; }
h1 { font-size: 14pt; }
svg { display: block; margin: 4mm 0; }
pre { font: 9pt monospace; line-height: 1.35; }
textarea { font: 8pt monospace; width: 76ch; height: 16em; }
section { break-inside: avoid; }
@media print { .screen { display: none; } }
</style>
</head>
<body>
<h1>Backup key of repository ${paperRepositoryId(repositoryId)}</h1>
<p>Written by hand, where you will look for it: which repository this is, who knows the passphrase.</p>
<p>.......................................................................................</p>
<section>
<p>By QR code: save the text that it holds as a file, then <code>key import REPOSITORY FILE</code>.</p>
${qrSvg(file)}
</section>
<section>
<p>By hand: <code>key import --paper REPOSITORY</code>, then type these lines.</p>
<pre id="typein">${escape(encodePaperKey(repositoryId, blob))}</pre>
</section>
<section class="screen">
<p>As text, not printed:</p>
<textarea id="keyfile" readonly>${escape(file)}</textarea>
</section>
</body>
</html>
`;
}
