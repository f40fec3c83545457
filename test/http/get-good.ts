/** A process of its own for the TLS tests: asks https://good.test at the port given and prints the status or the code. */
import { AkcError } from "../../src/errors.ts";
import { ask } from "./servers.ts";

const url = `https://good.test:${process.argv[2]}/`;
const said = await ask(url, { resolve: async () => ["127.0.0.1"] }).then(
  ({ status }) => String(status),
  (error: unknown) => (error instanceof AkcError ? error.code : "unknown"),
);
process.stdout.write(said);
