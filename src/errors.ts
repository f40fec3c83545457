/**
 * The one error class of akc and the one list of its codes.
 * A code is for programs and never changes its meaning; the message is for people and is never matched.
 */

/** What an error means for whoever must react to it. */
export type ErrorClass =
  | "usage"
  | "denied"
  | "terminal"
  | "retryable"
  | "inconclusive"
  | "conflict"
  | "internal";

interface CodeEntry {
  readonly class: ErrorClass;
  /** First line for people: what happened, in one clause without a full stop. */
  readonly message: string;
  /** What to do next. */
  readonly hint: string;
  /** Process exit code, where it differs from the class's own (see `exitCodeOf`). */
  readonly exit?: number;
}

export const errorCodes = {
  // cli
  USAGE: {
    class: "usage",
    message: "the command line is not understood",
    hint: "Run the command with --help to see its flags.",
  },
  ENVIRONMENT_REFUSED: {
    class: "denied",
    message: "the environment steers the runtime below akc",
    hint: "Unset the variables named.",
  },
  INTERNAL: {
    class: "internal",
    message: "akc met a fault of its own",
    hint: "Please report this with the command and the text below.",
  },
  INTERRUPTED: {
    class: "terminal",
    message: "interrupted",
    hint: "Nothing is left running; the run's record says how far it came.",
    exit: 130,
  },
  PROJECT_FILE_INVALID: {
    class: "usage",
    message: "the project file of the working directory is not valid",
    hint: "Mend it, or start akc in another directory.",
  },
  // json
  JSON_SYNTAX: {
    class: "usage",
    message: "the text is not JSON",
    hint: "Mend the text at the line and column shown.",
  },
  JSON_DUPLICATE_KEY: {
    class: "usage",
    message: "an object has the same key twice",
    hint: "Remove one of the two members.",
  },
  JSON_LONE_SURROGATE: {
    class: "usage",
    message: "a string holds half of a surrogate pair",
    hint: "Write the character whole, or remove the escape.",
  },
  JSON_NOT_FINITE: {
    class: "usage",
    message: "a number is not finite",
    hint: "NaN, Infinity and overflowing numbers have no JSON form: use null or a string.",
  },
  JSON_TOO_DEEP: { class: "usage", message: "the JSON is nested too deeply", hint: "Flatten the document." },
  JSON_TOO_LARGE: {
    class: "usage",
    message: "the JSON text is too large",
    hint: "Split the document; the limit is in the details.",
  },
  JSON_NOT_UTF8: {
    class: "usage",
    message: "the text is not valid UTF-8",
    hint: "Save the file as UTF-8 without a byte-order mark.",
  },
  // files
  FILE_NOT_FOUND: { class: "usage", message: "the file does not exist", hint: "Check the path." },
  FILE_UNREADABLE: {
    class: "usage",
    message: "the file cannot be read",
    hint: "Check that it is a regular file and its permissions.",
  },
  FILE_TOO_LARGE: {
    class: "terminal",
    message: "the file is larger than allowed",
    hint: "Make less of it.",
  },
  FILE_EXISTS: {
    class: "usage",
    message: "there is a file of this name already",
    hint: "Choose another name, or replace it with --force.",
  },
  PATH_UNSAFE: {
    class: "denied",
    message: "a path leads outside the place it must stay in",
    hint: "Use a relative path without '..' and without symbolic links that lead outside.",
  },
  DISK_FULL: {
    class: "terminal",
    message: "the disk is full",
    hint: "Free some space, then start again, or go on with the run by `akc runtime resume`; nothing was half-written.",
  },
  OUTPUTS_UNWRITABLE: {
    class: "usage",
    message: "the outputs root cannot be written",
    hint: "Check its permissions and its mount, or choose another --outputs-root.",
  },
  SYSTEM_REFUSED: {
    class: "terminal",
    message: "the operating system refused something that akc needs",
    hint: "See errno and path; permissions, limits and mounts are the usual reasons.",
  },
  // plans that people write
  PLAN_INVALID: {
    class: "usage",
    message: "the plan is not valid",
    hint: "Mend every fault listed; docs/akc-yaml.md says what each member means and what each rule wants.",
  },
  // bundle
  BUNDLE_INVALID: {
    class: "usage",
    message: "the bundle is not valid",
    hint: "Mend every issue listed; `akc bundle validate FILE` checks again without running anything.",
  },
  BUNDLE_NOT_OBJECT: {
    class: "usage",
    message: "the bundle is not a JSON object",
    hint: "A runtime bundle is one JSON object.",
  },
  BUNDLE_SCHEMA_UNSUPPORTED: {
    class: "usage",
    message: "the bundle's schema_id is not known",
    hint: "Use akc:runtime_bundle:v1 to v4.",
  },
  BUNDLE_HASH_MISMATCH: {
    class: "denied",
    message: "the bundle is not the one that was expected",
    hint: "Compare with `akc bundle hash FILE`; somebody changed the file, or the digest is of another one.",
  },
  BUNDLE_SCOPE_MISMATCH: {
    class: "denied",
    message: "something the bundle refers to belongs to another scope",
    hint: "tenant_id, repo_id and run_id must agree in all files of one bundle.",
  },
  IR_PARSE: {
    class: "usage",
    message: "the IR document is not valid",
    hint: "Recompile the bundle; the details name each issue.",
  },
  IR_FINGERPRINT_MISMATCH: {
    class: "denied",
    message: "the IR document is not the one the bundle was made with",
    hint: "Recompile the bundle, or restore the file.",
  },
  IR_REQUIRED_NOT_LOADED: {
    class: "usage",
    message: "the bundle takes its desired state from an IR that is not there",
    hint: "Ship the IR file beside the bundle or embed it (system_ir).",
  },
  COORDINATION_INVALID: {
    class: "usage",
    message: "the coordination spec is not valid",
    hint: "verify coordination_ref / coordination_spec and spec_hashes",
  },
  COORDINATION_CYCLE: {
    class: "usage",
    message: "coordination precedence graph has a cycle",
    hint: "Remove one of the edges listed; steps on a cycle can never start.",
  },
  COORDINATION_HASH_MISMATCH: {
    class: "denied",
    message: "the coordination spec is not the one the bundle was made with",
    hint: "verify coordination_ref / coordination_spec and spec_hashes",
  },
  COORDINATION_FILE_MISSING: {
    class: "usage",
    message: "the coordination file is missing",
    hint: "verify coordination_ref / coordination_spec and spec_hashes",
  },
  COORDINATION_STEP_UNRESOLVED: {
    class: "usage",
    message: "a coordination step has no IR node to run",
    hint: "Give the step an ir_node_id in the orchestration file.",
  },
  COORD_CONTRACT_INVALID: {
    class: "usage",
    message: "the coordination execution contract is not valid",
    hint: "Both caps must be whole numbers of at least 1.",
  },
  ORCHESTRATION_HASH_MISMATCH: {
    class: "denied",
    message: "the orchestration file is not the one the bundle was made with",
    hint: "Recompile the bundle, or restore the file.",
  },
  GOVERNANCE_EXCEEDED: {
    class: "denied",
    message: "the plan exceeds its own governance",
    hint: "Raise the limit in the coordination spec's governance, or make the plan smaller.",
  },
  INTENT_INVALID: {
    class: "denied",
    message: "the bundle's intent cannot be verified",
    hint: "Check the intent store, or drop --strict-intent-authority if the operator's policy allows it.",
  },
  // policy
  POLICY_FILE_INVALID: {
    class: "usage",
    message: "the operator's policy file is not valid",
    hint: "Mend the line shown; `akc policy explain` shows the effect.",
  },
  POLICY_UNKNOWN: {
    class: "denied",
    message: "the bundle names policies that akc cannot apply",
    hint: "Give each policy an explicit list in its metadata: runtime_allow_actions or runtime_deny_actions.",
  },
  POLICY_DENIED: {
    class: "denied",
    message: "the policy does not allow this",
    hint: "See the decision with `akc policy explain --bundle B --action A`.",
  },
  CONTAINMENT_UNAVAILABLE: {
    class: "denied",
    message: "this host cannot give the containment that the policy requires",
    hint: "Use a kernel with Landlock (5.13 or newer), or lower `containment` in the operator's policy.",
  },
  EFFECT_REQUIRED: {
    class: "denied",
    message: "the action has nothing to execute",
    hint: "Give it a route (subprocess or http), or run without --require-effects.",
  },
  // routes
  ROUTE_MALFORMED: {
    class: "terminal",
    message: "the action's route is malformed",
    hint: "Mend runtime_execution on the node or its contract.",
  },
  ROUTE_NOT_ALLOWED: {
    class: "denied",
    message: "the bundle does not allow this route",
    hint: "Add the route kind to workflow_execution_contract.allowed_routes.",
  },
  SUBPROCESS_DISABLED: {
    class: "denied",
    message: "subprocess execution is not enabled",
    hint: "Set runtime_execution.allow_subprocess in the bundle.",
  },
  SUBPROCESS_ALLOWLIST_EMPTY: {
    class: "denied",
    message: "the bundle allows no executable",
    hint: "Fill runtime_execution.subprocess_allowlist in the bundle.",
  },
  SUBPROCESS_NOT_ALLOWED: {
    class: "denied",
    message: "the bundle does not allow this executable",
    hint: "Add it to `policy.programs` of akc.yaml (runtime_execution.subprocess_allowlist of a bundle), and to `subprocess` in the operator's policy.",
  },
  SUBPROCESS_NOT_FOUND: {
    class: "terminal",
    message: "the executable does not exist",
    hint: "Install it, or write its absolute path.",
  },
  SUBPROCESS_SPAWN_FAILED: {
    class: "terminal",
    message: "the process could not be started",
    hint: "Check that the file is executable and of this machine's kind.",
  },
  SUBPROCESS_EXIT: {
    class: "retryable",
    message: "the process failed",
    hint: "Its output is in the action's result; stderr usually says why.",
  },
  SUBPROCESS_TIMEOUT: {
    class: "retryable",
    message: "the process did not end in time and was killed",
    hint: "Raise timeout_ms, or find out what it waits for.",
  },
  SUBPROCESS_OUTPUT_LIMIT: {
    class: "terminal",
    message: "the process wrote more output than it may",
    hint: "Write large results to a file in the working directory instead of stdout.",
  },
  // what steps hand on
  STEP_OUTPUT_MISSING: {
    class: "terminal",
    message: "the step ended well and did not leave a file that it is to leave",
    hint: "Let the program write it below its working folder, under the very path of runtime_execution.files.outputs, or take it off that list.",
  },
  STEP_OUTPUT_UNSAFE: {
    class: "terminal",
    message: "a file that the step is to leave is no regular file of its working folder",
    hint: "Leave a copy instead of a symbolic link, a folder, a pipe or a device; pack a folder into one file.",
  },
  STEP_OUTPUT_TOO_LARGE: {
    class: "terminal",
    message: "the step leaves more than may be handed on",
    hint: "Leave less, pack it, or keep large data in a store of its own and hand on its name.",
  },
  STEP_INPUT_MISSING: {
    class: "terminal",
    message: "the step before left no such file on record",
    hint: "Run that step again: akc runtime resume RUN --from STEP.",
  },
  STEP_INPUT_DAMAGED: {
    class: "terminal",
    message: "a file that is handed to the step is not what was recorded of it",
    hint: "Look with akc runtime verify RUN; then run the step that left it again: akc runtime resume RUN --from STEP.",
  },
  STEP_INPUT_CLASH: {
    class: "terminal",
    message: "something else stands where a file that is handed to the step belongs",
    hint: 'Give the input another name with "as".',
  },
  STEP_HANDOVER_UNSUPPORTED: {
    class: "terminal",
    message: "this adapter neither moves files between steps nor fills placeholders in",
    hint: "Run the bundle with --adapter local_depth, or take runtime_execution.files and placeholders off the step.",
  },
  PLACEHOLDER_UNRESOLVED: {
    class: "terminal",
    message: "a placeholder names something that the step before did not put out",
    hint: "Look what it put out with akc runtime events RUN; docs/step-files.md lists the keys.",
  },
  PLACEHOLDER_VALUE_REFUSED: {
    class: "terminal",
    message: "the value of a placeholder may not stand there",
    hint: "Hand it on as a file (runtime_execution.files), or let the step before put out something shorter or plainer.",
  },
  HTTP_DISABLED: {
    class: "denied",
    message: "HTTP execution is not enabled",
    hint: "Set runtime_execution.allow_http in the bundle.",
  },
  HTTP_ALLOWLIST_EMPTY: {
    class: "denied",
    message: "the bundle allows no HTTP target",
    hint: "Fill runtime_execution.http_allowlist in the bundle.",
  },
  HTTP_METHOD_DENIED: {
    class: "denied",
    message: "the bundle does not allow this HTTP method",
    hint: "Add it to runtime_execution.http_method_allowlist.",
  },
  HTTP_URL_DENIED: {
    class: "denied",
    message: "the URL is not allowed",
    hint: "Add the origin to http_allowlist in the bundle, the envelope and the operator's policy.",
  },
  HTTP_ADDRESS_DENIED: {
    class: "denied",
    message: "the host's address is private, loopback, link-local or a metadata service",
    hint: "Name the address itself in http_allowlist if it is meant.",
  },
  HTTP_REDIRECT_REFUSED: {
    class: "terminal",
    message: "the server redirected to a place that is not allowed",
    hint: "Allow the target, or call it directly.",
  },
  HTTP_BODY_TOO_LARGE: {
    class: "denied",
    message: "the request body is larger than allowed",
    hint: "Raise runtime_execution.http_max_body_bytes.",
  },
  HTTP_RESPONSE_TOO_LARGE: {
    class: "terminal",
    message: "the response is larger than allowed",
    hint: "Raise runtime_execution.http_max_response_bytes.",
  },
  HTTP_STATUS: {
    class: "retryable",
    message: "the server answered with an error status",
    hint: "The response's beginning is in the action's result.",
  },
  HTTP_TIMEOUT: {
    class: "retryable",
    message: "the server did not answer in time",
    hint: "Raise timeout_ms, or look at the server.",
  },
  HTTP_UNREACHABLE: {
    class: "retryable",
    message: "the server could not be reached",
    hint: "Check that it runs and that the address is right.",
  },
  HTTP_TLS_UNTRUSTED: {
    class: "terminal",
    message: "the server's certificate is not trusted",
    hint: "Check the server's name and chain; a private authority is trusted with NODE_EXTRA_CA_CERTS=FILE.",
  },
  HTTP_NETWORK_DENIED: {
    class: "denied",
    message: "the step has no network permission",
    hint: "Allow it in all of runtime_policy_envelope.allow_network, governance and the role's profile.",
  },
  AGENT_WORKER_FAILED: {
    class: "retryable",
    message: "the agent worker failed",
    hint: "Its error token is in the action's result.",
  },
  // kernel
  ADAPTER_UNKNOWN: {
    class: "usage",
    message: "there is no adapter of this id",
    hint: "Use native, local_depth, or a registered one.",
  },
  ADAPTER_CAPABILITY_MISSING: {
    class: "usage",
    message: "the bundle needs what its adapter cannot do",
    hint: "Choose an adapter that can, or take it out of runtime_execution.required_adapter_capabilities.",
  },
  ADAPTER_FAILED: {
    class: "retryable",
    message: "the adapter failed",
    hint: "See the cause; the action is retried while attempts are left.",
  },
  CONTRACT_INPUT_MISSING: {
    class: "terminal",
    message: "the action's input lacks keys that its contract names",
    hint: "Mend io_contract.input_keys, or the event's payload.",
  },
  CONTRACT_OUTPUT_MISSING: {
    class: "terminal",
    message: "the action's output lacks keys that its contract names",
    hint: "Mend io_contract.output_keys, or what the action returns.",
  },
  BUDGET_EXCEEDED: {
    class: "terminal",
    message: "the action ran out of its budget",
    hint: "Raise runtime_budget in its contract, or make the action smaller.",
  },
  RUN_BUDGET_EXCEEDED: {
    class: "terminal",
    message: "the run used up what its intent allows it",
    hint: "Raise operating_bounds of the intent (max_steps, max_input_tokens, max_output_tokens), or plan less.",
  },
  TRIGGER_LOOP: {
    class: "terminal",
    message: "a node was triggered too often by events of its own run",
    hint: "Contracts feed each other's triggers: narrow a trigger's source, or guard the transition.",
  },
  RUN_DEADLINE: {
    class: "terminal",
    message: "the run reached its deadline",
    hint: "Raise --deadline, or operating_bounds.max_seconds of the intent.",
  },
  ACTION_INTERRUPTED: {
    class: "terminal",
    message: "the action was under way each time that akc itself was cut off",
    hint: "It may be what ends the host or akc: look at memory and at what it does before trying again.",
  },
  WAIT_TIMEOUT: {
    class: "terminal",
    message: "the signal did not come in time",
    hint: "Send it with `akc runtime signal`, then run the step again with `akc runtime resume RUN --from STEP`.",
  },
  APPROVAL_REFUSED: {
    class: "denied",
    message: "the approval was refused",
    hint: "See who refused and why in the action's event.",
  },
  CANCELLED: {
    class: "terminal",
    message: "the action was cancelled",
    hint: "The run was stopped while it was under way.",
  },
  PREDECESSOR_FAILED: {
    class: "terminal",
    message: "a step it depends on did not succeed",
    hint: "Mend the step named, then start again.",
  },
  EVIDENCE_EXPECTATION_UNMET: {
    class: "terminal",
    message: "the run lacks evidence that it was expected to leave",
    hint: "See evidence_expectation_violations in runtime_run.json.",
  },
  PROVIDER_UNAVAILABLE: {
    class: "denied",
    message: "the bundle's deployment provider is not available",
    hint: "Install the provider, or run the bundle with --mode simulate.",
  },
  PROVIDER_GATED: {
    class: "denied",
    message: "the operator has not opened the gate of the bundle's deployment provider",
    hint: "Set the environment variable named in `gate`, or run the bundle with --mode simulate.",
  },
  PROVIDER_CONTRACT_UNMET: {
    class: "denied",
    message: "what the bundle demands of its deployment provider is not given here",
    hint: "Mend every point listed, or deployment_provider_contract in the bundle.",
  },
  PROMOTION_REFUSED: {
    class: "denied",
    message: "the compile run of this bundle was not promoted to be applied",
    hint: "Promote the compile run (promotion_mode live_apply); every point listed must hold. docs/policy.md has a packet that does.",
  },
  PROVIDER_FAILED: {
    class: "retryable",
    message: "the deployment provider could not do what it was asked to",
    hint: "See the message; the next pass tries again.",
  },
  PROVIDER_CONFLICT: {
    class: "conflict",
    message: "the resource is not as it was when the change was planned",
    hint: "Look again with `akc runtime reconcile --dry-run`, then apply that plan.",
  },
  PROVIDER_NOT_OWNED: {
    class: "denied",
    message: "something stands in the resource's place that akc has not made",
    hint: "Remove it, choose another name, or take it over with --adopt.",
  },
  TOOL_MISSING: {
    class: "terminal",
    message: "a program that the provider needs is not on this host",
    hint: "Install it into a directory of the fixed search path, or name it by the environment variable in `override`.",
  },
  TOOL_DENIED: {
    class: "denied",
    message: "a program may not be started for a validator",
    hint: "List its absolute path under `subprocess` of the operator's policy.",
  },
  DOOR_LIMIT: {
    class: "terminal",
    message: "a validator asked for more than one judgement may use",
    hint: "Let the binding ask for less, or split it into several.",
  },
  REPLAY_UNRECORDED: {
    class: "terminal",
    message: "a validator asked for what was not asked when its verdict was recorded",
    hint: "The validator, its version or the binding has changed since; judge anew.",
  },
  REPLAY_TAMPERED: {
    class: "terminal",
    message: "recorded content is not what its digest says",
    hint: "Restore the file, or judge anew.",
  },
  SECRET_DENIED: {
    class: "denied",
    message: "a binding may not send this secret there",
    hint: "Let it go there in the operator's policy: `send_to` of the secret under `plugins.secrets`.",
  },
  BINDINGS_INVALID: {
    class: "usage",
    message: "the registry of validator bindings is not valid",
    hint: "Mend what is named: `akc validate bindings FILE` checks it, `akc validate schema` says what may be in it.",
  },
  BINDINGS_NOT_FOUND: {
    class: "usage",
    message: "there is no registry of validator bindings at this path",
    hint: "Name another with --validator-bindings, or take the path out of the project's settings.",
  },
  BINDING_PATH_OUTSIDE: {
    class: "denied",
    message: "a binding names a file outside of the scope",
    hint: "Put the file below the scope's folder.",
  },
  MANIFEST_NOT_FOUND: {
    class: "usage",
    message: "there is no manifest of this compile run",
    hint: "Check --run-id, --tenant-id, --repo-id and --outputs-root; a run without a manifest is named with --runtime-run-id.",
  },
  MANIFEST_INVALID: {
    class: "usage",
    message: "the compile run's manifest is not valid",
    hint: "Restore it, or compile again; nothing that it points to was looked at.",
  },
  VALIDITY_FAILED: {
    class: "terminal",
    message: "the run does not meet its operational criteria",
    hint: "See which and why in operational_validity_report.json, or with `akc verify`.",
  },
  VALIDITY_INCONCLUSIVE: {
    class: "inconclusive",
    message: "there is too little evidence to judge the run by its operational criteria",
    hint: "See what is missing in operational_validity_report.json, or with `akc verify`.",
  },
  TOOL_TIMEOUT: {
    class: "retryable",
    message: "a program that the provider uses did not end in time",
    hint: "Look why it hangs; the next pass tries again.",
  },
  DESIRED_STATE_INVALID: {
    class: "usage",
    message: "what the bundle wants to stand cannot be worked out",
    hint: "Mend what the issues name.",
  },
  DEPENDENCY_CYCLE: {
    class: "usage",
    message: "resources wait for each other",
    hint: "Break the cycle that is named in `depends_on`.",
  },
  PLAN_STALE: {
    class: "conflict",
    message: "the world has moved since the plan was made; nothing was changed",
    hint: "Make a new plan with --dry-run, look at it, and apply that one.",
  },
  PLAN_NOT_FOUND: {
    class: "usage",
    message: "there is no plan with this id",
    hint: "`akc runtime reconcile --runtime-run-id RUN --dry-run` makes one and prints its id.",
  },
  ROLLOUT_NOT_FOUND: {
    class: "usage",
    message: "there is no rollout with this id",
    hint: "See what there is: `akc rollout list`.",
  },
  ROLLOUT_ENDED: {
    class: "conflict",
    message: "the rollout has ended already",
    hint: "See how: `akc rollout status ID`.",
  },
  ROLLOUT_OPEN: {
    class: "conflict",
    message: "the run has a rollout that has not ended",
    hint: "Let it end, or end it with `akc rollout abort ID`; then the run can be removed.",
  },
  ROLLOUT_REQUESTS_TOO_MANY: {
    class: "terminal",
    message: "the rollout has more requests waiting than it may",
    hint: "No process takes them: run `akc runtime reconcile` for the scope.",
  },
  SCOPE_HELD: {
    class: "conflict",
    message: "another process is deploying in this scope",
    hint: "Wait for it, or see who it is: `akc lease list`.",
  },
  DRIFT_FOUND: {
    class: "conflict",
    exit: 7,
    message: "what stands is not what the bundle wants",
    hint: "See the difference: `akc runtime reconcile --dry-run --diff`.",
  },
  // store
  STORE_TOO_NEW: {
    class: "usage",
    message: "the state database was made by a newer akc",
    hint: "Use that version, or another --outputs-root.",
  },
  STORE_DAMAGED: {
    class: "internal",
    message: "the state database is damaged",
    hint: "Keep the file. `akc state check` says how far it goes; `akc state salvage --to DIR` saves what can still be read, `akc state restore` puts back a backup.",
  },
  STORE_BUSY: {
    class: "conflict",
    message: "the state database is busy",
    hint: "Another process holds it; try again.",
  },
  STORE_UNWRITABLE: {
    class: "usage",
    message: "the state database cannot be opened or written here",
    hint: "Check the permissions of the folder, or choose another --outputs-root.",
  },
  STORE_IO: {
    class: "terminal",
    message: "the disk failed while the state database was used",
    hint: "The turn was rolled back; see the details for the system's own error, then go on with `akc runtime resume`.",
  },
  LEASE_HELD: {
    class: "conflict",
    message: "another process holds this run",
    hint: "Wait for it to end, or stop it with `akc runtime stop`.",
    exit: 5,
  },
  LEASE_LOST: {
    class: "conflict",
    message: "this process no longer holds the run",
    hint: "Another process took over; nothing more was written.",
    exit: 5,
  },
  RUN_NOT_FOUND: {
    class: "usage",
    message: "there is no such run",
    hint: "See the runs with `akc runtime list --outputs-root DIR`.",
  },
  RUN_EXISTS: {
    class: "conflict",
    message: "the run has already ended",
    hint: "Choose another --runtime-run-id, or leave it out.",
  },
  RUN_CHANGED: {
    class: "conflict",
    message: "the run was started with something else than is given now",
    hint: "Give what it was started with, or start a new run.",
  },
  RUN_NOT_RESUMABLE: {
    class: "conflict",
    message: "there is nothing left to do in this run",
    hint: "Run a part of it again with `akc runtime resume RUN --from STEP`.",
  },
  STEP_UNKNOWN: {
    class: "usage",
    message: "the run has no such step",
    hint: "See the steps with `akc bundle inspect`.",
  },
  // service
  SERVICE_NEEDS_ROOT: {
    class: "denied",
    message: "only root may change the machine's services",
    hint: "Run it with sudo, or use --user for a service of your own.",
  },
  SERVICE_UNIT_CHANGED: {
    class: "conflict",
    message: "the unit file that stands there is not as akc wrote it",
    hint: "Put changes into a drop-in (`systemctl edit akc-autopilot.service`), then install with --force.",
  },
  SERVICE_UNIT_REFUSED: {
    class: "terminal",
    message: "systemd would not take the unit as it is",
    hint: "See what it says of it; --dry-run shows the unit.",
  },
  SERVICE_MANAGER_FAILED: {
    class: "terminal",
    message: "systemd refused",
    hint: "Is systemd running here? See `journalctl -u akc-autopilot.service`; nothing half done was left.",
  },
  AUTOPILOT_CONFIG_INVALID: {
    class: "usage",
    message: "the autopilot's configuration is not valid",
    hint: "Mend what is listed; `akc runtime autopilot --check` reads it without starting anything.",
  },
  AUTOPILOT_STATE_DAMAGED: {
    class: "terminal",
    message: "what the autopilot remembers of a scope is not as it was written",
    hint: 'The scope is held. Keep a copy of the file, then see docs/autopilot.md, "When the state is damaged".',
  },
  AUTOPILOT_TOO_SLOW: {
    class: "retryable",
    message: "the autopilot did not get an answer in time",
    hint: "It goes on without it and asks again later; see what it asked in the message.",
  },
  AUTOPILOT_DRAINED: {
    class: "terminal",
    message: "the autopilot stops",
    hint: "What was cut off is gone on with by the next controller.",
  },
  AUTOPILOT_SLOTS_FULL: {
    class: "retryable",
    message: "as many rollouts are under way as the budget allows",
    hint: "It begins when one of them has ended.",
  },
  AUTOPILOT_TRIGGERS_FULL: {
    class: "conflict",
    message: "as many triggers wait in the scope as may",
    hint: "Nothing was added. See why nobody takes them: `akc autopilot triggers`, `akc autopilot status`.",
  },
  RECOMPILE_ANSWER_INVALID: {
    class: "terminal",
    message: "the recompile hook answered what is not understood",
    hint: 'It prints one JSON object: {"bundle": PATH}, {"manifest": PATH}, {"unchanged": true} or {"refused": REASON}; docs/autopilot-triggers.md has an example.',
  },
  RECOMPILE_FAILED: {
    class: "retryable",
    message: "the recompile hook failed",
    hint: "Run the hook by hand with the request that the message names.",
  },
  LEASE_MOVED: {
    class: "conflict",
    message: "the lease has another token than the one given",
    hint: "Look again with `akc lease show RUN`; somebody else may have taken over.",
  },
  SIGNAL_CONFLICT: {
    class: "conflict",
    message: "another signal of this id was sent before",
    hint: "Choose another --id, or leave it out.",
  },
  SIGNALS_TOO_MANY: {
    class: "terminal",
    message: "the run has more signals waiting than it may",
    hint: "Nothing takes them: see `akc runtime status RUN` for what the run waits for.",
  },
  REPLAY_DIVERGED: {
    class: "terminal",
    message: "the run's records are not what its events say",
    hint: "See the first divergence: its event, what was expected and what was found.",
  },
  ARCHIVE_INVALID: {
    class: "usage",
    message: "the file is not an archive of a run",
    hint: "Give a file that `akc runtime export` wrote.",
  },
  BACKUP_INVALID: {
    class: "usage",
    message: "the file is not a backup of a state",
    hint: "Give a file that `akc state backup` wrote.",
  },
  STATE_EXISTS: {
    class: "usage",
    message: "there is a state in this place already",
    hint: "Choose another --outputs-root, or set the state aside with --force.",
  },
  STOP_NOT_SEEN: {
    class: "terminal",
    message: "the run has not ended yet",
    hint: "The request stays recorded; look again with `akc runtime status RUN`, or wait longer.",
  },
  RUN_AMBIGUOUS: {
    class: "usage",
    message: "several runs have this id",
    hint: "Add --tenant-id and --repo-id.",
  },
  REDACTION_FAILED: {
    class: "internal",
    message: "a value could not be redacted",
    hint: "Nothing was written.",
  },
  // plugins: manifest, trust
  PLUGIN_MANIFEST_INVALID: {
    class: "usage",
    message: "the plugin's manifest is not valid",
    hint: "Mend plugin.yaml at the line and column shown; `akc plugin check DIR` shows all faults.",
  },
  PLUGIN_NOT_FOUND: {
    class: "usage",
    message: "there is no such plugin",
    hint: "See the plugins with `akc plugin list`; add a folder with --plugins-dir.",
  },
  PLUGIN_DUPLICATE: {
    class: "usage",
    message: "two plugins of one directory have the same id and version",
    hint: "Remove one of the folders named.",
  },
  PLUGIN_DISABLED: {
    class: "denied",
    message: "the plugin is disabled",
    hint: "Enable it with `akc plugin enable ID`.",
  },
  PLUGIN_UNTRUSTED: {
    class: "denied",
    message: "the plugin is not trusted",
    hint: "Look at it with `akc plugin inspect ID`, then lock it with `akc plugin lock`, or have it signed.",
  },
  PLUGIN_MODIFIED: {
    class: "denied",
    message: "files of the plugin are not what they were when it was trusted",
    hint: "See the files named; if the change is meant, lock or sign the plugin again.",
  },
  PLUGIN_SIGNATURE_INVALID: {
    class: "denied",
    message: "the plugin's signature does not hold",
    hint: "Get the plugin from its author again, or have it signed again.",
  },
  PLUGIN_NOT_GRANTED: {
    class: "denied",
    message: "the plugin was not granted this",
    hint: "See what it asked for and was granted with `akc plugin inspect ID`; the operator's policy grants under `plugins`.",
  },
  // plugins: what goes wrong with a process. Each kind of misbehaviour has its own code.
  PLUGIN_START_FAILED: {
    class: "retryable",
    message: "the plugin ended before it was ready",
    hint: "See its last words in its log; `akc plugin test DIR` starts it alone.",
  },
  PLUGIN_GARBAGE: {
    class: "terminal",
    message: "the plugin wrote what is not the protocol",
    hint: "Only messages may go to its stdout, one a line (docs/plugin-protocol.md); logs go to stderr.",
  },
  PLUGIN_WRONG_ANSWER: {
    class: "terminal",
    message: "the plugin answered a call that was not made",
    hint: "An answer has the id of a call that is under way, and each call is answered once.",
  },
  PLUGIN_TIMEOUT: {
    class: "retryable",
    message: "the plugin did not answer in time",
    hint: "Raise the call's time-out, or `limits.call_ms` in the plugin's manifest.",
  },
  PLUGIN_CRASHED: {
    class: "retryable",
    message: "the plugin ended while a call was under way",
    hint: "See its last words in its log.",
  },
  PLUGIN_FLOOD: {
    class: "terminal",
    message: "the plugin sent more than it may",
    hint: "Send output only as far as there is credit, and fewer log and progress messages.",
  },
  PLUGIN_MESSAGE_TOO_LARGE: {
    class: "terminal",
    message: "a message between akc and the plugin is larger than allowed",
    hint: "Send large output in pieces with `$/output`, or raise `limits.message_bytes` in the plugin's manifest.",
  },
  PLUGIN_MEMORY: {
    class: "terminal",
    message: "the plugin used more memory than allowed",
    hint: "Raise `limits.memory_bytes` in the plugin's manifest if it really needs more.",
  },
  PLUGIN_LIES: {
    class: "terminal",
    message: "the plugin is or offers something else than its manifest says",
    hint: "Make the manifest and the plugin's code agree; `akc plugin check DIR` compares them.",
  },
  PLUGIN_CIRCUIT_OPEN: {
    class: "retryable",
    message: "the plugin failed too often and is left alone for a while",
    hint: "See why in its log; it is tried again after the time shown.",
  },
  PLUGIN_PROTOCOL_UNSUPPORTED: {
    class: "terminal",
    message: "akc and the plugin have no version of the protocol in common",
    hint: "Use a version of the plugin for this akc.",
  },
  PLUGIN_CONFIG_INVALID: {
    class: "usage",
    message: "the plugin's settings are not valid",
    hint: "Mend the settings at the paths shown; `akc plugin inspect ID` shows what the plugin accepts.",
  },
  PLUGIN_FAILED: {
    class: "terminal",
    message: "the plugin failed at what it was asked to do",
    hint: "The plugin's own message says why.",
  },
  PLUGIN_SECRET_UNAVAILABLE: {
    class: "usage",
    message: "a secret that was granted to a plugin cannot be had",
    hint: "Say where it is in the operator's policy, `plugins.secrets`, and see that it is there.",
  },
  PLUGIN_ARCHIVE_INVALID: {
    class: "usage",
    message: "the file is not a plugin's archive",
    hint: "Give a .tar.gz of the plugin's folder: plain files and folders, plugin.yaml at the top.",
  },
  PLUGIN_KEY_INVALID: {
    class: "usage",
    message: "the file is not a key for signing",
    hint: "Make one with `akc plugin keygen`.",
  },
  PLUGIN_LOCK_INVALID: {
    class: "usage",
    message: "plugins.lock is not valid",
    hint: "Mend it, or move it away, look at what is installed, and accept that with `akc plugin lock --all`.",
  },
  PLUGIN_CASES_INVALID: {
    class: "usage",
    message: "the plugin's test cases are not valid",
    hint: "Mend plugin.test.yaml at the line and column shown; docs/plugin-guide.md says what may be in it.",
  },
  PLUGIN_SCAFFOLD_EXISTS: {
    class: "conflict",
    message: "the folder of the new plugin exists already",
    hint: "Choose another name, or another folder with --dir.",
  },
  // the autopilot seen from outside
  LISTEN_REFUSED: {
    class: "conflict",
    message: "the autopilot's server cannot listen there",
    hint: "Name another socket or port with `listen`, or end what listens there.",
  },
  CONTROLLER_UNREACHABLE: {
    class: "retryable",
    message: "no controller answers there",
    hint: "`akc service status` says whether it runs; `listen` in its configuration says where.",
  },
  AUTOPILOT_SCOPE_UNKNOWN: {
    class: "usage",
    message: "the autopilot has never seen this scope",
    hint: "Check the names and --outputs-root; `akc autopilot status` lists the scopes that are known.",
  },
  AUTOPILOT_NOTHING_TO_SAY: {
    class: "conflict",
    message: "the word has nothing to speak of",
    hint: "`akc autopilot status` shows how the scope stands.",
  },
  AUTOPILOT_NOT_PROPOSED: {
    class: "conflict",
    message: "another bundle is proposed",
    hint: "`akc autopilot status` shows which.",
  },
  TELEMETRY_REFUSED: {
    class: "usage",
    message: "telemetry cannot be exported as it is configured",
    hint: "Mend `telemetry` in the autopilot's configuration.",
  },
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof errorCodes;

/** What a code that was stored or told means; undefined for what is none of akc's. */
export function classOf(code: string): ErrorClass | undefined {
  const entries: Readonly<Record<string, CodeEntry>> = errorCodes;
  return Object.hasOwn(errorCodes, code) ? entries[code]?.class : undefined;
}

/** A fault at a place in a document. `path` is a JSON pointer (RFC 6901); line and column count from 1. */
export interface Issue {
  readonly path: string;
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
  /** A stable word for the rule that is broken, where the document has such words. */
  readonly rule?: string;
}

/** A text that people wrote, and where it stands: its lines are shown beside the faults that lie in them. */
export interface FaultySource {
  readonly path: string;
  readonly text: string;
}

export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface AkcErrorOptions {
  /** Replaces the code's own first line, where this occurrence can say more. */
  readonly message?: string;
  readonly hint?: string;
  readonly details?: ErrorDetails;
  /** Every fault found, never only the first. */
  readonly issues?: readonly Issue[];
  /** What the issues lie in, where a person wrote it. */
  readonly source?: FaultySource | undefined;
  readonly cause?: unknown;
}

export class AkcError extends Error {
  readonly code: ErrorCode;
  readonly class: ErrorClass;
  readonly hint: string;
  readonly details: ErrorDetails;
  readonly issues: readonly Issue[];
  readonly source: FaultySource | undefined;
  readonly exitCode: number;

  constructor(code: ErrorCode, options: AkcErrorOptions = {}) {
    const entry: CodeEntry = errorCodes[code];
    super(
      options.message ?? entry.message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = "AkcError";
    this.code = code;
    this.class = entry.class;
    this.hint = options.hint ?? entry.hint;
    this.details = options.details ?? {};
    this.issues = options.issues ?? [];
    this.source = options.source;
    this.exitCode = entry.exit ?? exitCodeOf[entry.class];
  }
}

/** Its message with the file that it is about, for where no details are shown. */
export function messageWithPath({ message, details: { path } }: AkcError): string {
  return typeof path !== "string" || message.includes(path) ? message : `${message}: ${path}`;
}

/** Exit code of each class (docs/exit-codes.md): 1 the work failed, 2 asked wrongly or denied, 5 held by another. */
const exitCodeOf: Record<ErrorClass, number> = {
  usage: 2,
  denied: 2,
  terminal: 1,
  retryable: 1,
  inconclusive: 4,
  conflict: 5,
  internal: 1,
};

/** Marks a place the type system knows cannot be reached; reaching it is a fault of ours. */
export function unreachable(value: never): never {
  throw new AkcError("INTERNAL", { message: `unreachable: ${String(value)}` });
}
