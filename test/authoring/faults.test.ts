import { describe, expect, test } from "bun:test";
import { rules } from "../../src/authoring/rules.ts";
import { faultsOf, head, issuesOf } from "./compiled.ts";

/** `«` stands before what each fault must point at; the text is judged without it. */
interface Case {
  readonly rule: keyof typeof rules;
  /** Behind version, scope and name. */
  readonly text: string;
  /** Words that its message must hold: what is wrong, and what would mend it. */
  readonly says: string;
}

const work = "run: [sh, -c, ls]\n";
const policy = "policy: {programs: [sh], http: [http://127.0.0.1:1]}\n";

const cases: readonly Case[] = [
  { rule: "yaml", text: "steps: {a: {run: [sh]}, «a: {run: [sh]}}\n", says: "unique" },
  { rule: "yaml", text: "steps: «!!js/function x\n", says: "tag" },
  {
    rule: "key-unknown",
    text: `«step: {a: {${work.trim()}}}\nsteps: {a: {run: [sh]}}\n${policy}`,
    says: "did you mean `steps`?",
  },
  {
    rule: "key-unknown",
    text: `steps:\n  a:\n    run: {argv: [sh], «stdln: x}\n${policy}`,
    says: "did you mean `stdin`?",
  },
  { rule: "missing", text: `steps:\n  a:\n    «run: {stdin: x}\n${policy}`, says: "`argv`" },
  { rule: "wrong-type", text: `steps:\n  a:\n    run: «sh -c ls\n${policy}`, says: "such as [git, status]" },
  { rule: "wrong-form", text: `steps:\n  a:\n    run: [sh, «0755]\n${policy}`, says: "put 0755 in quotes" },
  {
    rule: "wrong-form",
    text: `steps:\n  a:\n    run: [sh]\n    timeout: «60\n${policy}`.replace("«60", "«60sec"),
    says: "30s",
  },
  { rule: "wrong-form", text: `steps:\n  «a b: {run: [sh]}\n${policy}`, says: "letters, digits" },
  {
    rule: "wrong-form",
    text: `steps:\n  a:\n    run: [sh]\n    env: {«LD_PRELOAD: x}\n${policy}`,
    says: "LD_PRELOAD",
  },
  {
    rule: "wrong-form",
    text: `steps: {a: {run: [«./deploy.sh]}}\npolicy: {programs: [./deploy.sh]}\n`.replace("[«./", "«[./"),
    says: "absolute path",
  },
  {
    rule: "contradiction",
    text: `steps:\n  «a: {title: nothing}\n${policy}`,
    says: "`run`, `http`, `wait`, `agent`",
  },
  {
    rule: "contradiction",
    text: `steps:\n  «a: {run: [sh], wait: {for: 1s}}\n${policy}`,
    says: "one of them only",
  },
  {
    rule: "contradiction",
    text: `steps:\n  a: {wait: «{for: 1s, signal: x}}\n${policy}`,
    says: "exactly one",
  },
  { rule: "contradiction", text: `steps:\n  a: {wait: {for: 1s}, «env: {A: b}}\n${policy}`, says: "`wait`" },
  {
    rule: "step-unknown",
    text: `steps:\n  build: {run: [sh]}\n  test: {run: [sh], needs: [«biuld]}\n${policy}`,
    says: "did you mean `build`?",
  },
  { rule: "needs-itself", text: `steps:\n  a: {run: [sh], needs: [«a]}\n${policy}`, says: "itself" },
  {
    rule: "need-twice",
    text: `steps:\n  a: {run: [sh]}\n  b: {run: [sh], needs: [a, «{step: a, as: barrier}]}\n${policy}`,
    says: "already",
  },
  {
    rule: "cycle",
    text: `steps:\n  a: {run: [sh], needs: [c]}\n  b: {run: [sh], needs: [«a]}\n  c: {run: [sh], needs: [b]}\n${policy}`,
    says: "a needs c needs b needs a",
  },
  {
    rule: "no-predecessor",
    text: `steps:\n  a: {run: [sh], outputs: [x]}\n  b: {run: [sh], inputs: [«a/x]}\n${policy}`,
    says: "add `a` to `needs`",
  },
  {
    rule: "no-predecessor",
    text: `steps:\n  a: {run: [sh]}\n  b: {run: [sh, «"\${{ steps.a.outputs.stdout }}"]}\n${policy}`,
    says: "add `a` to `needs`",
  },
  {
    rule: "handoff-needed",
    text: `steps:\n  a: {run: [sh], outputs: [x]}\n  b: {run: [sh], needs: [«{step: a, as: barrier}], inputs: [a/x]}\n${policy}`,
    says: "`handoff`",
  },
  {
    rule: "output-unknown",
    text: `steps:\n  a: {run: [sh], outputs: [site.tar]}\n  b: {run: [sh], needs: [a], inputs: [«a/site.tgz]}\n${policy}`,
    says: "did you mean `site.tar`?",
  },
  {
    rule: "bundle-rule",
    text: `steps:\n  a: {run: [sh]}\n  b: {run: [sh, «"\${{ steps.a.outputs.nothing }}"], needs: [a]}\n${policy}`,
    says: "stdout, exit_code",
  },
  { rule: "output-twice", text: `steps:\n  a: {run: [sh], outputs: [x, «x]}\n${policy}`, says: "twice" },
  {
    rule: "role-unknown",
    text: `roles: {builder: {}}\nsteps:\n  a: {run: [sh], role: «bilder}\n${policy}`,
    says: "did you mean `builder`?",
  },
  {
    rule: "name-taken",
    text: `steps:\n  «a: {run: [sh], matrix: {v: [x/y, x-y]}}\n${policy}`,
    says: "a-x-y",
  },
  {
    rule: "name-taken",
    text: `steps:\n  web: {run: [sh]}\nservices: {«web: {process: {command: [sh]}}}\n${policy}`,
    says: "rename one",
  },
  {
    rule: "program-not-listed",
    text: `steps:\n  a: {run: «[git, gc]}\n${policy}`,
    says: "programs: [sh, git]",
  },
  { rule: "program-not-listed", text: `steps:\n  a: {run: «[/bin/sh]}\n${policy}`, says: "/bin/sh" },
  {
    rule: "origin-not-listed",
    text: `steps:\n  a: {http: {url: «http://127.0.0.1:2/x}}\n${policy}`,
    says: "add `http://127.0.0.1:2`",
  },
  {
    rule: "origin-not-listed",
    text: `steps:\n  a: {agent: {delegate: «http://127.0.0.1:1/x}}\n${policy}`,
    says: "policy.agents",
  },
  {
    rule: "method-not-listed",
    text: `steps:\n  a: {http: {url: http://127.0.0.1:1/x, method: «POST}}\n${policy}`,
    says: "methods: [GET, POST]",
  },
  {
    rule: "network-denied",
    text: `roles: {r: {network: «true}}\nsteps:\n  a: {run: [sh], role: r}\n${policy}`,
    says: "policy.network",
  },
  {
    rule: "network-denied",
    text: `roles: {r: {}}\nsteps:\n  a: {http: {url: http://127.0.0.1:1/x}, role: «r}\n${policy}`,
    says: "network: true",
  },
  {
    rule: "file-missing",
    text: `steps:\n  a: {run: {argv: [sh, -s], stdin: {file: «steps/a.sh}}}\n${policy}`,
    says: "steps/a.sh",
  },
  {
    rule: "file-unsafe",
    text: `steps:\n  a: {run: {argv: [sh, -s], stdin: {file: «../a.sh}}}\n${policy}`,
    says: "without `..`",
  },
  { rule: "file-unsafe", text: `steps:\n  a: {run: [sh], outputs: [«.akc/x]}\n${policy}`, says: ".akc" },
  {
    rule: "too-large",
    text: `steps:\n  «a: {run: [sh], matrix: {a: [${"x,".repeat(200)}], b: [${"x,".repeat(200)}]}}\n${policy}`,
    says: "20000 steps",
  },
  {
    rule: "placeholder-unknown",
    text: `steps:\n  a: {run: [sh, «"\${{ matrix.os }}"]}\n${policy}`,
    says: "no `matrix`",
  },
  {
    rule: "placeholder-unknown",
    text: `steps:\n  a: {run: [sh, «"\${{ env.HOME }}"]}\n${policy}`,
    says: "steps.ID.outputs.KEY",
  },
  {
    rule: "placeholder-place",
    text: `steps:\n  b: {run: [sh]}\n  a: {needs: [b], run: [«"\${{ steps.b.outputs.stdout }}"]}\npolicy: {programs: [sh, "\${{ steps.b.outputs.stdout }}"]}\n`,
    says: "written out",
  },
  { rule: "provider-missing", text: "«services: {web: {title: x}}\n", says: "provider: process" },
  {
    rule: "provider-mismatch",
    text: "provider: process\nservices: {web: {process: {command: [sh]}, «systemd: {}}}\n",
    says: "`process`",
  },
  {
    rule: "provider-mismatch",
    text: "provider: systemd\nservices: {web: {systemd: {}, «replicas: 2}}\n",
    says: "`systemd`",
  },
  {
    rule: "service-unknown",
    text: "provider: in_memory\nservices: {web: {needs: [«wep]}}\n",
    says: "did you mean `web`?",
  },
  {
    rule: "cycle",
    text: "provider: in_memory\nservices: {a: {needs: «[b]}, b: {needs: [a]}}\n",
    says: "a, b",
  },
  {
    rule: "bundle-rule",
    text: `steps:\n  a: {run: [sh]}\nbundle:\n  runtime_policy_envelope: {allow_network: «sure}\n${policy}`,
    says: "true or false",
  },
  {
    rule: "bundle-rule",
    text: `steps:\n  a: {run: [sh], node: {properties: {runtime_execution: «{subprocess: {argv: []}}}}}\n${policy}`,
    says: "argv",
  },
  {
    rule: "bundle-rule",
    text: `steps: {a: {run: [sh]}}\nchecks:\n  c: {evidence: x, params: {«windoww: 1}}\n${policy}`.replace(
      "{«windoww: 1}",
      "{windoww: «1}",
    ),
    says: "windoww",
  },
];

function placed(text: string): { readonly text: string; readonly at: string } {
  const marked = `${head}${text}`;
  const before = marked.slice(0, marked.indexOf("«")).split("\n");
  return { text: marked.replace("«", ""), at: `${before.length}:${(before.at(-1) ?? "").length + 1}` };
}

describe("a fault is told with its place, its rule and what would mend it", () => {
  for (const { rule, text, says } of cases) {
    test(`${rule}: ${text.split("«")[1]?.split("\n")[0]?.slice(0, 40)}`, () => {
      const { text: judged, at } = placed(text);
      const issues = issuesOf(judged);
      expect(issues.map((issue) => `${issue.line}:${issue.column} ${issue.rule}`)).toEqual([`${at} ${rule}`]);
      expect(issues[0]?.message).toContain(says);
    });
  }
});

test("every rule but those that only warn has a case", () => {
  const tried = new Set<string>(cases.map(({ rule }) => rule));
  const warnings = ["policy-denies", "parallel-differs", "env-replaced"];
  expect(Object.keys(rules).filter((rule) => !tried.has(rule) && !warnings.includes(rule))).toEqual([]);
});

test("all faults are told at once, in the order of the text, each once", () => {
  const text = `${head}steps:
  a: {run: sh, retires: 1}
  b: {run: [git], needs: [x, a], matrix: {v: [1, 2]}}
  c: {http: {url: nowhere}}
polcy: {}
`;
  expect(faultsOf(text)).toEqual([
    "5:12 wrong-type",
    "5:16 key-unknown",
    "6:12 program-not-listed",
    "6:27 step-unknown",
    "7:19 wrong-form",
    "8:1 key-unknown",
  ]);
});

test("a plan without its first members says which ones it lacks", () => {
  expect(issuesOf("steps: {}\n").map(({ message }) => message)[0]).toContain("`version`, `scope`, `name`");
  expect(faultsOf("")).toEqual(["1:1 yaml"]);
  expect(faultsOf("- a\n")).toEqual(["1:1 yaml"]);
  expect(faultsOf(head)).toEqual(["1:1 missing"]);
});
