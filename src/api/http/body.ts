// Reads a request's body, up to a bound.
import type { IncomingMessage } from "node:http";

export type Body =
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  | { readonly kind: "too-large" }
  /** The client has gone; nobody waits for an answer. */
  | { readonly kind: "aborted" };

/** Never rejects. After `too-large` the rest of the body is not read. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Body> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > bytesMax) return Promise.resolve({ kind: "too-large" });
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    request.on("data", (chunk: Uint8Array) => {
      length += chunk.byteLength;
      if (length <= bytesMax) chunks.push(chunk);
      else {
        request.pause();
        resolve({ kind: "too-large" });
      }
    });
    request.on("end", () => resolve({ kind: "whole", bytes: join(chunks) }));
    request.on("error", () => resolve({ kind: "aborted" }));
    request.on("close", () => resolve({ kind: "aborted" }));
  });
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}
