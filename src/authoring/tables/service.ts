/**
 * A service as a table, and the provider that makes it stand. The sections of single providers are taken over as they are:
 * docs/provider-*.md say what they hold, and the provider judges them.
 */
import { limits } from "../../limits.ts";
import { map, may, must } from "../form/composed.ts";
import { count, lengthOfTime, text } from "../form/plain.ts";
import { either, made, type ReadBy, verbatimMap } from "../form/reader.ts";
import { argv, relativePath, texts } from "./words.ts";

export const health = map("a map with http, tcp or exec", {
  http: may(text(), "A URL that has to answer with a status from 200 to 299."),
  tcp: may(count(1, 65_535), "A port of 127.0.0.1 that has to accept a connection."),
  exec: may(argv, "A program that has to end with exit code 0."),
  interval: may(lengthOfTime(1), "Between two looks. 5 s."),
  timeout: may(lengthOfTime(1), "Of one look. 3 s."),
  initial_delay: may(lengthOfTime(0), "Before the first look."),
  success_threshold: may(count(1, 1_000), "Looks in a row that make it ready. 1."),
  failure_threshold: may(count(1, 1_000), "Looks in a row that make it not ready. 3."),
});

export const service = map("a map", {
  title: may(text(), "For people."),
  provider: may(text(), "The kind of provider, for readers: it must be the plan's own."),
  needs: may(texts, "Services that must stand first."),
  replicas: may(
    count(1, limits.processReplicasMax),
    "Copies. Of provider `process`; elsewhere the manifest says it.",
  ),
  process: may(verbatimMap, "Of provider `process`: docs/provider-process.md."),
  systemd: may(verbatimMap, "Of provider `systemd`: docs/provider-systemd.md."),
  docker_compose: may(
    verbatimMap,
    "Of provider `docker_compose_apply` or `_observe`: docs/provider-compose.md.",
  ),
  kubernetes: may(verbatimMap, "Of provider `kubernetes_apply` or `_observe`: docs/provider-kubernetes.md."),
  settings: may(verbatimMap, "What a provider of a plugin is told: members of `runtime_deployment`."),
  health: may(health, "When a copy is ready. Of provider `process`."),
  ignore: may(texts, "Fields that may differ, as JSON pointers into what `--diff` shows."),
  intent: may(verbatimMap, "Merged over the service's row of `deployment_intents`: all that a row can say."),
});

const providerForm = map("the kind of a provider, or a map with kind", {
  kind: must(text(), "`process`, `systemd`, `docker_compose_apply`, `kubernetes_apply`, … or a plugin's id."),
  manifest: may(
    relativePath,
    "The manifest of docker_compose_apply and kubernetes_apply, below the plan's folder; its digest is written into the bundle.",
  ),
  settings: may(verbatimMap, "Further members of `deployment_provider`, such as `project` or `namespace`."),
});

export const provider = made(either(text(), providerForm), (form) =>
  typeof form === "string" ? { kind: form } : form,
);

export type ServiceForm = ReadBy<typeof service>;
export type HealthForm = ReadBy<typeof health>;
