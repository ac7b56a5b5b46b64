// The outcome of the sweep as a drawing: two plots side by side over the service framework's decision time, both axes of
// the first logarithmic.

export interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly Point[];
}

export interface Point {
  /** Milliseconds, above 0. */
  readonly decisionMs: number;
  readonly meanWaitMs: number;
  /** 0 to 1. */
  readonly unplaced: number;
}

interface Axis {
  readonly title: string;
  readonly ticks: readonly (readonly [value: number, label: string])[];
  /** From 0 at the lower end to 1. */
  readonly place: (value: number) => number;
}

const PLOT = { width: 330, height: 240 };
const LEFT = [70, 480] as const;
const TOP = 50;
const SIZE = { width: 840, height: 360 };

/** @param title stands above both */
export function svgOf(title: string, curves: readonly Curve[]): string {
  const decision = logarithmic("decision time of the service framework per job", [
    [100, "0.1 s"],
    [1_000, "1 s"],
    [10_000, "10 s"],
    [100_000, "100 s"],
  ]);
  const wait = logarithmic("mean wait of batch jobs", [
    [100, "0.1 s"],
    [1_000, "1 s"],
    [10_000, "10 s"],
    [100_000, "100 s"],
    [1_000_000, "1,000 s"],
  ]);
  const most = Math.max(0.05, ...curves.flatMap(({ points }) => points.map(({ unplaced }) => unplaced)));
  const lost: Axis = {
    title: "batch jobs abandoned or unplaced at the end",
    ticks: [0, most / 2, most].map((value) => [value, `${(value * 100).toFixed(1)} %`] as const),
    place: (value) => value / most,
  };
  const [first, second] = LEFT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="${SIZE.width}" height="${SIZE.height}" fill="white"/>`,
    text(SIZE.width / 2, 20, title, "middle", 14),
    frame(first, decision, wait),
    frame(second, decision, lost),
    ...curves.flatMap((curve, n) => [
      line(first, curve, decision, wait, ({ meanWaitMs }) => meanWaitMs),
      line(second, curve, decision, lost, ({ unplaced }) => unplaced),
      `<rect x="${first + 10}" y="${TOP + 8 + 18 * n}" width="12" height="12" fill="${curve.colour}"/>`,
      text(first + 28, TOP + 18 + 18 * n, curve.name, "start"),
    ]),
    "</svg>",
    "",
  ].join("\n");
}

function logarithmic(title: string, ticks: Axis["ticks"]): Axis {
  const low = Math.log(ticks[0]?.[0] ?? 1);
  const high = Math.log(ticks.at(-1)?.[0] ?? 10);
  return { title, ticks, place: (value) => Math.max(0, (Math.log(value) - low) / (high - low)) };
}

function frame(left: number, x: Axis, y: Axis): string {
  const bottom = TOP + PLOT.height;
  const parts = [
    `<rect x="${left}" y="${TOP}" width="${PLOT.width}" height="${PLOT.height}" fill="none" stroke="black"/>`,
    text(left + PLOT.width / 2, bottom + 40, x.title, "middle"),
    text(left + PLOT.width / 2, TOP - 10, y.title, "middle"),
  ];
  for (const [value, label] of x.ticks) {
    const at = round(left + x.place(value) * PLOT.width);
    parts.push(`<path d="M${at} ${bottom}v5" stroke="black"/>`, text(at, bottom + 18, label, "middle"));
  }
  for (const [value, label] of y.ticks) {
    const at = round(bottom - y.place(value) * PLOT.height);
    parts.push(
      `<path d="M${left} ${at}h${PLOT.width}" stroke="#dddddd"/>`,
      text(left - 6, at + 4, label, "end"),
    );
  }
  return parts.join("\n");
}

function line(
  left: number,
  { points, colour }: Curve,
  x: Axis,
  y: Axis,
  of: (point: Point) => number,
): string {
  const places = points.map((point) => {
    const across = left + x.place(point.decisionMs) * PLOT.width;
    return `${round(across)},${round(TOP + PLOT.height - y.place(of(point)) * PLOT.height)}`;
  });
  return `<polyline points="${places.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`;
}

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end", size = 12): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}">${words}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
