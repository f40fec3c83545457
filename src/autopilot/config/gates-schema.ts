/** The section `gates` of the configuration file: what must be open before anything is changed. Schemas only. */
import * as v from "valibot";
import { choice, described, list } from "./composed.ts";
import {
  count,
  lengthOfTime,
  Moment,
  Path,
  Ratio,
  Switch,
  TimeOfDay,
  TimeZone,
  Word,
  weekdays,
} from "./words.ts";

const PromotionGate = v.pipe(
  v.strictObject(
    {
      require: described(
        choice(["when_mutating", "packet", "signed"]),
        "when_mutating: as `akc runtime start` asks for a promotion packet. packet: always. signed: with a signature of one of the keys.",
      ),
      public_keys: described(list(Path), "Files with ed25519 public keys."),
      max_age: described(lengthOfTime(1_000), "Packets that are older are refused."),
    },
    "must be a map about promotion",
  ),
  v.check(
    ({ require, public_keys }) => require !== "signed" || (public_keys ?? []).length > 0,
    "requires signed packets and names no public_keys",
  ),
);

const SloGate = v.strictObject(
  {
    enabled: described(Switch, "Whether the scope's own score must be good enough."),
    min_rollouts: described(
      count(0, 100_000),
      "With fewer rollouts in the window the history is insufficient.",
    ),
    min_policy_compliance_rate: described(Ratio, "From 0 to 1."),
    min_rollback_success_rate: described(Ratio, "From 0 to 1."),
    max_change_instability: described(Ratio, "Rollouts with a rollback, of all; from 0 to 1."),
    insufficient_history: described(
      choice(["hold", "allow"]),
      "What too short a history means. hold keeps a new scope waiting until a person changes it.",
    ),
  },
  "must be a map about the SLO gate",
);

const Window = v.strictObject(
  {
    days: v.pipe(
      list(choice(weekdays)),
      v.minLength(1, "must name a day"),
      v.description("Days on which it begins."),
    ),
    from: v.pipe(TimeOfDay, v.description('Such as "22:00".')),
    to: v.pipe(TimeOfDay, v.description('Such as "04:00"; up to `from` it is on the next day.')),
    time_zone: described(TimeZone, "Of the IANA list; else UTC."),
  },
  "must be a map with days, from and to",
);

const Freeze = v.pipe(
  v.strictObject(
    {
      from: v.pipe(Moment, v.description('Such as "2027-12-20T18:00:00Z".')),
      to: v.pipe(Moment, v.description("Its end.")),
      reason: v.pipe(Word, v.description("For whoever asks why nothing happens.")),
      repairs: described(Switch, "Whether repairs wait as well; else they do not."),
    },
    "must be a map with from, to and reason",
  ),
  v.check(({ from, to }) => from < to, "ends before it begins"),
);

export const GatesSection = v.strictObject(
  {
    promotion: described(PromotionGate, "The promotion packet."),
    slo: described(SloGate, "The scope's own score."),
    windows: described(list(Window), "Maintenance windows: outside of all of them nothing is rolled out."),
    freezes: described(list(Freeze), "Nothing is rolled out within one."),
    approval: described(
      choice(["never", "rollouts", "always"]),
      "What waits for `akc autopilot approve`: nothing, rollouts, or repairs as well.",
    ),
  },
  "must be a map of gates",
);
