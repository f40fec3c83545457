/** `akc bundle validate`: everything that is wrong with a bundle, without running anything. */
import { prepareRun } from "../../run/prepare.ts";
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { facts } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { bundlePath } from "./bundle-path.ts";

export const validate = command({
  path: "bundle validate",
  summary: "Say everything that is wrong with a bundle.",
  notes: [
    "Checks what `start` checks before it starts anything: the document, the hashes and scopes of the files that it refers to, its coordination and governance, and that the operator's policy can be applied.",
  ],
  examples: [
    { command: "akc bundle validate release.json", says: "Every issue with its JSON pointer, or `valid`." },
    { command: "akc bundle validate release.json -o json | jq '.issues[]'", says: "For a program." },
  ],
  exits: [0, 2],
  args: {
    bundle: { type: "positional", required: true, valueHint: "FILE", description: "The bundle." },
    bundleSha256: { type: "string", valueHint: "SHA256", description: "Fingerprint that it must have." },
    ...policyArgs,
  },
  async run(args, session) {
    const { bundle, policy } = await prepareRun({
      bundlePath: bundlePath(args.bundle),
      mode: "simulate",
      adapter: "auto",
      ...(args.bundleSha256 === undefined ? {} : { expectedSha256: args.bundleSha256 }),
      ...(args.policy === undefined ? {} : { policyPath: args.policy }),
    });
    const warnings = [
      ...bundle.warnings,
      ...policy.unresolvedPolicyIds.map((id) => ({
        path: "/intent_policy_projection/policies",
        message: `policy "${id}" cannot be applied: enforce and canary refuse the bundle until it has explicit lists`,
      })),
    ];
    await session.print({
      data: {
        kind: "BundleValidation",
        valid: true,
        path: bundle.path,
        sha256: bundle.sha256,
        schema_version: bundle.schemaVersion,
        warnings: warnings.map((warning) => ({ ...warning })),
      },
      text: () =>
        facts([
          ["valid", printable(bundle.path)],
          ["sha256", bundle.sha256],
          ["scope", `${bundle.scope.tenantId}/${bundle.scope.repoId}`],
          ["run_id", bundle.runId],
          ...warnings.map((warning): [string, string] => [
            "warning",
            printable(`${warning.path}: ${warning.message}`),
          ]),
        ]),
    });
    return 0;
  },
});
