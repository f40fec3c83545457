/** `akc validate schema`: the JSON schema of a registry of validator bindings, for editors and for checks elsewhere. */
import { bindingsSchemaText } from "../../validation/bindings/json-schema.ts";
import { command } from "../command.ts";

export const schema = command({
  path: "validate schema",
  summary: "Print the JSON schema of a registry of validator bindings.",
  notes: ["Which fields need or exclude each other is not in it: `akc validate bindings` checks that, too."],
  examples: [
    {
      command: "akc validate schema > validator_bindings.schema.json",
      says: "For an editor: begin the registry with `# yaml-language-server: $schema=validator_bindings.schema.json`.",
    },
  ],
  exits: [0],
  args: {},
  async run(_args, session) {
    const text = bindingsSchemaText();
    await session.print({ data: JSON.parse(text), text: () => text });
    return 0;
  },
});
