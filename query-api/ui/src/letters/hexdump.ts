/** Bytes as rows of 16: where, in hex, and as text with dots for what cannot be shown. */
export function hexdump(hex: string, from = 0): string {
  const bytes = hex.match(/../g) ?? [];
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.slice(at, at + 16);
    const signs = row.map((byte) => sign(Number.parseInt(byte, 16))).join("");
    lines.push(`${(from + at).toString(16).padStart(8, "0")}  ${row.join(" ").padEnd(47)}  ${signs}`);
  }
  return lines.join("\n");
}

function sign(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
}
