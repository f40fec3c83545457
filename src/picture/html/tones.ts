/** How words for how something stands are coloured, and their signs where there are no colours. Pure; a word it does not know is calm. */

/** Class of its colour: `t-good`, `t-bad`, … */
export type Tone = "good" | "bad" | "busy" | "warn" | "calm";

const tones: Readonly<Record<string, Tone>> = {
  succeeded: "good",
  completed: "good",
  settled: "good",
  pass: "good",
  deployed: "good",
  healthy: "good",
  ok: "good",
  verified: "good",
  allowed: "good",
  running: "busy",
  progressing: "busy",
  deploying: "busy",
  baking: "busy",
  analysing: "busy",
  changing: "busy",
  verifying: "busy",
  recompiling: "busy",
  retrying: "busy",
  waiting: "warn",
  suspended: "warn",
  stopping: "warn",
  stopped: "warn",
  paused: "warn",
  held: "warn",
  proposed: "warn",
  rolling_back: "warn",
  degraded: "warn",
  inconclusive: "warn",
  cancelled: "warn",
  failed: "bad",
  denied: "bad",
  blocked: "bad",
  exhausted: "bad",
  abandoned: "bad",
  rolled_back: "bad",
  rollback_failed: "bad",
  rollback_unsupported: "bad",
  diverged: "bad",
  escalated: "bad",
  damaged: "bad",
  failing: "bad",
  burning: "bad",
  fail: "bad",
  error: "bad",
  gone: "bad",
};

/** Told apart without colours too. */
export const toneSigns: Readonly<Record<Tone, string>> = {
  good: "✓",
  bad: "✗",
  busy: "●",
  warn: "◌",
  calm: "·",
};

/** Of the word that a run, a rollout, a resource or a verdict stands by. */
export function toneOf(word: string): Tone {
  return tones[word] ?? "calm";
}
