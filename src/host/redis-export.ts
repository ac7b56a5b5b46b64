// Copies committed events to a Redis stream, for dashboards and alerts that must not load the masters. The leader pulls
// from its own log; an event's stream id is `<log index>-<position in the entry>`, so a new leader goes on after the
// newest id in Redis and nothing is written twice. Redis may be away: the log waits, the masters do not.
import { Redis } from "ioredis";
import { describeEvent } from "../debugger/index.ts";
import type { LogIndex, MemberId } from "../kernel/ids.ts";
import { asIndex } from "../kernel/ids.ts";
import type { Tracer } from "../kernel/ports.ts";
import type { Master } from "../master/types.ts";
import { plainJson } from "./plain-json.ts";
import { readableEvent } from "./readable-statuses.ts";

/** Events kept in the stream; Redis trims near this. */
export const STREAM_EVENTS_MAX = 1_000_000;
/** Events after which a round trip to Redis takes no further entry. */
const EVENTS_PER_ROUND = 1_000;
/** How long to wait when there is nothing new, or Redis or leadership is away. Milliseconds. */
const POLL_MS = 200;

export interface RedisExport {
  close(): Promise<void>;
}

export interface RedisExportOptions {
  /** redis:// or rediss:// */
  readonly url: string;
  readonly clusterName: string;
  readonly self: MemberId;
  readonly master: Master;
  readonly tracer: Tracer;
}

export function streamKey(clusterName: string): string {
  return `tepui:${clusterName}:events`;
}

/** Begins at once and goes on until closed; only the leader writes. */
export function startRedisExport(options: RedisExportOptions): RedisExport {
  const redis = new Redis(options.url, {
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: true,
  });
  let failing = false;
  const onFailure = (error: unknown): void => {
    if (!failing && !closed) options.tracer.warn("redis export is behind", { reason: String(error) });
    failing = true;
  };
  redis.on("error", onFailure);
  let closed = false;
  let position: LogIndex | null = null;

  async function round(): Promise<boolean> {
    if (!options.master.status().ready) {
      position = null;
      return false;
    }
    position ??= await lastExported(redis, streamKey(options.clusterName));
    const next = await copy(redis, options, position);
    failing = false;
    const moved = next > position;
    position = next;
    return moved;
  }

  async function loop(): Promise<void> {
    while (!closed) {
      const moved = await round().catch((error: unknown) => {
        onFailure(error);
        position = null;
        return false;
      });
      if (!moved) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  const running = loop();
  return {
    async close() {
      closed = true;
      // What waits for an answer of Redis fails by this.
      redis.disconnect();
      await running;
    },
  };
}

/** Index of the entry of the newest event in Redis; 0 if there is none. */
async function lastExported(redis: Redis, key: string): Promise<LogIndex> {
  const [newest] = await redis.xrevrange(key, "+", "-", "COUNT", 1);
  return asIndex(Number(newest?.[0].split("-")[0] ?? 0));
}

/**
 * All or nothing: half an entry would look exported to the next leader, and a former leader that writes at the same time
 * cannot come in between.
 * @param position the last entry that is in Redis; if the log does not go back to it there is a gap
 * @returns index of the last entry that is now in Redis
 */
async function copy(redis: Redis, options: RedisExportOptions, position: LogIndex): Promise<LogIndex> {
  const key = streamKey(options.clusterName);
  const additions: (string | number)[][] = [];
  let last: LogIndex | null = null;
  for (const entry of options.master.history(position)) {
    if (last === null && position > 0 && entry.index > position + 1) {
      options.tracer.warn("redis export has a gap", { from: position + 1, to: entry.index - 1 });
    }
    last = entry.index;
    if (entry.index === position) continue;
    entry.events.forEach((event, n) => {
      const body = ["index", entry.index, "term", entry.term, "time", entry.time, "kind", event.kind];
      const text = ["text", describeEvent(readableEvent(event)), "event", JSON.stringify(event, plainJson)];
      const id = `${entry.index}-${n + 1}`;
      additions.push(["xadd", key, "MAXLEN", "~", STREAM_EVENTS_MAX, id, ...body, ...text]);
    });
    if (additions.length >= EVENTS_PER_ROUND) break;
  }
  if (additions.length > 0) check(await redis.multi(additions).exec());
  return last ?? position;
}

/** An id that is there already was written by this loop before it lost the answer: that is no failure. */
function check(results: readonly [Error | null, unknown][] | null): void {
  for (const [error] of results ?? []) {
    if (error !== null && !error.message.includes("equal or smaller than the target stream top item"))
      throw error;
  }
}
