/**
 * The validators of this akc by kind of binding: those built in, then those of plugins in the order in which they were found.
 * Opens nothing; what it is handed it closes.
 */
import { command } from "./command.ts";
import type { Validator, Validators } from "./contract.ts";
import { httpJson } from "./http-json.ts";

export interface ValidatorsInput {
  /** In the order in which they count: of two for one kind the first judges. */
  readonly validators: readonly Validator[];
  /** Told of each kind that a later one offers too. */
  readonly onShadowed?: (kind: string, by: Validator, shadowed: Validator) => void;
  /** Ends the plugins behind them. */
  readonly close?: () => Promise<void>;
}

export const builtinValidators: readonly Validator[] = [httpJson, command];

/** No plugin judges in place of what is built in. */
export function createValidators({ validators, onShadowed, close }: ValidatorsInput): Validators {
  const byKind = new Map<string, Validator>();
  for (const validator of [...builtinValidators, ...validators]) {
    for (const kind of validator.kinds) {
      const before = byKind.get(kind);
      if (before === undefined) byKind.set(kind, validator);
      else onShadowed?.(kind, before, validator);
    }
  }
  return {
    kinds: [...byKind.keys()],
    byKind: (kind) => byKind.get(kind),
    async close() {
      await close?.();
    },
  };
}
