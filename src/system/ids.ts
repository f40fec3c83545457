/** Identifiers, handed in like the clock: random in production, counted in tests. */
export interface Ids {
  /** A new `runtime_run_id`: UUIDv7, so that runs sort by their start. */
  runtimeRunId(): string;
  /** A W3C trace id: 32 hex digits. */
  traceId(): string;
}

export const systemIds: Ids = {
  runtimeRunId: () => Bun.randomUUIDv7(),
  traceId: () => crypto.randomUUID().replaceAll("-", ""),
};
