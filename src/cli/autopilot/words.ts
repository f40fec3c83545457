/** The five words that a person may say to the autopilot, each a command. */
import { saying } from "./say.ts";

export const pause = saying({
  word: "pause",
  summary: "Hold a scope: nothing is begun or gone on with until somebody says `resume`.",
  note: "A run that is under way in this moment ends as it ends; what it made is not watched, kept or brought back while the scope is paused. It is still looked at, and its lease is kept.",
  example: { flags: '--scope acme/shop --reason "migration tonight"', says: "Leave the shop alone." },
});

export const resume = saying({
  word: "resume",
  summary: "Let a paused scope go on.",
  note: "An escalation is not ended by it: that is `ack`.",
  example: { flags: '--all --reason "migration is over"', says: "All scopes that are paused." },
});

export const ack = saying({
  word: "ack",
  summary: "End an escalation: somebody has looked at it.",
  note: "Failures in a row begin at none again, cool-downs are over, and bundles that had failed or were denied may be tried again. Budgets of the day stay used.",
  example: { flags: '--scope acme/shop --reason "the registry was down"', says: "Go on with the shop." },
});

export const approve = saying({
  word: "approve",
  summary: "Let a proposed rollout or repair be done.",
  note: "It holds for the one bundle that is proposed, and for one attempt. The other gates are asked all the same.",
  example: { flags: '--scope acme/shop --reason "plan read"', says: "Do what was proposed." },
});

export const deny = saying({
  word: "deny",
  summary: "Refuse a proposed bundle: it is not tried again until somebody says `ack`.",
  note: "It holds for the one bundle that is proposed, held back by gates, or waiting.",
  example: { flags: '--scope acme/shop --reason "wrong branch"', says: "Not this one." },
});
