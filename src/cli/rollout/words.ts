/** The six words that a person may say to a rollout, each a command. */
import { steering } from "./steer.ts";

export const pause = steering({
  word: "pause",
  summary: "Hold a rollout where it is.",
  note: "What was begun is finished and watched; nothing further is changed. A pause ends by itself at its deadline, by bringing everything back.",
});

export const resume = steering({
  word: "resume",
  summary: "Let a paused rollout go on.",
  note: "Goes on with what it did before it paused. An approval is not given by it: that is `promote`.",
});

export const promote = steering({
  word: "promote",
  summary: "Let a rollout go on to its next step, or approve its last one.",
  note: "Skips what it waits for now: a pause, a bake, an analysis, an approval. Health is watched all the same.",
});

export const abort = steering({
  word: "abort",
  summary: "End a rollout and bring everything back.",
  note: "Every resource that was changed goes back to the last revision that was good, against the dependencies, and is watched until it is healthy.",
});

export const retry = steering({
  word: "retry",
  summary: "Begin a rollout anew that failed or was brought back.",
  note: "From its first step. A rollout that failed is never begun again by itself.",
});

export const undo = steering({
  word: "undo",
  summary: "Bring back what a completed rollout has changed.",
  note: "As an abort would have done it. Reconciling does not roll it out again by itself until the bundle changes, or somebody says `retry`.",
});
