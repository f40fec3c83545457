/**
 * Sessions of processes that may live on when akc ends: what sweeps up after akc leaves them alone.
 * A process is in here only because akc itself put it here; nothing that a process says of itself gets it in.
 */
import { statOf } from "./process-table.ts";

const sessions = new Set<number>();

/** The session that `pid` leads. @returns takes it back, when its leader has ended */
export function letOutlive(pid: number): () => void {
  sessions.add(pid);
  return () => sessions.delete(pid);
}

/** Whether the process is in a session that may live on. */
export function mayOutlive(pid: number): boolean {
  if (sessions.size === 0) return false;
  const session = statOf(pid)?.session;
  return session !== undefined && sessions.has(session);
}
