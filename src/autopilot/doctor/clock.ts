/**
 * Whether the clock can be trusted: that both clocks run alike, that somebody sets the wall clock, and that it is not behind what is
 * written already. Sets nothing.
 *
 * Source: adjtimex(2); docs/autopilot.md.
 */
import type { Clock } from "../../system/clock.ts";
import { kernelClock } from "../../system/kernel-clock.ts";
import { type Finding, ok, warn } from "./finding.ts";

const check = "clock";

export interface ClockInput {
  readonly clock: Clock;
  readonly ttlMs: number;
  /** Whether controllers of several hosts share leases, so that their clocks must agree. */
  readonly severalHosts: boolean;
  /** Of the newest entry of the history; undefined without one. */
  readonly newestEntryAtMs?: number | undefined;
}

/** How long both clocks are looked at. */
const watchedMs = 50;
/** Beyond it a clock was set, and not only looked at late. */
const apartMs = 50;

export async function clockFindings({
  clock,
  ttlMs,
  severalHosts,
  newestEntryAtMs,
}: ClockInput): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const [wall, steady] = [clock.nowMs(), clock.monotonicMs()];
  await clock.sleep(watchedMs);
  const apart = clock.nowMs() - wall - (clock.monotonicMs() - steady);
  findings.push(
    Math.abs(apart) <= apartMs
      ? ok(check, "the wall clock and the monotonic clock run alike")
      : warn(
          check,
          `within ${watchedMs} ms the wall clock went ${Math.round(apart)} ms apart from the monotonic clock`,
          "Somebody sets the clock by hand, or it steps: let one service slew it.",
        ),
  );
  findings.push(synchronised(ttlMs, severalHosts));
  const aheadMs = (newestEntryAtMs ?? 0) - clock.nowMs();
  if (aheadMs > apartMs && newestEntryAtMs !== undefined) {
    findings.push(
      warn(
        check,
        `the newest entry of the history is of ${new Date(newestEntryAtMs).toISOString()}, which is still to come`,
        "The clock was set back. What is due counts from the history's time until the clock has caught up.",
      ),
    );
  }
  return findings;
}

function synchronised(ttlMs: number, severalHosts: boolean): Finding {
  const known = kernelClock();
  if (known === undefined) {
    return warn(
      check,
      "the kernel does not say whether its clock is synchronised",
      "See that a time service runs.",
    );
  }
  if (!known.synchronised) {
    return warn(
      check,
      `nobody keeps the clock in time${severalHosts ? ", and controllers of several hosts share leases" : ""}`,
      "Run chrony or systemd-timesyncd. Windows, freezes, expiries and leases go by this clock.",
    );
  }
  if (severalHosts && known.errorMs > ttlMs / 3) {
    return warn(
      check,
      `the clock may be ${Math.round(known.errorMs)} ms off, and a lease lives ${ttlMs} ms`,
      "Let leases live longer, or keep the clock better.",
    );
  }
  return ok(check, `the clock is synchronised, to ${Math.round(known.errorMs)} ms at worst`);
}
