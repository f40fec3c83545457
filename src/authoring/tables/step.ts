/**
 * A step as a table: which members it has, what each may hold and what it means. Reads no reference to anything outside the
 * step; `check/` does.
 */
import { edgeKinds } from "../../coordination/model.ts";
import { limits } from "../../limits.ts";
import { list, map, may, must, named } from "../form/composed.ts";
import { count, lengthOfTime, oneOf, text, word } from "../form/plain.ts";
import { either, made, type ReadBy, verbatim, verbatimMap, wrongForm } from "../form/reader.ts";
import { argv, environment, identifier, idPattern, relativePath, roleName, routeTimeout } from "./words.ts";

const fileOrFiles = map("text, or a map with file", {
  file: must(
    either(relativePath, list(relativePath, { least: 1 })),
    "A file below the plan's folder, or several whose texts are put one after the other. Its text becomes part of the bundle.",
  ),
});

const runForm = map("an argv list, or a map with argv", {
  argv: must(argv, "The program and its arguments. No shell reads them."),
  stdin: may(
    either(text({ least: 0 }), fileOrFiles),
    "What the program reads from its standard input: a text, or `{file: PATH}`. Closed when absent.",
  ),
});

export const run = made(
  either(
    argv,
    runForm,
    "a program with its arguments, such as [git, status], or a map with argv; no shell reads it",
  ),
  (form) => ("argv" in form ? form : { argv: form }),
);

export const http = map("a map with url", {
  method: may(
    text({ pattern: /^[A-Z]+$/, wants: "a method in capital letters, such as GET" }),
    "GET unless said. It must be in `policy.methods`.",
  ),
  url: must(text({ wants: "an absolute URL" }), "The absolute URL. Its origin must be in `policy.http`."),
  headers: may(
    named("the name of a header", /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, word, "a map of headers"),
    "No place for secrets: the bundle is kept as it is.",
  ),
  body: may(verbatim, "A text is sent as it stands, anything else as JSON."),
  body_file: may(relativePath, "A file below the plan's folder whose text is the body, in place of `body`."),
});

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

export const wait = map("a map with approval, signal, for or until", {
  approval: may(
    identifier,
    "The name of an answer that a person gives: `akc runtime signal RUN --name NAME --approve`.",
  ),
  signal: may(identifier, "The name of a signal: `akc runtime signal RUN --name NAME`."),
  for: may(lengthOfTime(1), "A length of time, from when the step begins."),
  until: may(
    made(
      text({ pattern: instant, wants: "a time with a zone, such as 2027-01-01T00:00:00Z" }),
      (time, path, ground) =>
        Number.isNaN(Date.parse(time)) ? wrongForm("is a time that no calendar has", path, ground) : time,
    ),
    "A time with a zone. One that has passed is no wait.",
  ),
  timeout: may(
    lengthOfTime(1),
    "The step fails when nobody has answered by then. Of an approval and a signal only; without it, it waits as long as the run may.",
  ),
});

export const agent = map("a map about the agent's turn", {
  name: may(text(), "The agent that is bound to the role, as the worker is told it."),
  task: may(text(), "What it is to do, in words. The step's title where it is absent."),
  delegate: may(
    text(),
    "The URL of the worker that takes the turn, in place of the operator's own. It must be in `policy.agents`.",
  ),
});

const retriesForm = map("a number, or a map with max", {
  max: must(count(0, limits.stepRetriesMax), "Further tries after the first."),
  delay: may(
    lengthOfTime(0, limits.stepRetryDelayMsMax),
    "Before the first of them; doubled with each. 1 s.",
  ),
  delay_max: may(lengthOfTime(0, limits.stepRetryDelayMsMax), "The longest of these waits. 30 s."),
});

export const retries = made(either(count(0, limits.stepRetriesMax), retriesForm), (form) =>
  typeof form === "number" ? { max: form } : form,
);

const needForm = map("the id of a step, or a map with step", {
  step: must(text(), "The step that comes first; of a matrix, all of its steps."),
  as: may(
    oneOf(edgeKinds),
    "What the edge is: `depends_on` unless files, an output or a text are taken over it, then `handoff`.",
  ),
  to: may(text(), "Of `as: delegate`: whom the work is delegated to."),
  metadata: may(verbatimMap, "Members of the edge's metadata, beside those that akc writes."),
});

export const need = made(either(text(), needForm), (form) =>
  typeof form === "string" ? { step: form } : form,
);

const inputPath = text({ pattern: /^[^/]+\/.+$/, wants: "`step/file`, such as build/site.tar" });

const input = made(
  either(
    inputPath,
    map("`step/file`, or a map with file", {
      file: must(inputPath, "`step/file`: a file that the step puts out."),
      as: may(relativePath, "Where it is put in this step's folder. As it was called unless said."),
    }),
  ),
  (form) => (typeof form === "string" ? { file: form } : form),
);

const matrixValues = list(word, { least: 1, most: limits.planStepsMax });

export const step = map("a map", {
  title: may(text(), "For people: what the step is for."),
  role: may(
    roleName,
    "Who takes it, and thereby what it may touch. `defaults.role` where it is absent, else a role without rights.",
  ),
  needs: may(list(need), "Steps that must have succeeded before."),
  matrix: may(
    named("the name of a value", idPattern, matrixValues, "a map of lists"),
    `One step for each combination of these values, called "step-value"; \${{ matrix.NAME }} stands for the value in every text.`,
  ),
  run: may(run, "Starts a program: an argv list, never a shell. The program must be in `policy.programs`."),
  http: may(http, "Sends one request. The address must be in `policy.http`."),
  wait: may(wait, "Waits for a person, a signal or a time; the wait outlives akc."),
  agent: may(agent, "One turn of an agent worker."),
  env: may(
    environment,
    "Variables for the program of `run`. Nothing of akc's own environment is handed on. No place for secrets.",
  ),
  timeout: may(
    routeTimeout,
    "Of one try. For an agent's turn, rounded up to a second. Of a wait see `wait.timeout`.",
  ),
  retries: may(
    retries,
    "Further tries after a failure that may pass, such as an exit code. The runtime's own number where it is absent: 2.",
  ),
  inputs: may(
    list(input),
    "Files of earlier steps, as `step/file`: they lie in the step's folder when it starts.",
  ),
  outputs: may(
    list(relativePath),
    "Files that the step leaves in its folder: it has failed when one is not there. They are handed over by content.",
  ),
  node: may(verbatimMap, "Merged over the step's node as the bundle has it: all that a node can say."),
});

export type StepForm = ReadBy<typeof step>;
export type NeedForm = ReadBy<typeof need>;
