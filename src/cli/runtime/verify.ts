/**
 * `akc runtime verify`: whether everything that is kept of a run is what its events say, and the one digest by which somebody
 * else can hold all of it to account later.
 *
 * Source: cli:W-15; architecture "Events are the truth".
 */
import { AkcError } from "../../errors.ts";
import type { Place } from "../../replay/divergence.ts";
import { type Verification, verifyRun } from "../../replay/verify.ts";
import type { RunRow } from "../../store/contract.ts";
import { command } from "../command.ts";
import type { Plain } from "../render/output.ts";
import { type Style, styleOf } from "../render/style.ts";
import { divergenceData, divergencesShownMax, divergenceText } from "./divergences.ts";
import { locatingEnvironment } from "./locate.ts";
import { readRunArgs, withRun } from "./read-run.ts";

export const verify = command({
  path: "runtime verify",
  summary: "Check that everything kept of a run is what its events say.",
  notes: [
    "Checked are the hash chain over the events, the tables derived from them, the policy's decisions, the inbox, every artifact, and every evidence file against its seal. Nothing is mended.",
    "Who can write to the database can also make a whole new history. Against that, note the chain's digest somewhere else and give it later with --chain-sha256.",
  ],
  examples: [
    { command: "akc runtime verify 0193f2c1", says: "Is this history whole?" },
    {
      command: "akc runtime verify 0193f2c1 -o json | jq -r .chain_sha256 > anchor",
      says: "Note the digest of the whole history; keep it on another machine.",
    },
    {
      command: 'akc runtime verify 0193f2c1 --chain-sha256 "$(cat anchor)"',
      says: "Is it still the history of then? It may have grown since.",
    },
  ],
  exits: [0, 1, 2],
  environment: locatingEnvironment,
  args: {
    ...readRunArgs,
    chainSha256: {
      type: "string",
      valueHint: "HEX",
      description: "A digest of the chain noted earlier: some event of the run must have it.",
    },
    rebuild: {
      type: "boolean",
      description:
        "Make every evidence file again from the events and compare, also those whose digest is right.",
    },
    all: {
      type: "boolean",
      description: `Show up to ${divergencesShownMax} divergences, not only the first.`,
    },
  },
  async run(args, { io, print }) {
    const anchorSha256 = digestArgument(args.chainSha256);
    return withRun(io, args, async ({ reader, row, scopeRoot, stored, deployment }) => {
      const found = await verifyRun(reader, {
        scopeRoot,
        stored,
        deployment,
        anchorSha256,
        rebuild: args.rebuild === true,
        divergencesMax: divergencesShownMax,
      });
      const shown = args.all === true ? found.divergences : found.divergences.slice(0, 1);
      const style = styleOf(io.stdout.color);
      await print({
        data: verificationData(row, { ...found, divergences: shown }),
        text: () => verificationText(row, found, shown, style),
      });
      return found.verdict === "verified" ? 0 : 1;
    });
  },
});

/** @throws AkcError USAGE */
function digestArgument(text: string | undefined): string | undefined {
  const digest = text?.trim().toLowerCase();
  if (digest === undefined || /^[0-9a-f]{64}$/.test(digest)) return digest;
  throw new AkcError("USAGE", { message: "--chain-sha256 takes 64 hex digits" });
}

function verificationData(row: RunRow, found: Verification): { readonly [key: string]: Plain } {
  const { scope, runtimeRunId } = row.context;
  const [first] = found.divergences;
  return {
    kind: "Verification",
    runtime_run_id: runtimeRunId,
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    verdict: found.verdict,
    events: found.events,
    actions: found.actions,
    decisions: found.decisions,
    artifacts: found.artifacts,
    evidence_files: found.evidenceFiles,
    evidence: found.evidence.replaceAll(" ", "_"),
    chain_sha256: found.chainSha256,
    ...(found.anchorSeq === undefined ? {} : { anchor_seq: found.anchorSeq }),
    still_running: found.moved,
    divergence_count: found.divergenceCount,
    ...(first === undefined ? {} : { divergence: divergenceData(first) }),
    divergences: found.divergences.map(divergenceData),
  };
}

function verificationText(
  row: RunRow,
  found: Verification,
  shown: Verification["divergences"],
  style: Style,
): string {
  const { scope, runtimeRunId } = row.context;
  const broken = new Set(found.divergences.map(({ place }) => place));
  const line = (places: readonly Place[], name: string, says: string) =>
    `  ${places.some((place) => broken.has(place)) ? style.bad("✗") : style.good("✓")} ${name.padEnd(9)}  ${says}`;
  const anchor = found.anchorSeq === undefined ? "" : `, noted at event ${found.anchorSeq}`;
  const verdict =
    found.verdict === "verified"
      ? style.good("verified")
      : style.bad(`diverged: ${found.divergenceCount} ${found.divergenceCount === 1 ? "place" : "places"}`);
  return [
    `${runtimeRunId}  ${scope.tenantId}/${scope.repoId}`,
    line(["chain"], "chain", `${found.events} events${anchor}`),
    line(["run"], "run", row.outcome ?? "has not ended"),
    line(["action"], "actions", `${found.actions}`),
    line(["decision"], "decisions", `${found.decisions}`),
    line(["signal"], "signals", "as taken"),
    line(["artifact"], "artifacts", `${found.artifacts}`),
    line(["evidence"], "evidence", evidenceText(found)),
    "",
    ...shown.flatMap((divergence) => [divergenceText(divergence), ""]),
    ...(found.divergenceCount > shown.length
      ? [`  and ${found.divergenceCount - shown.length} more`, ""]
      : []),
    ...(found.moved
      ? ["The run went on meanwhile: only what was there at the beginning was looked at."]
      : []),
    `${verdict}  chain ${found.chainSha256}`,
  ].join("\n");
}

function evidenceText({ evidence, evidenceFiles: files }: Verification): string {
  switch (evidence) {
    case "sealed":
      return `${files} files`;
    case "unsealed":
      return `${files} files of before the run went on; later events have none yet`;
    case "never written":
      return "none yet";
    case "not looked at":
      return "not looked at";
  }
}
