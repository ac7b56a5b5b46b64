// The memory in use of another Node process, by its inspector.

const LISTENING = /Debugger listening on (ws:\/\/\S+)/g;

export interface HeapReader {
  /** Bytes in use after a full garbage collection, those of byte arrays outside of the heap among them. */
  liveBytes(): Promise<number>;
  close(): void;
}

interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize: number;
}

/** Flags of a process whose heap is to be read; its log then says where. */
export const INSPECTED: readonly string[] = ["--inspect=127.0.0.1:0"];

/** @param log what the process has written to standard error */
export async function readHeap(log: string): Promise<HeapReader> {
  const url = [...log.matchAll(LISTENING)].at(-1)?.[1];
  if (url === undefined) throw new Error("the process does not say where its inspector listens");
  const socket = new WebSocket(url);
  const waiting = new Map<number, (result: unknown) => void>();
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`no inspector at ${url}`)));
  });
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { readonly id: number; readonly result: unknown };
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let last = 0;
  const ask = (method: string): Promise<unknown> =>
    new Promise((resolve) => {
      waiting.set(++last, resolve);
      socket.send(JSON.stringify({ id: last, method }));
    });
  return {
    async liveBytes() {
      await ask("HeapProfiler.collectGarbage");
      const { usedSize, backingStorageSize } = (await ask("Runtime.getHeapUsage")) as HeapUsage;
      return usedSize + backingStorageSize;
    },
    close: () => socket.close(),
  };
}
