/**
 * Turns the fallbacks of a hybrid adapter into facts of the run that they happened in. A fallback outside of every run is
 * refused: it could be recorded nowhere, and none may be silent.
 *
 * Source: spec bundle §12, §14.3.
 */
import type { RunContext } from "../adapters/contract.ts";
import { type Fallback, fallbackPayload } from "../adapters/hybrid.ts";
import { AkcError } from "../errors.ts";
import type { Note } from "../kernel/recorder.ts";
import { eventTypes } from "../kernel/wire.ts";

export interface FallbackNotes {
  /** For the hybrid adapter. @throws AkcError RUN_NOT_FOUND, BUNDLE_SCOPE_MISMATCH */
  observe(fallback: Fallback): void;
  /** From here on the fallbacks of this run are noted. */
  open(context: RunContext): RunNotes;
}

export interface RunNotes {
  /** What was noted since the last look. */
  noted(): readonly Note[];
  close(): void;
}

export function createFallbackNotes(): FallbackNotes {
  const runs = new Map<string, { readonly context: RunContext; notes: Note[] }>();
  return {
    observe(fallback) {
      const { runtimeRunId } = fallback.context;
      const run = runs.get(runtimeRunId);
      if (run === undefined) {
        throw new AkcError("RUN_NOT_FOUND", {
          message: "an adapter fell back outside of a run",
          hint: "Call the adapter with the context of a run that is under way, as its actions are given it.",
          details: { runtimeRunId, capability: fallback.capability },
        });
      }
      if (!sameScope(run.context, fallback.context)) {
        throw new AkcError("BUNDLE_SCOPE_MISMATCH", {
          message: "an adapter fell back for a run of another scope",
          details: { runtimeRunId },
        });
      }
      run.notes.push({ type: eventTypes.fallback, payload: JSON.stringify(fallbackPayload(fallback)) });
    },
    open(context) {
      const run = { context, notes: [] as Note[] };
      runs.set(context.runtimeRunId, run);
      return {
        noted() {
          const { notes } = run;
          if (notes.length > 0) run.notes = [];
          return notes;
        },
        close: () => void runs.delete(context.runtimeRunId),
      };
    },
  };
}

/** Source: spec kernel §4.1. */
function sameScope(left: RunContext, right: RunContext): boolean {
  return (
    left.scope.tenantId === right.scope.tenantId &&
    left.scope.repoId === right.scope.repoId &&
    left.runId === right.runId
  );
}
