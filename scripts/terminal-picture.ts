// Draws what a terminal showed as an SVG picture, for the README: `script --quiet --return --command "npm start -- --once"
// run.raw`, then `node scripts/terminal-picture.ts run.raw docs/images/up.svg`. It knows the few control sequences that
// the tepui command writes (carriage return, erase line, colours); what stands on the last screen is the picture.
import { readFileSync, writeFileSync } from "node:fs";

const FONT_PX = 14;
const LINE_PX = 19;
const CHARACTER_PX = 8.43;
const MARGIN_PX = 18;
const TITLE_PX = 34;

const THEME = {
  back: "#1e1e2e",
  bar: "#313244",
  text: "#cdd6f4",
  faint: "#a6adc8",
  strong: "#a6e3a1",
} as const;

/** The lines that a recording leaves on an endless screen. */
export function screenOf(recording: string): readonly string[] {
  const lines: string[][] = [[]];
  let column = 0;
  for (const [token] of recording.matchAll(TOKENS)) {
    const line = lines.at(-1) ?? [];
    if (token === "\r") column = 0;
    else if (token === "\n") {
      lines.push([]);
      column = 0;
    } else if (token === "\u001b[2K") line.length = 0;
    else if (token.length === 1 || (token.codePointAt(0) ?? 0) > 0xffff) {
      while (line.length < column) line.push(" ");
      line[column++] = token;
    }
  }
  return lines.map((line) => line.join("").trimEnd());
}

/** Control sequences as wholes, else single characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with a control character.
const TOKENS = /\u001b\[[0-9;?]*[A-Za-z]|./gsu;

/** @param title written into the frame above the lines */
export function pictureOf(lines: readonly string[], title: string): string {
  const columns = Math.max(...lines.map((line) => [...line].length), title.length);
  const width = Math.ceil(columns * CHARACTER_PX + 2 * MARGIN_PX);
  const height = TITLE_PX + lines.length * LINE_PX + 2 * MARGIN_PX;
  const rows = lines.map((line, i) => rowOf(line, TITLE_PX + MARGIN_PX + FONT_PX + i * LINE_PX));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${THEME.back}"/>`,
    `<path d="M0 8a8 8 0 0 1 8-8h${width - 16}a8 8 0 0 1 8 8v${TITLE_PX - 8}H0z" fill="${THEME.bar}"/>`,
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${FONT_PX}" xml:space="preserve">`,
    `<text x="${MARGIN_PX}" y="22" fill="${THEME.faint}">$ ${escaped(title)}</text>`,
    ...rows.filter((row) => row !== ""),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

function rowOf(line: string, y: number): string {
  if (line === "") return "";
  const strong = /^(π ≈|New leader|\[█)/.test(line);
  const length = ([...line].length * CHARACTER_PX).toFixed(1);
  const fill = strong ? THEME.strong : THEME.text;
  return `<text x="${MARGIN_PX}" y="${y}" fill="${fill}" textLength="${length}" lengthAdjust="spacingAndGlyphs">${escaped(line)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Without what npm and script(1) write around the command's own output. */
export function ownLines(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => line.startsWith("master "));
  const last = lines.findLastIndex((line) => line.startsWith("Stopped;"));
  return first < 0 || last < first ? lines : lines.slice(first, last + 1);
}

if (import.meta.main) {
  const [recording, picture, title = "npm start -- --once"] = process.argv.slice(2);
  if (recording === undefined || picture === undefined) {
    console.error("Usage: node scripts/terminal-picture.ts RECORDING PICTURE [TITLE]");
    process.exitCode = 2;
  } else {
    const lines = ownLines(screenOf(readFileSync(recording, "utf8")));
    writeFileSync(picture, pictureOf(lines, title));
    console.log(lines.join("\n"));
  }
}
