// Single operations of a client over HTTP, each on a connection of its own, and what is known afterwards: it was
// answered, it has certainly not happened, or nobody can say.
import { type ClientRequest, type IncomingMessage, request } from "node:http";

/** A call that is not answered by then is given up. Milliseconds. */
const CALL_TIMEOUT_MS = 1_000;
/** How a master says that it cannot tell what became of a call. */
const MAYBE = /may take effect or not/;

export type Told =
  | { readonly kind: "answered"; readonly body: unknown }
  /** 400: the leader says that it cannot be. */
  | { readonly kind: "wrong"; readonly text: string }
  /** It has not happened and never will; perhaps another master can do it. */
  | { readonly kind: "refused"; readonly redirect: string | null }
  | { readonly kind: "unknown" };

/** Sends a call and reads the whole answer. @param master `host:port` */
export function callOnce(master: string, path: string, call: object): Promise<Told> {
  return exchange(master, path, call, (response, settle) => {
    void bodyOf(response).then(
      (text) => settle(toldBy(response, text)),
      () => settle({ kind: "unknown" }),
    );
  });
}

/** Subscribes, waits for SUBSCRIBED, and hangs up. */
export function subscribeOnce(master: string, call: object): Promise<Told> {
  return exchange(master, "/api/v1/scheduler", call, (response, settle, asked) => {
    if (response.statusCode !== 200) {
      void bodyOf(response).then(
        (text) => settle(toldBy(response, text)),
        () => settle({ kind: "unknown" }),
      );
      return;
    }
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => {
      text += part;
      const event = firstRecord(text);
      if (event === undefined) return;
      asked.destroy();
      settle(toldByEvent(event));
    });
    response.on("close", () => settle({ kind: "unknown" }));
    response.on("error", () => settle({ kind: "unknown" }));
  });
}

type OnResponse = (response: IncomingMessage, settle: (told: Told) => void, asked: ClientRequest) => void;

/** Until it is connected nothing has been sent, so an error says that nothing has happened. */
function exchange(master: string, path: string, call: object, onResponse: OnResponse): Promise<Told> {
  return new Promise((resolve) => {
    const [host, port] = master.split(":");
    const headers = { "Content-Type": "application/json", Accept: "application/json", Connection: "close" };
    const asked = request({ host, port, path, method: "POST", headers, agent: false });
    let connected = false;
    const timer = setTimeout(() => asked.destroy(new Error("no answer in time")), CALL_TIMEOUT_MS);
    const settle = (told: Told) => {
      clearTimeout(timer);
      resolve(told);
    };
    asked.on("socket", (socket) => socket.once("connect", () => (connected = true)));
    asked.on("error", () => settle(connected ? { kind: "unknown" } : { kind: "refused", redirect: null }));
    asked.on("close", () => settle(connected ? { kind: "unknown" } : { kind: "refused", redirect: null }));
    asked.on("response", (response) => onResponse(response, settle, asked));
    asked.end(JSON.stringify(call));
  });
}

function toldBy({ statusCode = 0, headers }: IncomingMessage, text: string): Told {
  if (statusCode >= 200 && statusCode < 300) {
    return { kind: "answered", body: text === "" ? null : JSON.parse(text) };
  }
  if (statusCode === 400) return { kind: "wrong", text };
  const location = headers.location?.match(/^\/\/([^/]+)/)?.[1] ?? null;
  if (statusCode === 307) return { kind: "refused", redirect: location };
  return statusCode === 503 && !MAYBE.test(text) ? { kind: "refused", redirect: null } : { kind: "unknown" };
}

function toldByEvent(event: {
  readonly type?: string;
  readonly error?: { readonly message?: string };
}): Told {
  if (event.type === "SUBSCRIBED") return { kind: "answered", body: event };
  return { kind: "wrong", text: event.error?.message ?? String(event.type) };
}

/** Of a stream in RecordIO: the length in decimal digits, a line feed, the record. */
function firstRecord(text: string): object | undefined {
  const end = text.indexOf("\n");
  const length = Number(text.slice(0, end));
  if (end < 0 || Buffer.byteLength(text) < end + 1 + length) return undefined;
  return JSON.parse(
    Buffer.from(text)
      .subarray(end + 1, end + 1 + length)
      .toString(),
  ) as object;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  response.setEncoding("utf8");
  let text = "";
  for await (const part of response) text += String(part);
  return text;
}
