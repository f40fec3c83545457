/**
 * The configuration that a new service begins with: it looks, records and says, and changes nothing. Pure text.
 * Its shape is that of src/autopilot/config; a test reads it with that reader.
 */
import type { ManagerKind } from "./unit.ts";

export interface ExamplePlaces {
  readonly outputsRoot: string;
  /** Where it can be looked at. */
  readonly socket: string;
}

/** @param home and `uid` of the user, for a service of a user's manager */
export function examplePlaces(manager: ManagerKind, home: string, uid: number): ExamplePlaces {
  if (manager === "system") return { outputsRoot: "/var/lib/akc/outputs", socket: "/run/akc/autopilot.sock" };
  return { outputsRoot: `${home}/.local/state/akc/outputs`, socket: `/run/user/${uid}/akc/autopilot.sock` };
}

export function exampleConfig({ outputsRoot, socket }: ExamplePlaces): string {
  return `# The autopilot's configuration; docs/autopilot.md says what there is. \`systemctl reload akc-autopilot\` reads it again.
version: 1
outputs_root: ${outputsRoot}

# observe: look, record and say. propose: also write plans and wait for a person. enforce: do it, behind the gates.
mode: observe
env_profile: prod

scopes:
  discover: true
  # overrides:
  #   acme/shop: { mode: enforce }

listen:
  unix: ${socket}

# Signed triggers; with LoadCredential=webhook-secret:… in the unit.
# webhook:
#   credential: webhook-secret

# How long a stop may take before what is under way is cut off.
drain: 60s
`;
}
