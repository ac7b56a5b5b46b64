// One cell of the grid, in a process of its own: what it leaves behind in memory and compiled code touches no other cell.
// The cell comes as an argument, the figures go to the standard output, both as JSON.
import { bytesNeeded, measureCell } from "./cases.ts";
import type { Cell } from "./clusters.ts";

interface Order {
  readonly cell: Cell;
  readonly runs: number;
  /** That the process may take. */
  readonly bytesMax: number;
}

const { cell, runs, bytesMax } = JSON.parse(process.argv[2] ?? "") as Order;
const figures = measureCell(cell, runs, bytesNeeded(cell) <= bytesMax);
process.stdout.write(`${JSON.stringify(figures)}\n`);
