/**
 * Reads the scoreboards that lie below an outputs root, akc's own and those of the old runtime. Reads only; a file that is none is
 * told of and never passed over.
 *
 * Source: spec cli §14.14, §16.3.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { isIdentifier } from "../../bundle/identifier.ts";
import { AkcError } from "../../errors.ts";
import { toPlain } from "../../json/plain.ts";
import { parseJson } from "../../json/read.ts";
import { limits } from "../../limits.ts";
import { errnoOf, readFileBounded, resolveConfined } from "../../system/files.ts";
import type { CheckedBoard, UnreadableBoard } from "../score/slo-check.ts";
import { autopilotFolder, scoreboardSuffix } from "./places.ts";

/** @throws AkcError FILE_NOT_FOUND when the outputs root is not there; what the file system says */
export async function readScoreboards(
  outputsRoot: string,
  only: { readonly tenantId?: string | undefined; readonly repoId?: string | undefined },
): Promise<{ readonly boards: readonly CheckedBoard[]; readonly unreadable: readonly UnreadableBoard[] }> {
  const boards: CheckedBoard[] = [];
  const unreadable: UnreadableBoard[] = [];
  const tenants = await idsIn(outputsRoot, only.tenantId).catch((cause) => {
    if (errnoOf(cause) !== "ENOENT") throw cause;
    throw new AkcError("FILE_NOT_FOUND", { details: { path: outputsRoot } });
  });
  for (const tenant of tenants) {
    for (const repo of await idsIn(join(outputsRoot, tenant), only.repoId)) {
      const scope = `${tenant}/${repo}`;
      const folder = await resolveConfined(outputsRoot, join(tenant, repo, autopilotFolder, "scoreboards"));
      for (const name of await namesIn(folder)) {
        const path = join(folder, name);
        const board = await boardOf(path, scope);
        if ("why" in board) unreadable.push(board);
        else boards.push(board);
      }
    }
  }
  return { boards, unreadable };
}

async function boardOf(path: string, scope: string): Promise<CheckedBoard | UnreadableBoard> {
  try {
    const bytes = await readFileBounded(path, limits.autopilotScoreboardBytesMax);
    const { tenant_id, repo_id, window_start_ms, window_end_ms, kpi } = v.parse(
      Board,
      toPlain(parseJson(bytes)),
    );
    if (`${tenant_id}/${repo_id}` !== scope) return { scope, path, why: "it is of another scope" };
    const figures = Object.entries(kpi).flatMap(([key, value]): [string, number | null][] =>
      typeof value === "number" || value === null ? [[key, value]] : [],
    );
    return { scope, startMs: window_start_ms, endMs: window_end_ms, kpi: Object.fromEntries(figures) };
  } catch (cause) {
    if (cause instanceof AkcError) return { scope, path, why: cause.message };
    if (cause instanceof v.ValiError) return { scope, path, why: "it is no scoreboard" };
    throw cause;
  }
}

const moment = v.pipe(v.number(), v.safeInteger());
const Board = v.object({
  tenant_id: v.string(),
  repo_id: v.string(),
  window_start_ms: moment,
  window_end_ms: moment,
  kpi: v.record(v.string(), v.unknown()),
});

/** Folders whose names can be ids, or the one that is asked for. */
async function idsIn(folder: string, only: string | undefined): Promise<readonly string[]> {
  const found = await readdir(folder, { withFileTypes: true });
  return found
    .filter((entry) => entry.isDirectory() && isIdentifier(entry.name))
    .map(({ name }) => name)
    .filter((name) => only === undefined || name === only)
    .sort();
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const names: readonly string[] = await readdir(folder).catch((cause) => {
    if (errnoOf(cause) === "ENOENT") return [];
    throw cause;
  });
  return names.filter((name) => name.endsWith(scoreboardSuffix)).sort();
}
