/**
 * The baseline of the durable benchmarks: a loop that writes what a run must write and does nothing else.
 */
import { Database } from "bun:sqlite";

export interface BareLoop {
  readonly steps: number;
  /** Payload texts of the two events of a step; the same bytes as what is compared with it. */
  readonly intent: string;
  readonly outcome: string;
}

const batch = 64;
const atMs = 1_795_348_155_411;

/**
 * Steps a second of the least that makes the same facts durable: a hash-chained event, an action row and a decision row, two
 * commits a batch of 64, synchronous=FULL. It keeps no state, checks nothing and has no lease.
 */
export function bareLoop(path: string, { steps, intent, outcome }: BareLoop): number {
  const db = new Database(path, { create: true, strict: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  db.run(`CREATE TABLE event (seq INTEGER PRIMARY KEY, type TEXT NOT NULL, at_ms INTEGER NOT NULL,
    payload TEXT NOT NULL, sha256 BLOB NOT NULL) STRICT`);
  db.run(`CREATE TABLE action (action_id TEXT PRIMARY KEY, node_id TEXT NOT NULL, step_id TEXT, phase TEXT NOT NULL,
    attempt INTEGER NOT NULL, seq INTEGER NOT NULL, output_sha256 BLOB) STRICT, WITHOUT ROWID`);
  db.run(`CREATE TABLE decision (number INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    action TEXT NOT NULL, allowed INTEGER NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL, rule TEXT NOT NULL,
    mode TEXT NOT NULL, context TEXT NOT NULL) STRICT`);
  const event = db.prepare("INSERT INTO event VALUES (?, ?, ?, ?, ?)");
  const start = db.prepare("INSERT INTO action VALUES (?, ?, ?, 'running', 1, ?, NULL)");
  const end = db.prepare("UPDATE action SET phase = 'succeeded', seq = ? WHERE action_id = ?");
  const decision = db.prepare("INSERT INTO decision VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  let previous = new Uint8Array(32);
  let seq = 0;
  const append = (type: string, payload: string) => {
    seq += 1;
    const digest = new Bun.CryptoHasher("sha256")
      .update(previous)
      .update(`${seq}\n${type}\n${atMs}\n${payload}`)
      .digest();
    event.run(seq, type, atMs, payload, digest);
    previous = Uint8Array.from(digest);
  };
  const startedMs = performance.now();
  for (let first = 0; first < steps; first += batch) {
    db.run("BEGIN IMMEDIATE");
    for (let number = first; number < Math.min(first + batch, steps); number++) {
      append("runtime.action.policy_allowed", intent);
      start.run(`coordination:step-${number}:0`, `workflow_${number}`, `step-${number}`, seq);
      decision.run(
        seq,
        atMs,
        "runtime.action.dispatch",
        1,
        "policy.allowlist.allow",
        "allowlist",
        "baseline",
        "enforce",
        `{"action_id":"coordination:step-${number}:0"}`,
      );
    }
    db.run("COMMIT");
    db.run("BEGIN IMMEDIATE");
    for (let number = first; number < Math.min(first + batch, steps); number++) {
      append("runtime.action.completed", outcome);
      end.run(seq, `coordination:step-${number}:0`);
    }
    db.run("COMMIT");
  }
  const tookMs = performance.now() - startedMs;
  db.close(true);
  return (steps / tookMs) * 1000;
}
