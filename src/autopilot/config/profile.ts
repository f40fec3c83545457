/**
 * What the profiles of the living loop and of environments stand for: their spellings, and the defaults of a controller that nobody
 * attends. Plain data; who is asked for them is decided elsewhere.
 *
 * Source: spec cli §14.2, §15.1, §3.4; cli:W-26.
 */
import * as v from "valibot";
import { type EnvironmentProfile, type Profile, profiles } from "../model.ts";
import type { UnattendedDefaults } from "./model.ts";

const spellings: Readonly<Record<Profile, readonly string[]>> = {
  off: ["", "0", "false", "none", "no", "disabled", "off"],
  living_loop_v1: ["living_loop_v1", "living-loop-v1"],
  living_loop_unattended_v1: ["living_loop_unattended_v1", "living-loop-unattended-v1", "unattended_v1"],
};

/** The profile that a word means, whatever its case; undefined for one that nobody knows. */
export function profileOf(word: string): Profile | undefined {
  const written = word.trim().toLowerCase();
  return profiles.find((profile) => spellings[profile].includes(written));
}

/** A profile as a flag says it. */
export const ProfileText = v.pipe(
  v.string(),
  v.check(
    (word) => profileOf(word) !== undefined,
    `is none of the profiles ${profiles.join(", ")}; it is not taken for off`,
  ),
  v.transform((word): Profile => profileOf(word) ?? "off"),
);

/** A profile as the environment and the project file say it: an unknown one is `off` there, as documented. */
export const LenientProfileText = v.pipe(
  v.string(),
  v.transform((word): Profile => profileOf(word) ?? "off"),
);

const minuteMs = 60_000;

export const unattendedDefaults: Readonly<Record<EnvironmentProfile, UnattendedDefaults>> = {
  dev: {
    intervalMs: 5 * minuteMs,
    mutationsPerDay: 100,
    concurrentRollouts: 3,
    rollbacksPerDay: 40,
    consecutiveFailures: 3,
    rollbacksPerDayBeforeEscalation: 10,
    cooldownAfterFailureMs: 30_000,
    cooldownAfterPolicyDenyMs: minuteMs,
  },
  staging: {
    intervalMs: 10 * minuteMs,
    mutationsPerDay: 40,
    concurrentRollouts: 2,
    rollbacksPerDay: 20,
    consecutiveFailures: 2,
    rollbacksPerDayBeforeEscalation: 8,
    cooldownAfterFailureMs: minuteMs,
    cooldownAfterPolicyDenyMs: 2 * minuteMs,
  },
  prod: {
    intervalMs: 60 * minuteMs,
    mutationsPerDay: 8,
    concurrentRollouts: 1,
    rollbacksPerDay: 4,
    consecutiveFailures: 2,
    rollbacksPerDayBeforeEscalation: 3,
    cooldownAfterFailureMs: 5 * minuteMs,
    cooldownAfterPolicyDenyMs: 10 * minuteMs,
  },
};

/** Where what is delivered goes to: of the environment, and of nothing else (cli:W-26). */
export function deliveryLane(environment: EnvironmentProfile): "production" | "staging" {
  return environment === "prod" ? "production" : "staging";
}
