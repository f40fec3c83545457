/**
 * A person's word to the autopilot: kept in the scope's history with who gave it and why, needing no lease, and seen by whoever holds the
 * scope within a second. Says what a word would change before it is said, and says nothing twice.
 */
import type { AutopilotStore } from "../../autopilot/contract.ts";
import { type ScopeId, type ScopeState, scopeName, type Word } from "../../autopilot/model.ts";
import { openAutopilotStore } from "../../autopilot/state/open.ts";
import { AkcError } from "../../errors.ts";
import { systemClock } from "../../system/clock.ts";
import { type Command, command } from "../command.ts";
import type { Plain } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { senderName } from "../sender.ts";
import { settingsArgs, settingsEnvironment, settingsOf } from "./settings.ts";
import { beatFreshMs } from "./status-data.ts";
import { scopeArgs, scopesMeant } from "./which-scopes.ts";
import { effectOf } from "./word-effect.ts";

interface Saying {
  readonly word: Word;
  readonly summary: string;
  readonly note: string;
  readonly example: { readonly flags: string; readonly says: string };
}

const allArgs = {
  all: { type: "boolean", description: "Every scope that the autopilot knows here." },
} as const;

const bundleArgs = {
  bundle: {
    type: "string",
    valueHint: "SHA256",
    description:
      "The bundle that is meant, or a beginning of its hash; refused when another one is proposed.",
  },
} as const;

const reasonCharsMax = 1_000;

interface Said {
  readonly scope: ScopeId;
  readonly status: string;
  readonly bundleSha256?: string | undefined;
  /** What happens next, for people. */
  readonly next: string;
}

/** The command `akc autopilot WORD`. */
export function saying({ word, summary, note, example }: Saying): Command {
  const allowsAll = word === "pause" || word === "resume";
  const speaksOfBundle = word === "approve" || word === "deny";
  return command({
    path: `autopilot ${word}`,
    summary,
    notes: [
      note,
      "The word is kept in the scope's history with your name and your reason, and cannot be taken back from there.",
    ],
    examples: [{ command: `akc autopilot ${word} ${example.flags}`, says: example.says }],
    exits: [0, 1, 2, 5],
    usage: allowsAll ? "(--scope TENANT/REPO | --all)" : "--scope TENANT/REPO",
    environment: settingsEnvironment,
    args: {
      ...scopeArgs,
      ...(allowsAll ? allArgs : {}),
      ...(speaksOfBundle ? bundleArgs : {}),
      reason: { type: "string", required: true, valueHint: "TEXT", description: "Why; it is kept." },
      ...settingsArgs,
    },
    async run(args, session) {
      const reason = reasonOf(args.reason);
      const { outputsRoot } = await settingsOf(session.io, args);
      const store = await openAutopilotStore(outputsRoot, { create: false });
      try {
        const all = "all" in args && args.all === true;
        const scopes = await scopesMeant(store, args, all);
        const bundle = "bundle" in args && typeof args.bundle === "string" ? args.bundle : undefined;
        const by = senderName();
        const said: Said[] = [];
        for (const scope of scopes) said.push(await sayTo(store, scope, { word, by, reason, bundle }));
        await session.print({
          data: {
            kind: "AutopilotWord",
            word,
            by,
            reason,
            items: said.map(
              ({ scope, status, bundleSha256, next }): Plain => ({
                tenant_id: scope.tenantId,
                repo_id: scope.repoId,
                status,
                bundle_sha256: bundleSha256 ?? null,
                next,
              }),
            ),
          },
          text: () =>
            said
              .map(
                ({ scope, status, next }) =>
                  `${scopeName(scope)} ${status.replaceAll("_", " ")}: ${printable(next)}`,
              )
              .join("\n"),
        });
        return 0;
      } finally {
        await store.close();
      }
    },
  });
}

async function sayTo(
  store: AutopilotStore,
  scope: ScopeId,
  spoken: {
    readonly word: Word;
    readonly by: string;
    readonly reason: string;
    readonly bundle: string | undefined;
  },
): Promise<Said> {
  const { word, by, reason, bundle } = spoken;
  const nowMs = systemClock.nowMs();
  const state: ScopeState = await store.state(scope);
  const effect = effectOf(word, state, bundle, scopeName(scope));
  if (effect.kind === "refused") throw effect.error;
  const { status, next, bundleSha256 } = effect;
  if (effect.kind === "said") {
    await store.say(
      scope,
      { type: "word", word, by, reason, ...(bundleSha256 === undefined ? {} : { bundleSha256 }) },
      by,
      nowMs,
    );
  }
  const when = effect.kind === "said" ? await whenSeen(store, scope, nowMs) : "";
  return { scope, status, bundleSha256, next: `${next}${when}` };
}

/** A word is kept, whoever is there. */
async function whenSeen(store: AutopilotStore, scope: ScopeId, nowMs: number): Promise<string> {
  const fence = await store.fence(scope);
  const row = (await store.controllers()).find(({ holder }) => holder === fence?.holder);
  const isThere = row !== undefined && nowMs - row.beatAtMs <= beatFreshMs;
  return isThere
    ? `; ${row.holder} sees it within a second`
    : "; no controller runs: it counts as soon as one does";
}

/** @throws AkcError USAGE */
function reasonOf(text: string): string {
  const reason = text.trim();
  if (reason !== "" && reason.length <= reasonCharsMax) return reason;
  throw new AkcError("USAGE", {
    message: reason === "" ? "--reason is empty" : `--reason is longer than ${reasonCharsMax} characters`,
    hint: "Say in a sentence why: whoever looks at this later has nothing else.",
  });
}
