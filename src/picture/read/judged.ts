/**
 * How a run was judged, for its picture: the last verdict since it ended, criterion by criterion, with what was measured. It believes
 * what was recorded; whether that is true is asked of `akc verify`.
 *
 * Source: spec reconcile §8; `validation/report.ts` writes what is read here.
 */
import * as v from "valibot";
import { objectAt, textAt } from "../../bundle/member.ts";
import type { JsonObject } from "../../json/value.ts";
import { eventTypes } from "../../kernel/wire.ts";
import { limits } from "../../limits.ts";
import type { NewEvent, RunReader } from "../../store/contract.ts";
import type { PicturedValidity } from "../model.ts";
import { shownText } from "./shown-text.ts";

export class JudgedFold {
  #last: { readonly verdict: string; readonly reportSha256: string | undefined } | undefined;

  event({ type }: Pick<NewEvent, "type">, payload: JsonObject): void {
    // What was judged before the kernel went on with the run says nothing of how it is now.
    if (type === eventTypes.loopFinished) this.#last = undefined;
    if (type !== eventTypes.validityAttested) return;
    const verdict = textAt(payload, "verdict");
    if (verdict === undefined) return;
    this.#last = { verdict, reportSha256: textAt(objectAt(payload, "report"), "sha256") };
  }

  get last() {
    return this.#last;
  }
}

const Text = v.optional(v.string());
const Report = v.object({
  criterion_results: v.array(
    v.object({
      success_criterion_id: v.string(),
      verdict: v.string(),
      failures: v.optional(v.array(v.string()), []),
      advisory: v.optional(v.boolean(), false),
    }),
  ),
  predicate_results: v.optional(
    v.array(
      v.object({
        success_criterion_id: v.string(),
        signal_key: Text,
        verdict: Text,
        message: Text,
        reason: Text,
      }),
    ),
    [],
  ),
});

/** undefined where nobody judged it */
export async function validityOf(
  { artifacts }: Pick<RunReader, "artifacts">,
  { last }: JudgedFold,
): Promise<PicturedValidity | undefined> {
  if (last === undefined) return undefined;
  const report = last.reportSha256 === undefined ? undefined : await reportOf(artifacts, last.reportSha256);
  const criteria = (report?.criterion_results ?? []).map((criterion) => {
    const id = criterion.success_criterion_id;
    const checks = (report?.predicate_results ?? []).filter(
      ({ success_criterion_id }) => success_criterion_id === id,
    );
    const measured = checks.map(({ signal_key, verdict, message }) =>
      [signal_key, message ?? verdict].filter((word) => word !== undefined).join(": "),
    );
    const reason = shownText(
      [...criterion.failures, ...(criterion.advisory ? ["only advises"] : [])].join("; "),
    );
    return {
      id,
      verdict: criterion.verdict,
      ...(reason === undefined || reason === "" ? {} : { reason }),
      ...(measured.length === 0 ? {} : { measured: shownText(measured.join("; ")) ?? "" }),
    };
  });
  return { verdict: last.verdict, criteria };
}

/** An archive may lack it, and a disk lose it: the verdict stands in the history all the same. */
async function reportOf(
  artifacts: RunReader["artifacts"],
  sha256: string,
): Promise<v.InferOutput<typeof Report> | undefined> {
  try {
    if ((await artifacts.sizeOf(sha256)) > limits.picturedReportBytesMax) return undefined;
    const text = new TextDecoder().decode(await artifacts.read(sha256));
    return v.parse(v.pipe(v.string(), v.parseJson(), Report), text);
  } catch {
    return undefined;
  }
}
