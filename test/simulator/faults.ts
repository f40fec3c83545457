/**
 * What goes wrong in a run, out of a seed, and when: at a moment, or at the n-th time that a process comes back from
 * waiting. Each happens once, so every run comes to rest in the end.
 */
import type { Random } from "./random.ts";

export type Fault =
  /** The process is killed at its n-th point. */
  | { readonly kind: "crash"; readonly life: number; readonly point: number }
  /** The process is killed at its n-th commit: before the turn is durable, or after and before it learned of it. */
  | {
      readonly kind: "crash at commit";
      readonly life: number;
      readonly commit: number;
      readonly durable: boolean;
    }
  /** The process stands still for so long; its lease may run out and somebody else take over while it still lives. */
  | { readonly kind: "pause"; readonly life: number; readonly point: number; readonly forMs: number }
  /** An operator breaks the lease and another process goes on, with the first one still at work. */
  | { readonly kind: "takeover"; readonly atMs: number }
  | { readonly kind: "wall jump"; readonly atMs: number; readonly byMs: number }
  /** The disk refuses the n-th commit; `durable` when it kept it all the same. */
  | {
      readonly kind: "disk";
      readonly life: number;
      readonly commit: number;
      readonly code: "DISK_FULL" | "STORE_IO";
      readonly durable: boolean;
    }
  | { readonly kind: "slow disk"; readonly life: number; readonly commit: number; readonly forMs: number }
  /** The process is told to end, as by Ctrl-C. */
  | { readonly kind: "interrupt"; readonly atMs: number }
  /** Another process asks the run to stop. */
  | { readonly kind: "stop request"; readonly atMs: number }
  /** Once the run has ended, somebody runs a step again and all that depends on it. */
  | { readonly kind: "rerun"; readonly step: number };

export function faultsOf(random: Random): readonly Fault[] {
  if (random.chance(0.05)) return storm(random);
  const count = random.pick([1, 1, 2, 2, 3, 4, 5]);
  const horizonMs = random.pick([100, 1_000, 5_000, 20_000]);
  const deepest = random.pick([10, 30, 100, 300]);
  return Array.from({ length: count }, () => faultOf(random, horizonMs, deepest));
}

/** One death after the other, so that some action is always under way when akc dies. */
function storm(random: Random): readonly Fault[] {
  const deepest = random.pick([12, 25, 50]);
  return Array.from({ length: random.between(6, 15) }, (_, index) => {
    return { kind: "crash", life: index + 1, point: random.between(4, deepest) };
  });
}

function faultOf(random: Random, horizonMs: number, deepest: number): Fault {
  const atMs = random.between(0, horizonMs);
  const life = random.between(1, 3);
  const point = random.between(1, deepest);
  const commit = random.between(1, Math.ceil(deepest / 3));
  switch (random.between(0, 11)) {
    case 0:
    case 1:
      return { kind: "crash", life, point };
    case 2:
      return { kind: "crash at commit", life, commit, durable: false };
    case 3:
      return { kind: "crash at commit", life, commit, durable: true };
    case 4:
      return { kind: "pause", life, point, forMs: random.pick([500, 14_000, 16_000, 60_000]) };
    case 5:
      return { kind: "takeover", atMs };
    case 6:
      return { kind: "wall jump", atMs, byMs: jump(random) };
    case 7: {
      const code = random.pick(["DISK_FULL", "STORE_IO"] as const);
      return { kind: "disk", life, commit, code, durable: code === "STORE_IO" && random.chance(0.5) };
    }
    case 8:
      return { kind: "slow disk", life, commit, forMs: random.pick([50, 1_000, 20_000]) };
    case 9:
      return { kind: "interrupt", atMs };
    case 10:
      return { kind: "rerun", step: random.between(0, 39) };
    default:
      return { kind: "stop request", atMs };
  }
}

function jump(random: Random): number {
  const byMs = random.pick([1, 250, 5_000, 3_600_000, 86_400_000, 30 * 86_400_000]);
  return random.chance(0.5) ? byMs : -byMs;
}
