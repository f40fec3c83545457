/**
 * The adapters that a run may be given, by id. Never chooses by itself and never replaces one that is there.
 *
 * Source: spec bundle §14.4.
 */
import type { PolicyMode } from "../bundle/model.ts";
import { AkcError } from "../errors.ts";
import type { Adapter } from "./contract.ts";

export interface AdapterRegistration {
  readonly id: string;
  create(): Adapter;
  /** Modes it may be used in; absent means all. */
  readonly modes?: readonly PolicyMode[];
}

export interface AdapterRegistry {
  /** @throws AkcError ADAPTER_UNKNOWN when the id is taken. */
  register(registration: AdapterRegistration): void;
  /** @throws AkcError ADAPTER_UNKNOWN, POLICY_DENIED when `allowed` or the mode forbids it. */
  create(id: string, mode: PolicyMode, allowed?: readonly string[]): Adapter;
  readonly ids: readonly string[];
}

export function createAdapterRegistry(registrations: readonly AdapterRegistration[] = []): AdapterRegistry {
  const known = new Map<string, AdapterRegistration>();
  const registry: AdapterRegistry = {
    register(registration) {
      if (known.has(registration.id)) {
        throw new AkcError("ADAPTER_UNKNOWN", {
          message: `an adapter ${registration.id} is registered already`,
        });
      }
      known.set(registration.id, registration);
    },
    create(id, mode, allowed) {
      const registration = known.get(id);
      if (registration === undefined) throw unknownAdapter(id, [...known.keys()]);
      if (allowed !== undefined && !allowed.includes(id)) {
        throw new AkcError("POLICY_DENIED", { message: `runtime adapter not allowed by policy: ${id}` });
      }
      if (registration.modes !== undefined && !registration.modes.includes(mode)) {
        throw new AkcError("POLICY_DENIED", {
          message: `runtime adapter ${id} not allowed for policy_mode=${mode}`,
        });
      }
      return registration.create();
    },
    get ids() {
      return [...known.keys()];
    },
  };
  for (const registration of registrations) registry.register(registration);
  return registry;
}

export function unknownAdapter(id: string, known: readonly string[]): AkcError {
  const choices = ["auto", ...known];
  return new AkcError("ADAPTER_UNKNOWN", {
    message: `unknown runtime adapter: ${id}`,
    hint: `Use ${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}.`,
    details: { adapter: id, known },
  });
}
