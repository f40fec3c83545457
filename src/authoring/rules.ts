/**
 * Every rule that a plan can break, by the word that its errors carry. The words never change their meaning; docs/akc-yaml.md
 * lists them. Nothing here checks a rule.
 */
export const rules = {
  yaml: "The text is not the YAML that is read: one document of plain values, no key twice.",
  "key-unknown": "A key that nobody knows here.",
  missing: "A member without which the rest means nothing.",
  "wrong-type": "A value of another type: text for a list, a number for text.",
  "wrong-form":
    "Text, a number or a length of time that has not the form wanted, or lies outside its bounds.",
  contradiction: "Two members that cannot stand together, or none where one is needed.",
  "step-unknown": "`needs`, `inputs` or a placeholder names a step that is not there.",
  "needs-itself": "A step needs itself.",
  "need-twice": "A step is needed twice by the same step.",
  cycle: "Steps, or services, need each other in a circle.",
  "no-predecessor": "`inputs` or a placeholder takes something of a step that does not come before this one.",
  "handoff-needed": "Something is taken of a step over an edge that hands nothing over.",
  "output-unknown": "An input that the step does not put out.",
  "output-twice": "A file is put out, or taken in, twice by the same step.",
  "role-unknown": "A step names a role that is not there.",
  "name-taken": "Two things end up under one name.",
  "program-not-listed": "A step starts a program that `policy.programs` does not list.",
  "origin-not-listed":
    "A step calls an address that `policy.http` (for agents `policy.agents`) does not list.",
  "method-not-listed": "A step uses an HTTP method that `policy.methods` does not list.",
  "network-denied": "A step or a role needs the network and may not use it.",
  "policy-denies": "A warning: what a step does is denied by `policy.deny`, and the run will say so.",
  "parallel-differs": "A warning: roles state different bounds, and the runtime has one, the smallest.",
  "env-replaced":
    "A warning: the runtime sets this variable itself, so that what is written here counts for nothing.",
  "file-missing": "A file that the plan names is not there.",
  "file-unsafe": "A path that leads out of the plan's folder, or out of a step's own.",
  "too-large": "A text, a file or the plan itself is larger than the runtime takes.",
  "placeholder-unknown": "A placeholder is neither `matrix.NAME` nor `steps.ID.outputs.KEY`.",
  "placeholder-place": "A placeholder stands where nothing is filled in.",
  "provider-missing": "There are services, and nobody says which provider makes them stand.",
  "provider-mismatch": "A service speaks to another provider than the plan names; one bundle has one.",
  "service-unknown": "A service needs one that is not there.",
  "bundle-rule": "What `bundle`, `node` or `intent` says makes a bundle that the runtime would refuse.",
} as const;

export type Rule = keyof typeof rules;
