/**
 * The faults of a coordination spec, each with the class name and the text that other tools know it by.
 * It only builds errors; whether something is a fault is decided where it is read.
 *
 * Source: spec kernel §11.5.
 */
import { AkcError, type ErrorDetails } from "../errors.ts";

export type CoordinationErrorClass =
  | "ValueError"
  | "CoordinationParseError"
  | "CoordinationReservedEdgeRequiresSpecV2"
  | "CoordinationUnsupportedEdgeKind";

/** An AkcError COORDINATION_INVALID whose `details.errorClass` is `errorClass`. */
export function invalid(
  errorClass: CoordinationErrorClass,
  message: string,
  details: ErrorDetails = {},
): AkcError {
  return new AkcError("COORDINATION_INVALID", { message, details: { errorClass, ...details } });
}
