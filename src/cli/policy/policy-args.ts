/** The flag of every command that applies the operator's policy. */
export const policyArgs = {
  policy: {
    type: "string",
    valueHint: "FILE",
    description: "The operator's policy; else /etc/akc/policy.yaml where it exists.",
  },
} as const;
