/**
 * Keeps a process that lives for months from growing with its age. The engine makes machine code of whatever has run a few hundred
 * times, which every rare thing has done after some weeks, and keeps that and what it noted of it: tens of megabytes, of a process
 * that holds no more than on its first day.
 *
 * Source: bun.d.ts, `Bun.unsafe.setJITPolicy`, `Bun.shrink`; docs/benchmarks.md, "Autopilot".
 */

/**
 * How many times more often than usual something has to run before it is compiled. A loop over a large document passes this within
 * milliseconds; what a visit or a rollout does now and then is interpreted, which costs nothing that could be measured.
 */
const reluctance = 1_000;

/** How often the engine drops the code that is not running, with what it noted of it, and gives back what is free. */
const dropEveryMs = 30_000;

/** For this thread. Returns how to stop it; never keeps the process alive. */
export function staySmall(): () => void {
  Bun.unsafe.setJITPolicy(reluctance);
  // It only asks for it: the engine does so when it is idle next. Nothing else drops code; once it does nothing, what is lost is room.
  const timer = setInterval(() => Bun.shrink(), dropEveryMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    Bun.unsafe.setJITPolicy(1);
  };
}
