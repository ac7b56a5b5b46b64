// When filters end: a bucket for each moment and a heap of the moments. Clearing a filter only lowers its bucket's
// count; a bucket goes when its count is 0, and its moment leaves the heap when it comes to the top or when most of
// the heap is out of date.
import { present } from "../kernel/assert.ts";
import type { AgentId, Millis } from "../kernel/ids.ts";
import type { AllocatorState, ClientNumber, Expiries, ExpiryBucket } from "./model.ts";

/** Moments in the heap before it is worth the trouble to look for those out of date. */
const HEAP_SLACK_COUNT = 16;

/** When the first filter ends; null if there is none. */
export function nextFilterExpiry(s: AllocatorState): Millis | null {
  return s.expiries.heap[0] ?? null;
}

export function scheduleExpiry(
  expiries: Expiries,
  until: Millis,
  agentId: AgentId,
  number: ClientNumber,
): void {
  const bucket = expiries.buckets.get(until);
  if (bucket === undefined) {
    expiries.buckets.set(until, { count: 1, agentIds: [agentId], clients: [number] });
    pushMoment(expiries.heap, until);
    return;
  }
  bucket.count++;
  bucket.agentIds.push(agentId);
  bucket.clients.push(number);
}

/** One filter that was to end then is gone. */
export function cancelExpiry(expiries: Expiries, until: Millis): void {
  const bucket = present(expiries.buckets.get(until), "no filter ends then", { until });
  bucket.count--;
  if (bucket.count > 0) return;
  expiries.buckets.delete(until);
  trimHeap(expiries);
}

/** Takes out the earliest bucket if its moment has come. */
export function takeDueBucket(
  expiries: Expiries,
  now: Millis,
): { readonly until: Millis; readonly bucket: ExpiryBucket } | null {
  const until = expiries.heap[0];
  if (until === undefined || until > now) return null;
  const bucket = present(expiries.buckets.get(until), "the earliest moment has no filters", { until });
  expiries.buckets.delete(until);
  trimHeap(expiries);
  return { until, bucket };
}

function trimHeap(expiries: Expiries): void {
  const { heap, buckets } = expiries;
  if (heap.length > 2 * buckets.size + HEAP_SLACK_COUNT) {
    expiries.heap = [...buckets.keys()].sort((a, b) => a - b);
    return;
  }
  while (heap[0] !== undefined && !buckets.has(heap[0])) popMoment(heap);
}

function pushMoment(heap: Millis[], moment: Millis): void {
  heap.push(moment);
  let at = heap.length - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if ((heap[parent] ?? moment) <= moment) break;
    swap(heap, at, parent);
    at = parent;
  }
}

function popMoment(heap: Millis[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  heap[0] = last;
  let at = 0;
  for (;;) {
    const smaller = earlierChild(heap, at);
    if (smaller === null || last <= (heap[smaller] ?? last)) return;
    swap(heap, at, smaller);
    at = smaller;
  }
}

function earlierChild(heap: readonly Millis[], at: number): number | null {
  const left = heap[2 * at + 1];
  const right = heap[2 * at + 2];
  if (left === undefined) return null;
  return right !== undefined && right < left ? 2 * at + 2 : 2 * at + 1;
}

function swap(heap: Millis[], a: number, b: number): void {
  const held = heap[a];
  const other = heap[b];
  if (held === undefined || other === undefined) return;
  heap[a] = other;
  heap[b] = held;
}
