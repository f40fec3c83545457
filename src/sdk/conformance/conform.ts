/**
 * The conformance kit: tries a plugin, whatever it is written in, against the protocol and against its author's own cases.
 * Starts as many processes as it needs, leaves none, and says for every check whether it held, why not, and how long it took.
 *
 * Source: docs/plugin-protocol.md
 */
import { adapterChecks } from "./adapters.ts";
import { type Check, type Row, runCheck } from "./check.ts";
import { Context } from "./context.ts";
import { cleanChecks, conversationChecks } from "./conversation.ts";
import { providerChecks } from "./providers.ts";
import type { Subject } from "./subject.ts";
import { validatorChecks } from "./validators.ts";

export type { Row } from "./check.ts";

export interface ConformOptions {
  /** Told of each row as it comes. */
  readonly onRow?: (row: Row) => void;
  /** Begins no more checks once it aborts. */
  readonly signal?: AbortSignal;
}

export async function conform(
  subject: Subject,
  { onRow, signal }: ConformOptions = {},
): Promise<readonly Row[]> {
  const context = new Context(subject);
  const rows: Row[] = [];
  try {
    for (const check of checksOf(subject)) {
      if (signal?.aborted) break;
      const row = await runCheck(check, context);
      rows.push(row);
      onRow?.(row);
    }
  } finally {
    await context.close();
  }
  return rows;
}

function checksOf({ declared, cases }: Subject): readonly Check<Context>[] {
  const { adapters = {}, providers = {}, validators = {} } = declared;
  const of = <Case>(lists: { readonly [id: string]: readonly Case[] }, id: string) =>
    Object.hasOwn(lists, id) ? (lists[id] ?? []) : [];
  return [
    ...conversationChecks,
    ...Object.entries(adapters).flatMap(([id, { capabilities }]) =>
      adapterChecks(id, capabilities, of(cases.adapters, id)),
    ),
    ...Object.entries(providers).flatMap(([id, { capabilities }]) =>
      providerChecks(id, capabilities, of(cases.providers, id)),
    ),
    ...Object.entries(validators).flatMap(([id, { binding_kinds: kinds }]) =>
      validatorChecks(id, kinds, of(cases.validators, id)),
    ),
    ...cleanChecks,
  ];
}
