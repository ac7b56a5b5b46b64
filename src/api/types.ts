// What the api offers to the composition root, and what it wants of it.
import type { MemberId } from "../kernel/ids.ts";
import type { Clock, Connection, ConnectionHandler, Random, Tracer } from "../kernel/ports.ts";
import type { EffectSink, Master } from "../master/types.ts";

export interface ApiOptions {
  readonly master: Master;
  readonly clock: Clock;
  readonly random: Random;
  readonly tracer: Tracer;
  readonly advertised: Advertised;
  /** `host:port` of a member's API, or null if there is no such member. */
  memberApiAddress(memberId: MemberId): string | null;
  /** What GET_FLAGS and /state show: name and value of every setting. */
  readonly flags?: Readonly<Record<string, string>>;
  /** For tests. */
  readonly limits?: Partial<ApiLimits>;
}

/** The bounds of limits.ts that a test may want smaller. */
export interface ApiLimits {
  readonly streamUnsentBytesMax: number;
  readonly requestBodyBytesMax: number;
  readonly operatorStreamsMax: number;
}

/** How this master presents itself (MasterInfo, VersionInfo). */
export interface Advertised {
  /** Unique to this run of this master. */
  readonly id: string;
  /** Name or address that clients reach. */
  readonly host: string;
  /** Dotted IPv4 address; if left out, `host` when it is one. */
  readonly ip?: string;
  /** Replaced by the port that is listened on when 0. */
  readonly port: number;
  /** Tepui's own version, such as `0.1.0`. */
  readonly version: string;
  readonly build?: {
    /** Seconds since the Unix epoch. */
    readonly timeSeconds: number;
    readonly user: string;
    readonly gitSha: string;
  };
  readonly domain?: { readonly region: string; readonly zone: string };
}

/** The HTTP side of one master. It is the sink of the master's effects: attach it before the master starts. */
export interface Api extends EffectSink {
  /** Begins to take requests; port 0 takes a free one. Rejects if the port is taken. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** The agents' side for any transport that carries frames; HTTP upgrades end here too. */
  acceptAgent(connection: Connection): ConnectionHandler;
  /** Ends every stream and connection and stops listening. */
  close(): Promise<void>;
}
