// Reads a request's body, up to a bound.
import type { IncomingMessage } from "node:http";

export type Body =
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  | { readonly kind: "too-large" }
  /** The client has gone; nobody waits for an answer. */
  | { readonly kind: "aborted" };

/** Never rejects. After `too-large` the rest of the body is not read. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Body> {
  return new Promise((resolve) => takeBody(request, bytesMax, resolve));
}

/** The same for calls that come by the ten thousand a second: `done` is called once, without a promise. */
export function takeBody(request: IncomingMessage, bytesMax: number, done: (body: Body) => void): void {
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) {
    done(TOO_LARGE);
    return;
  }
  let bytes: Uint8Array = NOTHING;
  let over = false;
  const end = (body: Body): void => {
    if (over) return;
    over = true;
    done(body);
  };
  let chunks: Uint8Array[] | null = null;
  let length = 0;
  request.on("data", (chunk: Uint8Array) => {
    length += chunk.byteLength;
    if (length > bytesMax) {
      request.pause();
      end(TOO_LARGE);
    } else if (length === chunk.byteLength) bytes = chunk;
    else if (chunks === null) chunks = [bytes, chunk];
    else chunks.push(chunk);
  });
  request.on("end", () => end({ kind: "whole", bytes: chunks === null ? bytes : Buffer.concat(chunks) }));
  request.on("error", closeFollows);
  request.on("close", () => end(ABORTED));
}

const NOTHING = new Uint8Array(0);
const TOO_LARGE: Body = { kind: "too-large" };
const ABORTED: Body = { kind: "aborted" };

/** An error that nobody listens to would end the process. */
function closeFollows(): void {}
