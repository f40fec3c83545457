/**
 * What a form says, read and handed to the one who may say it. Only a form of a page of ours is taken: it brings back the word that the
 * page gave it. It says nothing itself.
 */
import * as v from "valibot";
import type { Word } from "../autopilot/model.ts";
import { isIdentifier } from "../bundle/identifier.ts";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Access } from "./access.ts";
import type { Control, Told } from "./model.ts";
import { rolloutWords } from "./model.ts";

const Scope = {
  tenant: v.pipe(v.string(), v.check(isIdentifier)),
  repo: v.pipe(v.string(), v.check(isIdentifier)),
};
const Name = v.pipe(v.string(), v.check(isIdentifier));
const Reason = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(limits.uiReasonCharsMax));
const autopilotWords = ["pause", "resume", "ack", "approve", "deny"] as const satisfies readonly Word[];

const Answer = v.object({
  ...Scope,
  run: Name,
  signal: Name,
  id: v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/)),
  answer: v.picklist(["approve", "refuse"]),
  reason: Reason,
});
const ToAutopilot = v.object({ ...Scope, answer: v.picklist(autopilotWords), reason: Reason });
const ToRollout = v.object({ ...Scope, rollout: Name, answer: v.picklist(rolloutWords) });

/** What was said: whom it was said to, the word, and what came of it. */
export interface Spoken {
  readonly about: string;
  readonly told: Told;
  /** Address of the page that is about it, below the base. */
  readonly back: string;
}

/** The form's fields. @throws AkcError USAGE */
export async function formOf(request: Request, access: Pick<Access, "isFormWord">): Promise<URLSearchParams> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded(;|$)/i.test(type)) throw refused("it is no form");
  const text = await request.text();
  if (text.length > limits.uiFormBytesMax) throw refused("it is too long");
  const form = new URLSearchParams(text);
  if (!access.isFormWord(form.get("word_of_form") ?? "")) throw refused("it is not of a page of this server");
  return form;
}

/** @param to last part of the path that the form was sent to */
export async function speak(
  control: Control,
  to: string,
  form: URLSearchParams,
): Promise<Spoken | undefined> {
  const fields = Object.fromEntries(form);
  switch (to) {
    case "answer": {
      const { tenant, repo, run, signal, id, answer, reason } = read(Answer, fields);
      const scope = { tenantId: tenant, repoId: repo };
      const approved = answer === "approve";
      return {
        about: `${answer} ${signal} of run ${run} in ${tenant}/${repo}`,
        told: await control.answer({ scope, runtimeRunId: run, signal, approved, reason, id }),
        back: `runs/${[tenant, repo, run].map(encodeURIComponent).join("/")}`,
      };
    }
    case "autopilot": {
      const { tenant, repo, answer, reason } = read(ToAutopilot, fields);
      const scope = { tenantId: tenant, repoId: repo };
      return {
        about: `${answer} autopilot of ${tenant}/${repo}`,
        told: await control.sayToAutopilot({ scope, word: answer, reason }),
        back: "autopilot",
      };
    }
    case "rollout": {
      const { tenant, repo, rollout, answer } = read(ToRollout, fields);
      const scope = { tenantId: tenant, repoId: repo };
      return {
        about: `${answer} rollout ${rollout} in ${tenant}/${repo}`,
        told: await control.sayToRollout({ scope, rolloutId: rollout, word: answer }),
        back: `rollouts/${[tenant, repo, rollout].map(encodeURIComponent).join("/")}`,
      };
    }
    default:
      return undefined;
  }
}

function read<S extends v.GenericSchema>(schema: S, fields: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, fields);
  if (parsed.success) return parsed.output;
  throw refused("a field of it is missing or wrong");
}

function refused(why: string): AkcError {
  return new AkcError("USAGE", {
    message: `the form was refused: ${why}`,
    hint: "Go back, load the page again, and send its form.",
  });
}
