/**
 * Keeps the process small while it makes much garbage. The engine sizes its heap after the machine's memory and lets
 * garbage stand for long; a host that runs akc beside its real work should not pay for that.
 */

/** How far the process may grow over what it was after the last collection. */
const growthBytesMax = 40 * 1024 * 1024;
/** Below this size collecting would only cost time. */
const smallBytes = 144 * 1024 * 1024;
/** Asking the system for the size costs a system call: not at every turn. */
const askEveryMs = 25;

/** Of this process, whoever guards it: its size after the last collection. */
let keptBytes = 0;

/** Returns a function to call often: it collects garbage when the process has grown too far since the last time. */
export function createHeapGuard(nowMs: () => number): () => void {
  let askDueAt = 0;
  return () => {
    const now = nowMs();
    if (now < askDueAt) return;
    askDueAt = now + askEveryMs;
    const bytes = process.memoryUsage.rss();
    if (bytes < Math.max(smallBytes, keptBytes + growthBytesMax)) return;
    collect();
  };
}

/** Collects what reading a large document left behind, before more is built on it. Costs nothing on a small process. */
export function collectIfLarge(): void {
  if (process.memoryUsage.rss() >= smallBytes) collect();
}

function collect(): void {
  Bun.gc(true);
  keptBytes = process.memoryUsage.rss();
}
