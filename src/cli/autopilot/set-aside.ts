/**
 * The way out for a scope whose memory is damaged: puts what is there into a file and lets the scope begin anew, escalated. It never
 * touches a memory that is whole, and does nothing in the scope itself.
 */

import { scopeName } from "../../autopilot/model.ts";
import { openAutopilotStore } from "../../autopilot/state/open.ts";
import { setDamagedScopeAside } from "../../autopilot/state/set-aside.ts";
import { AkcError } from "../../errors.ts";
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { printable } from "../render/text.ts";
import { senderName } from "../sender.ts";
import { settingsArgs, settingsEnvironment, settingsOf } from "./settings.ts";
import { scopeArgs, scopesMeant } from "./which-scopes.ts";

export const setAside = command({
  path: "autopilot set-aside",
  summary: "Put a scope's damaged memory into a file and let the scope begin anew, on hold.",
  notes: [
    "Only for a scope that `akc autopilot status` calls damaged; restoring a copy of the state file is better where there is one.",
    "The scope stays on hold until somebody says `ack`. What it had used of its budgets is forgotten; what stands is not touched.",
  ],
  examples: [
    {
      command: 'akc autopilot set-aside --scope acme/shop --reason "the disk failed"',
      says: "Begin anew in the shop.",
    },
  ],
  exits: [0, 1, 2, 5],
  usage: "--scope TENANT/REPO",
  environment: settingsEnvironment,
  args: {
    ...scopeArgs,
    reason: { type: "string", required: true, valueHint: "TEXT", description: "Why; it is kept." },
    ...settingsArgs,
  },
  async run(args, session) {
    const reason = args.reason.trim();
    if (reason === "") throw new AkcError("USAGE", { message: "--reason is empty" });
    const { outputsRoot } = await settingsOf(session.io, args);
    const store = await openAutopilotStore(outputsRoot, { create: false });
    const [scope] = await scopesMeant(store, args, false).finally(() => store.close());
    if (scope === undefined) throw new AkcError("USAGE", { message: "no scope is named" });
    const nowMs = systemClock.nowMs();
    const aside = await setDamagedScopeAside(outputsRoot, scope, { by: senderName(), reason, nowMs });
    await session.print({
      data: {
        kind: "AutopilotSetAside",
        tenant_id: scope.tenantId,
        repo_id: scope.repoId,
        path: aside.path,
        facts: aside.facts,
        fault: aside.message,
      },
      text: () =>
        `${scopeName(scope)} set aside: ${aside.facts} facts in ${printable(aside.path)}\nit is on hold; look at what stands, then: akc autopilot ack --scope ${scopeName(scope)} --reason …`,
    });
    return 0;
  },
});
