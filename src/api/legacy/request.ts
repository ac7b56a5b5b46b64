// A request to a legacy endpoint, as far as these look at it.

export interface LegacyRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly jsonp: string | null;
  readonly body: string;
}
