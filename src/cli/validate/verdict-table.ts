/** Verdicts for people: a line for each binding, and below it why, where it is no pass. */
import type { Place } from "../io.ts";
import { styleOf } from "../render/style.ts";
import { table } from "../render/table.ts";
import { printable } from "../render/text.ts";

export interface VerdictRow {
  readonly bindingId: string;
  readonly kind: string;
  /** As it is shown. */
  readonly verdict: string;
  /** By which it is coloured. */
  readonly standing: "pass" | "fail" | "inconclusive" | "error";
  readonly reason: string;
  readonly value: string;
  readonly ms?: number;
  readonly why?: string;
}

/** What the third and the fourth column are called. */
export interface VerdictTitles {
  readonly verdict: string;
  readonly reason: string;
}

export function verdictTable(
  rows: readonly VerdictRow[],
  place: Place,
  titles: VerdictTitles = { verdict: "VERDICT", reason: "REASON" },
): string {
  const style = styleOf(place.color);
  const paint = { pass: style.good, fail: style.bad, error: style.bad, inconclusive: style.warn };
  const timed = rows.some(({ ms }) => ms !== undefined);
  const lines = table<VerdictRow>(
    rows,
    [
      { title: "BINDING", value: ({ bindingId }) => printable(bindingId), narrowest: 12 },
      { title: "KIND", value: ({ kind }) => printable(kind), optional: "sooner" },
      {
        title: titles.verdict,
        value: ({ verdict }) => verdict,
        paint: (cell, { standing }) => paint[standing](cell),
      },
      // The reasons that akc knows are never cut.
      { title: titles.reason, value: ({ reason }) => printable(reason), narrowest: 12 },
      { title: "VALUE", value: ({ value }) => printable(value), align: "end", narrowest: 8, optional: true },
      ...(timed
        ? [
            {
              title: "MS",
              value: ({ ms }: VerdictRow) => String(ms ?? ""),
              align: "end" as const,
              optional: "sooner" as const,
            },
          ]
        : []),
    ],
    place.isTerminal ? place.columns() : undefined,
  );
  const whys = rows.flatMap(({ bindingId, why }) =>
    why === undefined || why === "" ? [] : [`${printable(bindingId)}: ${printable(why)}`],
  );
  return whys.length === 0 ? lines : `${lines}\n\n${whys.join("\n")}`;
}
