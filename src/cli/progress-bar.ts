// A bar of one line on a terminal; elsewhere a line at each tenth.

const WIDTH = 40;

export interface ProgressBar {
  update(done: number, total: number, note: string): void;
  /** Leaves the line, so that other text can follow. */
  end(): void;
}

export function createProgressBar(out: NodeJS.WriteStream): ProgressBar {
  let open = false;
  let tenth = -1;
  return {
    update(done, total, note) {
      const filled = Math.round((WIDTH * done) / total);
      const line = `[${"█".repeat(filled)}${"·".repeat(WIDTH - filled)}] ${done}/${total} ${note}`;
      if (out.isTTY) {
        out.write(`\r\u001b[2K${line}`);
        open = true;
      } else if (Math.floor((10 * done) / total) > tenth) {
        tenth = Math.floor((10 * done) / total);
        out.write(`${line}\n`);
      }
    },
    end() {
      if (open) out.write("\n");
      open = false;
    },
  };
}
