/**
 * Deletes live objects, each only if it is the very one that was looked at. Whose they are has been decided before; what is
 * gone already is no error, and nothing waits for an object to be gone.
 */
import { objectAt, textAt } from "../../../bundle/member.ts";
import type { JsonObject } from "../../../json/value.ts";
import { groupKind, listOf, type ObjectRef, stub, wordsFor } from "../object.ts";
import { failureError } from "./failure.ts";
import type { Answer, Asking } from "./kubectl.ts";
import { isComplete, liveRef, uidOf } from "./look.ts";

/** In the order given. @throws AkcError PROVIDER_CONFLICT, PROVIDER_FAILED, TOOL_TIMEOUT */
export async function remove(asking: Asking, objects: readonly JsonObject[], home: string): Promise<void> {
  for (const object of objects) {
    const ref = liveRef(object);
    const { failure } = await removeOne(asking, object, ref, home);
    if (failure !== undefined && !isComplete(failure)) {
      throw failureError(failure, `${wordsFor(ref)} could not be deleted`);
    }
  }
}

function removeOne(asking: Asking, object: JsonObject, ref: ObjectRef, home: string): Promise<Answer> {
  const path = pathOf(ref, textAt(objectAt(object, "metadata"), "namespace"));
  if (path === undefined) {
    // kubectl knows the path of this kind, but takes no precondition: between the look and this call lies no other.
    const elsewhere =
      ref.namespace === undefined || ref.namespace === home ? [] : [`--namespace=${ref.namespace}`];
    return asking.ask({
      args: [...elsewhere, "delete", "--filename=-", "--wait=false", "--ignore-not-found", "--output=name"],
      stdin: listOf([stub(ref, home)]),
      silent: true,
    });
  }
  return asking.ask({
    args: ["delete", `--raw=${path}`, "--filename=-"],
    stdin: {
      apiVersion: "v1",
      kind: "DeleteOptions",
      propagationPolicy: "Background",
      preconditions: { uid: uidOf(object) },
    },
    silent: true,
  });
}

/** Undefined for kinds whose path nobody here knows. */
function pathOf(ref: ObjectRef, namespace: string | undefined): string | undefined {
  const plural = plurals.get(groupKind(ref));
  if (plural === undefined) return undefined;
  const root = ref.apiVersion.includes("/") ? "apis" : "api";
  const place = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `/${root}/${ref.apiVersion}${place}/${plural}/${encodeURIComponent(ref.name)}`;
}

const plurals: ReadonlyMap<string, string> = new Map([
  ["Deployment.apps", "deployments"],
  ["StatefulSet.apps", "statefulsets"],
  ["DaemonSet.apps", "daemonsets"],
  ["ReplicaSet.apps", "replicasets"],
  ["Job.batch", "jobs"],
  ["CronJob.batch", "cronjobs"],
  ["Pod", "pods"],
  ["Service", "services"],
  ["ConfigMap", "configmaps"],
  ["Secret", "secrets"],
  ["Namespace", "namespaces"],
  ["ServiceAccount", "serviceaccounts"],
  ["PersistentVolumeClaim", "persistentvolumeclaims"],
  ["Ingress.networking.k8s.io", "ingresses"],
  ["NetworkPolicy.networking.k8s.io", "networkpolicies"],
  ["Role.rbac.authorization.k8s.io", "roles"],
  ["RoleBinding.rbac.authorization.k8s.io", "rolebindings"],
  ["ClusterRole.rbac.authorization.k8s.io", "clusterroles"],
  ["ClusterRoleBinding.rbac.authorization.k8s.io", "clusterrolebindings"],
  ["PodDisruptionBudget.policy", "poddisruptionbudgets"],
  ["HorizontalPodAutoscaler.autoscaling", "horizontalpodautoscalers"],
]);
