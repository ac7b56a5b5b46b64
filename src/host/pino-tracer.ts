// Log lines by pino: JSON, one a line; readable on a terminal. The event's name is the message, its facts are fields.
import { type DestinationStream, type Logger, pino } from "pino";
import pretty from "pino-pretty";
import type { Tracer } from "../kernel/ports.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggingOptions {
  readonly level: LogLevel;
  /** What every line names: `master m1`, `agent a1`. */
  readonly name: string;
  /** Lines for people instead of JSON. */
  readonly pretty: boolean;
}

/** Writes to standard error, so that standard output stays for results. */
export function createTracer(options: LoggingOptions): Tracer {
  const logger = pino(
    { name: options.name, level: options.level, base: { name: options.name } },
    destination(options),
  );
  return tracerOf(logger);
}

function destination(options: LoggingOptions): DestinationStream {
  if (options.pretty) return pretty({ destination: 2, sync: true, translateTime: "HH:MM:ss.l" });
  return pino.destination({ dest: 2, sync: false });
}

function tracerOf(logger: Logger): Tracer {
  return {
    debug: (event, facts) => logger.debug(facts ?? {}, event),
    info: (event, facts) => logger.info(facts ?? {}, event),
    warn: (event, facts) => logger.warn(facts ?? {}, event),
    error: (event, facts) => logger.error(facts ?? {}, event),
  };
}
