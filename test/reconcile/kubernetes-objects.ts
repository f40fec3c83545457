/** What the tests of the Kubernetes provider want to stand: resources of a bundle, and objects of a manifest. */
import { sha256Hex } from "../../src/json/fingerprint.ts";
import type { JsonObject } from "../../src/json/value.ts";
import type { DesiredResource } from "../../src/providers/contract.ts";

export function resource(
  resourceId: string,
  version = "1",
  dependsOn: readonly string[] = [],
): DesiredResource {
  const intent = { node_id: resourceId, version };
  return {
    resourceId,
    resourceClass: "service",
    name: resourceId,
    desiredHash: sha256Hex(`${resourceId} ${version}`),
    intent,
    settings: {},
    dependsOn,
  };
}

export interface DeploymentOptions {
  readonly image?: string;
  readonly replicas?: number;
  readonly labels?: JsonObject;
}

export function deployment(
  name: string,
  { image = "shop:1", replicas = 3, labels = {} }: DeploymentOptions = {},
): JsonObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: "app", image, ports: [{ containerPort: 8080 }] }] },
      },
    },
  };
}

export function service(name: string, port = 80): JsonObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port, targetPort: 8080 }] },
  };
}

export function configMap(name: string, data: JsonObject, metadata: JsonObject = {}): JsonObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data };
}
