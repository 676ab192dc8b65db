/** Bytes as Python shows them, for output that must look like borg's: b'text\x00'. */

const NAMED: Record<number, string> = { 9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\" };

export function bytesLiteral(bytes: Uint8Array): string {
  const quote = bytes.includes(0x27) && !bytes.includes(0x22) ? '"' : "'";
  let text = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    if (NAMED[byte] !== undefined) text += NAMED[byte];
    else if (character === quote) text += `\\${quote}`;
    else if (byte >= 0x20 && byte < 0x7f) text += character;
    else text += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `b${quote}${text}${quote}`;
}
