/**
 * How much of something may come in a second: a bucket that fills by itself and is emptied by what comes.
 * It knows no clock but the one it is handed, and does nothing when it is empty but say so.
 */
export interface Rate {
  /** Takes `amount` out. Milliseconds until the bucket is no longer overdrawn, 0 when it is not. */
  take(amount: number): number;
}

export function createRate(perSecond: number, burst: number, nowMs: () => number): Rate {
  let left = burst;
  let atMs = nowMs();
  return {
    take(amount) {
      const now = nowMs();
      left = Math.min(burst, left + ((now - atMs) * perSecond) / 1_000) - amount;
      atMs = now;
      return left >= 0 ? 0 : (-left * 1_000) / perSecond;
    },
  };
}
