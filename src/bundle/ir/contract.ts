/**
 * Reads operational contracts: the strict document becomes the normal form that fingerprints are taken over, and the
 * plain data that the kernel works with. Nothing is guessed: a contract that breaks a rule is an issue, not a default.
 *
 * Source: spec bundle §3.3, §7; spec kernel §5.1, §5.2.
 */

import { AkcError } from "../../errors.ts";
import { compareCodePoints } from "../../json/order.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { emptyObject, member, objectAt, objectsAt, requiredText, textAt, textsAt } from "../member.ts";
import type { Contract, RuntimeBudget, Transition, Trigger } from "../model.ts";
import { contractCategories } from "../shape/ir.ts";

/** What the document says, for the kernel. The document must have passed `operationalContract`. */
export function readContract(document: JsonObject): Contract {
  const io = objectAt(document, "io_contract");
  const category = readCategory(document);
  const machine = member(document, "state_machine");
  const budget = member(document, "runtime_budget");
  const acceptance = member(document, "acceptance");
  return {
    contractId: requiredText(document, "contract_id"),
    category,
    triggers: objectsAt(document, "triggers").map(readTrigger),
    inputKeys: textsAt(io, "input_keys"),
    outputKeys: textsAt(io, "output_keys"),
    transitions:
      category === "runtime" && isJsonObject(machine)
        ? objectsAt(machine, "transitions").map(readTransition)
        : [],
    ...(isJsonObject(machine) ? { initialState: requiredText(machine, "initial_state") } : {}),
    ...(isJsonObject(budget) ? { budget: readBudget(budget) } : {}),
    ...(isJsonObject(acceptance) ? { acceptance } : {}),
  };
}

/** The document as its fingerprint sees it: ids trimmed, triggers and transitions by id, nothing that is null. */
export function normalContract(document: JsonObject): JsonObject {
  const machine = member(document, "state_machine");
  const io = objectAt(document, "io_contract");
  const schema = member(io, "schema");
  const budget = member(document, "runtime_budget");
  const acceptance = member(document, "acceptance");
  return {
    contract_id: requiredText(document, "contract_id"),
    contract_category: readCategory(document),
    triggers: byId(objectsAt(document, "triggers").map(normalTrigger), "trigger_id"),
    io_contract: {
      input_keys: textsAt(io, "input_keys"),
      output_keys: textsAt(io, "output_keys"),
      ...(isJsonObject(schema) ? { schema } : {}),
    },
    ...(isJsonObject(machine) ? { state_machine: normalMachine(machine) } : {}),
    ...(isJsonObject(budget) ? { runtime_budget: normalBudget(budget) } : {}),
    ...(isJsonObject(acceptance) ? { acceptance } : {}),
  };
}

function readCategory(document: JsonObject): Contract["category"] {
  const word = requiredText(document, "contract_category").toLowerCase();
  const category = contractCategories.find((known) => known === word);
  if (category === undefined)
    throw new AkcError("INTERNAL", { message: "a contract's category was not checked" });
  return category;
}

function readTrigger(document: JsonObject): Trigger {
  const source = requiredText(document, "source");
  return {
    triggerId: requiredText(document, "trigger_id"),
    source,
    eventType: textAt(objectAt(document, "details"), "event_type") ?? source,
  };
}

function readTransition(document: JsonObject): Transition {
  const triggerId = textAt(document, "trigger_id");
  const guard = member(document, "guard");
  return {
    transitionId: requiredText(document, "transition_id"),
    fromState: requiredText(document, "from_state"),
    toState: requiredText(document, "to_state"),
    ...(triggerId === undefined ? {} : { triggerId }),
    ...(isJsonObject(guard) ? { guard } : {}),
  };
}

function readBudget(document: JsonObject): RuntimeBudget {
  const maxSeconds = asDouble(member(document, "max_seconds"));
  const maxSteps = asDouble(member(document, "max_steps"));
  const maxTokens = asDouble(member(document, "max_tokens"));
  return {
    ...(maxSeconds === undefined ? {} : { maxSeconds }),
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
  };
}

function normalTrigger(document: JsonObject): JsonObject {
  const details = member(document, "details");
  return {
    trigger_id: requiredText(document, "trigger_id"),
    source: requiredText(document, "source"),
    details: isJsonObject(details) ? details : emptyObject,
  };
}

function normalMachine(document: JsonObject): JsonObject {
  return {
    initial_state: requiredText(document, "initial_state"),
    transitions: byId(objectsAt(document, "transitions").map(normalTransition), "transition_id"),
  };
}

function normalTransition(document: JsonObject): JsonObject {
  const { triggerId, guard, ...ends } = readTransition(document);
  return {
    transition_id: ends.transitionId,
    from_state: ends.fromState,
    to_state: ends.toState,
    ...(triggerId === undefined ? {} : { trigger_id: triggerId }),
    ...(guard === undefined ? {} : { guard }),
  };
}

function normalBudget(document: JsonObject): JsonObject {
  const limits: Record<string, JsonValue> = {};
  for (const key of ["max_seconds", "max_steps", "max_tokens"]) {
    const value = member(document, key);
    if (value !== undefined) limits[key] = wholeNumber(value);
  }
  return limits;
}

/** `30.0` is the whole number 30 in the normal form. */
function wholeNumber(value: JsonValue): JsonValue {
  return typeof value === "bigint" ? value : (asDouble(value) ?? value);
}

function byId(items: readonly JsonObject[], key: string): readonly JsonObject[] {
  return items.toSorted((a, b) => compareCodePoints(requiredText(a, key), requiredText(b, key)));
}
