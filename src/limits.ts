/** Every number that bounds something, with its unit in its name. */
export const limits = {
  // reading
  jsonTextBytesMax: 256 * 1024 * 1024,
  jsonDepthMax: 256,
  /** A value in memory that is being written; far above what is read, so that only a value that contains itself meets it. */
  jsonWriteDepthMax: 2_000,
  /** Sign and digits of one integer; the same bound as Python's own. */
  jsonIntegerCharsMax: 4_300,
  yamlTextBytesMax: 1024 * 1024,
  /** Issues listed in one error; the rest is counted. */
  issuesShownMax: 50,
  /** Issues kept in memory while one document is checked. */
  issuesCollectedMax: 10_000,
  idLengthMax: 128,
  // plans that people write (akc.yaml)
  planBytesMax: 4 * 1024 * 1024,
  /** Steps after every matrix was written out. */
  planStepsMax: 20_000,
  planEdgesMax: 200_000,
  planListItemsMax: 10_000,
  planMatrixNamesMax: 32,
  /** Texts of a plan after every matrix, file and default was written out. */
  planWrittenCharsMax: 64 * 1024 * 1024,
  /** Tries of one step after its first, and the longest wait before one, that a bundle may ask for. */
  stepRetriesMax: 100,
  stepRetryDelayMsMax: 24 * 60 * 60 * 1_000,
  // coordination
  stepsMax: 1_000_000,
  edgesMax: 4_000_000,
  // service
  /** How long after its last store write (or read, of a standby) a controller still counts as getting on, and as ready. */
  serviceStoreProofMs: 60_000,
  serviceWatchdogAskMsMin: 50,
  /** Between two looks at what the service manager is to be told. */
  serviceTickMs: 1_000,
  /** What a stop may still take after it was cut off (twice `autopilotCutOffMsMax`: visits, leases); then the process ends whatever runs. */
  serviceAbortMs: 25_000,
  /** A dump of the state as one line of the journal; a larger one goes into a file where there is a runtime directory. */
  serviceDumpLineBytesMax: 40 * 1024,
  serviceUnitBytesMax: 256 * 1024,
  /** A call of systemctl, which waits for a start or a stop. */
  serviceToolMsMax: 240_000,
  /** Lines of one event, message and scope within one window; the others are counted. */
  journalLinesPerWindow: 20,
  journalWindowMs: 60_000,
  journalKindsMax: 2_000,
  /** Lines that the reader of the log has not taken yet. */
  journalUnreadCharsMax: 4 * 1024 * 1024,
  // autopilot
  /** One trigger with its details, as JSON text. */
  autopilotTriggerBytesMax: 16 * 1024,
  /** Triggers of one scope that wait; of what comes beyond, the newest are counted and dropped. */
  autopilotTriggersOpenMax: 256,
  /** Hashes of bundles that are not tried again. */
  autopilotRejectedMax: 100,
  /** Events of runs that one visit reads; the rest comes with the next one. */
  autopilotEventsPerVisit: 5_000,
  /** Until a run that is no more is forgotten: within it a scope that was moved away, or is restored, comes back without news of old. */
  autopilotGoneRunMs: 86_400_000,
  /** How far before a signal the attempt may have begun that it belongs to. */
  autopilotAttemptLookBackMs: 7 * 86_400_000,
  /** Things that one trigger names: resources, actions, files. */
  autopilotNamedMax: 20,
  autopilotReasonChars: 500,
  /** A file that was changed so shortly before it was looked at is looked at again: its times may be too coarse to tell. */
  stampSettledMs: 2_000,
  /** Files of the sources of one scope, and their bytes. */
  autopilotSourceFilesMax: 20_000,
  autopilotSourceBytesMax: 1024 * 1024 * 1024,
  autopilotSourceDepthMax: 64,
  /** Scopes of which something is kept in memory between two looks. */
  autopilotScopesRememberedMax: 10_000,
  autopilotScopesMax: 10_000,
  /** Scopes that are visited at a time. */
  autopilotParallelDefault: 4,
  autopilotParallelMax: 64,
  autopilotLeaseTtlMsDefault: 15_000,
  autopilotLeaseTtlMsMin: 3_000,
  autopilotLeaseTtlMsMax: 10 * 60_000,
  /** Between two looks at whether somebody else wrote into the state. */
  autopilotPollMs: 1_000,
  /** A wall clock that went apart from the monotonic one by more than this between two looks was set. */
  autopilotClockStepMs: 2_000,
  /** Between two looks at which scopes there are. */
  autopilotDiscoverMs: 10_000,
  /** Between two proofs of progress of a controller that holds anything. */
  autopilotBeatMs: 5_000,
  /** Before a scope in which something went wrong is visited again. */
  autopilotBackoffMsMin: 1_000,
  autopilotBackoffMsMax: 15 * 60_000,
  /** Before a hook that failed is asked again. */
  autopilotRecompileBackoffMsMin: 30_000,
  autopilotRecompileBackoffMsMax: 6 * 3_600_000,
  /** Steps of one visit; then the others have their turn. */
  autopilotStepsPerVisitMax: 8,
  /** One look at sources, offers, gates or what stands. */
  autopilotAskMsMax: 60_000,
  /** One plan that is written; one judgement at the end of a bake. */
  autopilotPlanMsMax: 5 * 60_000,
  autopilotJudgeMsMax: 30 * 60_000,
  /** After the end of a bake: who cannot see by then what stands, for a reason that stays, holds it to have failed. */
  autopilotBlindBakeMsMax: 3_600_000,
  /** After so long a visit does not count any more among those that are made at a time: what hangs holds up nobody. */
  autopilotSlowVisitMs: 5_000,
  /** Between two times that old entries are removed. */
  autopilotPruneMs: 3_600_000,
  /** Between the first visits of two scopes after a start. */
  autopilotSpreadMs: 50,
  /** Buckets of looks that wait to be written, of all scopes. */
  autopilotTalliesKeptMax: 100_000,
  /** Resources that a drift trigger names. */
  autopilotDriftShownMax: 20,
  /** Told and not heard yet, of one listener. */
  autopilotToldMax: 1_000,
  /** How long what was cut off is waited for. */
  autopilotCutOffMsMax: 10_000,
  autopilotConfigBytesMax: 1024 * 1024,
  /** A file with one secret in it. */
  autopilotSecretBytesMax: 64 * 1024,
  /** One look at what stands in a scope, opening what it needs included. */
  autopilotLookMsMax: 60_000,
  /** Plans that wait for a person, or did, kept in one scope. */
  autopilotProposalsKeptMax: 100,
  /** Compile manifests of one scope that are read to find the newest bundle. */
  autopilotManifestsReadMax: 16,
  /** One fact as JSON text. */
  autopilotFactBytesMax: 4 * 1024 * 1024,
  /** Facts that are folded again at most when a controller starts: the state is kept after so many. */
  autopilotSnapshotEntries: 64,
  /** Rows that one transaction of a clean-up removes. */
  autopilotPruneRows: 2_000,
  /** How long one statement may keep the whole process waiting for another one's transaction; then it is tried again. */
  autopilotBusyTimeoutMs: 250,
  /** Log of leases and beats that is left before it is folded into the database. */
  autopilotCheckpointPages: 500,
  autopilotTallyBucketMs: 5 * 60_000,
  /** Of counts older than a day. */
  autopilotTallyHourMs: 3_600_000,
  autopilotTallyFineMs: 24 * 3_600_000,
  /** Of a controller that does not beat any more. */
  autopilotControllerKeptMs: 24 * 3_600_000,
  /** A file of a lease (spec cli §14.6). */
  leaseFileBytesMax: 64 * 1024,
  /** Until the lock of a lease file is given up on. */
  leaseFileLockMsMax: 2_000,
  leaseFilesAtATime: 16,
  /** What one call of kubectl may take for leases, and print. */
  leaseKubectlMsMax: 5_000,
  leaseKubectlBytesMax: 8 * 1024 * 1024,
  /** A list of scopes. */
  autopilotRegistryBytesMax: 16 * 1024 * 1024,
  /** Between two visits of a scope without a cause. */
  autopilotIntervalMsDefault: 3_600_000,
  autopilotIntervalMsMin: 100,
  autopilotIntervalMsMax: 31 * 86_400_000,
  /** Any other length of time that the autopilot's configuration may name. */
  autopilotDurationMsMax: 366 * 86_400_000,
  autopilotBakeMsDefault: 5 * 60_000,
  autopilotBakeLookMsDefault: 15_000,
  autopilotDrainMsDefault: 60_000,
  autopilotDrainMsMax: 3_600_000,
  autopilotScoreWindowMsDefault: 7 * 86_400_000,
  /** Windows without an event, before now, of which scoreboards are still written; what lies before is named and left out. */
  autopilotScoreboardsBehindMax: 100,
  /** Of one scope, the newest. */
  autopilotScoreboardFilesMax: 1_000,
  autopilotScoreboardBytesMax: 1024 * 1024,
  /** Files of the history that are kept when it is turned over, beside the one that is written. */
  autopilotHistoryFilesMax: 8,
  /** Entries that are read and written to files at a time. */
  autopilotChroniclePage: 500,
  /** Until files that another process is writing are left for the next time. */
  autopilotChronicleLockMs: 1_000,
  /** Between two tries to write files that could not be written. */
  autopilotChronicleRetryMs: 10_000,
  /** How long entries are kept; a day at least, since budgets look back that far. */
  autopilotRetentionMsDefault: 90 * 86_400_000,
  autopilotRetentionMsMin: 86_400_000,
  autopilotDecisionFilesMaxDefault: 1_000,
  autopilotHistoryBytesMaxDefault: 16 * 1024 * 1024,
  /** Rollouts, rollbacks and failures that a budget may allow. */
  autopilotBudgetMax: 100_000,
  /** Windows, freezes, keys, sources and the like in one list of the configuration. */
  autopilotListItemsMax: 1_000,
  /** Of one hook: its request, its answer and what is kept of its words. */
  recompileRequestBytesMax: 1024 * 1024,
  recompileOutputBytesMaxDefault: 1024 * 1024,
  recompileTimeoutMsDefault: 10 * 60_000,
  recompileTimeoutMsMax: 24 * 3_600_000,
  /** Of one delivery (spec cli §15.5). */
  webhookBodyBytesMax: 512 * 1024,
  // reconciler and providers
  resourcesMax: 10_000,
  /** Of one resource's settings or snapshot, as JSON text. */
  resourceBytesMax: 1024 * 1024,
  /** Difference of one resource that is shown and kept: fields. */
  diffFieldsMax: 200,
  /** One look at everything that stands. */
  providerObserveMsMax: 60_000,
  /** One change of one resource. */
  providerChangeMsMax: 300_000,
  /** Until a provider that was told to end a call is not waited for any more. */
  providerEndMsMax: 15_000,
  toolOutputBytesMax: 64 * 1024 * 1024,
  /** Of what a program said last when it failed. */
  toolWordsCharsMax: 4_096,
  /** Of a container's state, and of why one could not be started (spec reconcile §4.6). */
  containerStateCharsMax: 512,
  /** A manifest of many documents. */
  manifestBytesMax: 16 * 1024 * 1024,
  manifestObjectsMax: 5_000,
  promotionPacketBytesMax: 16 * 1024 * 1024,
  /** Signatures of one packet that are looked at. */
  packetSignaturesMax: 16,
  packetKeyBytesMax: 4 * 1024,
  /** How far the clock of whoever issued a packet may be ahead. */
  promotionClockSkewMs: 5 * 60_000,
  /** One request of kubectl to an API server. */
  kubernetesRequestMsMax: 15_000,
  /** Tries of one change of which somebody else changed an object in between. */
  kubernetesApplyTriesMax: 5,
  /** Dry runs of one look; only objects that the server refuses take more than one. */
  kubernetesDryRunsMax: 16,
  /** Health conditions of one resource that are kept, and characters of what is said about it. */
  healthConditionsMax: 64,
  healthMessageCharsMax: 2_048,
  resourcesInParallelDefault: 4,
  resourcesInParallelMax: 64,
  /** Revisions of one resource that are kept, beside the last good one. */
  revisionsKeptMax: 16,
  /** Rollouts and plans that are kept. */
  rolloutsKeptMax: 200,
  /** Of a scope's rollouts and resources as text: more is not kept in memory between two looks, and read again. */
  scopeRecordBytesKept: 32 * 1024,
  plansKeptMax: 50,
  /** Requests to one rollout that no process took yet. */
  rolloutRequestsOpenMax: 16,
  /** The same correction of the same fields so often within the window ends in `correction_loop`. */
  correctionsMax: 5,
  correctionWindowMs: 10 * 60_000,
  reconcileRetryBaseMs: 500,
  reconcileRetryMsMax: 60_000,
  reconcileResyncMsDefault: 30_000,
  minHealthyMsDefault: 1_000,
  healthyDeadlineMsDefault: 300_000,
  progressDeadlineMsDefault: 600_000,
  pauseDeadlineMsDefault: 24 * 60 * 60_000,
  /** Longest wait that a rollout may ask for. */
  rolloutWaitMsMax: 30 * 24 * 60 * 60_000,
  rolloutStepsMax: 100,
  analysisChecksMax: 50,
  measurementsMax: 10_000,
  analysisIntervalMsDefault: 60_000,
  /** All checks of one measurement. */
  measurementMsMax: 300_000,
  rolloutPollMs: 250,
  /** Longest rest of a watch between two looks into the inbox. */
  watchPollMs: 1_000,
  // validators
  bindingsFileBytesMax: 4 * 1024 * 1024,
  bindingsMax: 10_000,
  /** Of one request, by kind: spec reconcile §6.2. */
  queryTimeoutMsDefault: 5_000,
  flowTimeoutMsDefault: 300_000,
  bindingTimeoutMsMax: 3_600_000,
  /** Of a program that checks, and of kinds that only a plugin knows. */
  checkTimeoutMsDefault: 30_000,
  /** A recording takes so much longer than what it records: to end, to fetch, to retry nothing. */
  recordingMarginMs: 150_000,
  recordingSecondsDefault: 15,
  recordingSecondsMax: 1_800,
  /** A window, an offset or an age that a binding may name. */
  bindingDurationMsMax: 366 * 86_400_000,
  /** Points of one series; what Prometheus and Loki answer at most. */
  rangePointsMax: 11_000,
  queryEntriesMax: 5_000,
  logLinesDefault: 100,
  tracesFoundDefault: 20,
  bindingTextCharsMax: 64 * 1024,
  bindingListItemsMax: 256,
  /** All bindings of one judgement together. */
  validationMsDefault: 15 * 60_000,
  bindingTriesDefault: 3,
  bindingTriesMax: 10,
  bindingRetryBaseMs: 200,
  bindingRetryMsMax: 5_000,
  bindingsInParallel: 8,
  /** A file of certificate authorities that a binding names. */
  certificatesBytesMax: 4 * 1024 * 1024,
  validatorRequestBytesMax: 1024 * 1024,
  /** An answer beyond it is cut, and can only be inconclusive. */
  validatorResponseBytesMax: 8 * 1024 * 1024,
  /** Of one tool's standard output: a log, a screenshot. */
  validatorToolBytesMax: 16 * 1024 * 1024,
  /** A recording of a screen. */
  validatorFileBytesMax: 256 * 1024 * 1024,
  /** All that one binding may leave behind. */
  bindingFilesMax: 64,
  /** What a validator says that it saw, and how, as JSON text; and indented, as it is kept. */
  bindingEvidenceCharsMax: 1024 * 1024,
  bindingEvidenceIndentedMax: 8 * 1024 * 1024,
  bindingEvidenceDepthMax: 64,
  /** Decoded answer in an artifact, at each level: spec reconcile §6.4. */
  summaryKeysMax: 128,
  summaryItemsMax: 64,
  summaryTextCharsMax: 16_384,
  /** What is nested more deeply is null: it says nothing, and indented it would be many times as large. */
  summaryDepthMax: 32,
  /** Of all of it as JSON text: it stands in the run's history and in its evidence. */
  summaryCharsMax: 256 * 1024,
  /** Files beside a run's evidence that are looked at or written together, and their bytes. */
  filesAtATime: 16,
  filesAtATimeBytes: 8 * 1024 * 1024,
  /** Until a validator that was told to end is not waited for any more. */
  validatorEndMsMax: 5_000,
  /** An artifact without the files beside it. */
  artifactFileBytesMax: 16 * 1024 * 1024,
  /** Beyond its time, for a validator that says itself that it is over. */
  bindingGraceMs: 250,
  /** For giving a recorded verdict again, at least. */
  replayedVerdictMsMin: 30_000,
  exchangesMax: 256,
  /** All that passes the door for one try of a binding; what is under way when it is met may still end. */
  exchangedBytesMax: 512 * 1024 * 1024,
  /** Output of a tool that is read and forgotten, for the exit code behind it. */
  validatorToolReadBytesMax: 512 * 1024 * 1024,
  /** Of one argument list. */
  validatorArgvCharsMax: 128 * 1024,
  /** What one use of the door is recorded by: a URL, an argument list, a name. */
  validatorAskedCharsMax: 1024 * 1024,
  validatorMessageCharsMax: 2_000,
  attachmentNameCharsMax: 200,
  seriesMax: 10_000,
  samplesMax: 1_000_000,
  /** Evidence of a run, and each export of a rollup, that is judged. */
  validityEvidenceBytesMax: 256 * 1024 * 1024,
  metricLinesMax: 100_000,
  metricRecordsMax: 50_000,
  rollupExportsMax: 1_000,
  /** All exports of a rollup together. */
  rollupBytesMax: 512 * 1024 * 1024,
  traceLinesMax: 1_000_000,
  /** Records outside their window that a check shows: spec reconcile §7.4. */
  windowOffendersMax: 32,
  /** Manifests that are read to find the newest one. */
  manifestsReadMax: 256,
  // webhook
  webhookItemsMax: 256,
  /** Beyond the time in which its timestamp is taken: for clocks that are set back. */
  webhookNonceMarginMs: 24 * 3_600_000,
  /** A delivery without a timestamp is known by its bytes for so long, and refused where it says itself that it is older. */
  webhookUnstampedMs: 30 * 86_400_000,
  // recompile hook
  recompileMessageChars: 2_000,
  /** Last words of a hook that its failure shows. */
  recompileLastWordsBytes: 8 * 1024,
  // systemd
  systemdDropInsMax: 64,
  /** Unit files of one folder that are looked at. */
  systemdUnitFilesMax: 20_000,
  /** Units that one `systemctl show` is asked about. */
  systemdShowUnitsMax: 1_000,
  /** How long a `daemon-reload` waits at most for changes under way that it can serve too. */
  systemdReloadGatherMs: 500,
  /** A service that was restarted counts as restarting until it has run for so long. */
  systemdSettledMs: 30_000,
  // probes of what a provider has started
  probeTimeoutMsDefault: 3_000,
  probeTimeoutMsMax: 120_000,
  probeIntervalMsDefault: 5_000,
  probeIntervalMsMin: 50,
  probeIntervalMsMax: 60 * 60_000,
  probeInitialDelayMsMax: 60 * 60_000,
  probeThresholdMax: 1_000,
  /** Read of an answer before it is dropped; only its status counts. */
  probeBodyBytesMax: 64 * 1024,
  probesInParallelMax: 32,
  // processes as resources
  processReplicasMax: 256,
  processArgvItemsMax: 1_024,
  processVariablesMax: 1_024,
  processPathsMax: 128,
  processPortsMax: 32,
  processBackoffMsDefault: 1_000,
  processBackoffMsMaxDefault: 60_000,
  processBackoffMsMax: 60 * 60_000,
  processResetAfterMsDefault: 60_000,
  processStopGraceMsDefault: 10_000,
  processStopGraceMsMax: 5 * 60_000,
  /** Until a child that was started is looked for no more in the process table. */
  processSeenMsMax: 1_000,
  /** At a process that takes signals and is not to be seen, a millisecond apart. */
  processHiddenLooksMax: 20,
  /** Between SIGKILL and giving up on a process that does not go. */
  processKillMsMax: 5_000,
  processLogBytesDefault: 10 * 1024 * 1024,
  processLogBytesMin: 8 * 1024,
  processLogBytesMax: 256 * 1024 * 1024,
  processLogsKeptDefault: 5,
  processLogsKeptMax: 100,
  processRecordBytesMax: 2 * 1024 * 1024,
  /** After a full disk kept a log from being turned over. */
  processLogRetryMs: 30_000,
  /** How long the exit code of a dead child is waited for. */
  processExitCodeMsMax: 500,
  /** How long an intent to start may stand without a process before it counts as not carried out. */
  processStartMsMax: 5_000,
  /** How long a look waits for the first answers of probes that nobody has asked yet. */
  processFirstProbeMsMax: 1_000,
  /** How long the next copy has to listen before the one it replaces is ended. */
  processHandoverMsMax: 10_000,
  processWatchMs: 50,
  /** How often the records and the logs are looked at while watching. */
  processRescanMs: 1_000,
  /** Restarts in a row that are called a crash loop. */
  processCrashLoopRestarts: 3,
  processListenBacklog: 1_024,
  // kernel
  /** A first try and two retries (spec kernel §7.1). */
  attemptsMax: 3,
  retryBaseDelayMs: 1_000,
  retryDelayMsMax: 30_000,
  retryJitterMs: 250,
  actionsInFlightDefault: 4,
  actionsInFlightMax: 1_024,
  actionsPerClassInFlightDefault: 4,
  /** How often one node may be triggered by events of its own run before the run ends `exhausted` (kernel:W-26). */
  triggersPerNodeMax: 100,
  runDeadlineMsMax: 30 * 24 * 60 * 60 * 1_000,
  stopPollMs: 200,
  /** How often an action may be under way when akc dies before it is given up on. */
  interruptionsMax: 5,
  /** How often a run may be told to run a part again. */
  generationsMax: 1_000,
  waitMsMax: 366 * 24 * 60 * 60 * 1_000,
  signalPayloadBytesMax: 1024 * 1024,
  /** Signals of one run that no step took yet. */
  signalsOpenMax: 1_000,
  /** How long cancelled actions may take to end before the kernel stops waiting for them. */
  cancelGraceMs: 10_000,
  // lease
  leaseTtlMs: 15_000,
  leaseRenewMs: 5_000,
  /** After a renewal that the store did not take. */
  leaseRetryMs: 500,
  // routes
  routeTimeoutMsDefault: 30_000,
  routeTimeoutMsMax: 24 * 60 * 60 * 1_000,
  outputSnippetChars: 16_384,
  argvItemsMax: 4_096,
  argvBytesMax: 128 * 1024,
  // subprocess
  subprocessOutputBytesDefault: 16 * 1024 * 1024,
  subprocessOutputBytesMax: 1024 * 1024 * 1024,
  subprocessStdinBytesMax: 1024 * 1024,
  /** Output is sent to the main thread in pieces of about this size, and read no further while a window is under way. */
  subprocessOutputMessageBytes: 64 * 1024,
  subprocessOutputWindowBytes: 1024 * 1024,
  /** Threads are kept for so many profiles that no child uses just now; while children come fast a profile has several. */
  spawnProfilesIdleMax: 8,
  spawnThreadsPerProfileMax: 3,
  /** Between TERM and KILL to the group. */
  killGraceMs: 2_000,
  // what steps hand on
  /** Files that one step takes, and as many that it leaves. */
  stepFilesMax: 64,
  stepFilePathBytesMax: 1_024,
  stepFilePathPartsMax: 32,
  stepFileBytesMax: 256 * 1024 * 1024,
  /** Of all files that one step leaves. */
  stepFilesBytesMax: 1024 * 1024 * 1024,
  /** Different placeholders of one step. */
  placeholdersMax: 256,
  placeholderValueBytesMax: 64 * 1024,
  /** Of all values of one step, each as often as it stands in its texts. */
  placeholdersFilledCharsMax: 16 * 1024 * 1024,
  /** An output of which a placeholder takes a value. */
  placeholderSourceBytesMax: 1024 * 1024,
  rlimitOpenFiles: 1_024,
  rlimitProcesses: 4_096,
  rlimitFileBytes: 4 * 1024 * 1024 * 1024,
  // http
  httpBodyBytesDefault: 4_096,
  httpResponseBytesDefault: 262_144,
  httpResponseBytesMin: 256,
  httpResponseBytesMax: 8_388_608,
  httpRedirectsMax: 5,
  /** So much of a large body is joined at a time. */
  httpLooseBytesMax: 2 * 1024 * 1024,
  agentTurnTimeoutMsDefault: 60_000,
  // store
  /** Outputs up to this size live in the database, larger ones in files beside it. */
  artifactInlineBytesMax: 16 * 1024,
  /** Files of processes of which nothing is known here are kept this long. */
  incomingFileAgeMsMax: 7 * 24 * 60 * 60 * 1_000,
  /** The longest is the step order of the largest plan: a million ids. */
  eventPayloadBytesMax: 64 * 1024 * 1024,
  /** How long a statement waits for another process's transaction before it fails with STORE_BUSY. */
  storeBusyTimeoutMs: 10_000,
  /** Lease renewal must not freeze the process that renews. */
  leaseBusyTimeoutMs: 2_000,
  /** Rows read at once when a run is exported or listed; bounds memory, not what is read. */
  storePageRows: 256,
  /** Rows that a check of a run reads at once: fewer and larger than an export, which keeps a page until it is written. */
  replayPageRows: 1_024,
  // pictures of runs
  /** Edges of a plan that a run keeps for its picture; of more, it keeps none. */
  keptEdgesMax: 500_000,
  /** Decisions in a picture: the newest; all are counted. */
  picturedDecisionsMax: 1_000,
  /** Steps that are drawn as shapes of the page; more are drawn on a canvas. */
  drawnStepsMax: 240,
  /** Characters of all steps' outputs in a picture, shared among the steps; each gets no more than the second, no less than the third. */
  picturedOutputsChars: 4_000_000,
  picturedOutputCharsMax: 4_000,
  picturedOutputCharsMin: 160,
  /** Steps whose outputs a report lists: those that did not go well first. */
  reportedOutputsMax: 400,
  /** Characters of one reason, error or name in a picture. */
  picturedTextCharsMax: 1_000,
  /** A validity report that a picture reads. */
  picturedReportBytesMax: 4 * 1024 * 1024,
  // backups and archives
  /** Large contents are kept and unpacked in parts of this size; bounds memory. */
  contentPartBytes: 1024 * 1024,
  archiveFileBytesMax: 64 * 1024 * 1024 * 1024,
  /** Files of evidence that one run may have in an archive. */
  archiveContentsMax: 100_000,
  /** Faults that a check tells one by one; the rest is counted. */
  stateFaultsShownMax: 100,
  // evidence
  /** Decisions copied into runtime_run.json; `policy_decisions.json` has them all. */
  recordDecisionsMax: 1_000,
  // commands
  runsListedMax: 1_000_000,
  /** Failed actions that `status` and the end of `start` tell about; events have all of them. */
  failuresShownMax: 10,
  /** Lines shown of what a failed action wrote, and their width. */
  excerptLinesMax: 2,
  excerptLineColumnsMax: 300,
  /** Output up to this size is read for its last lines. */
  excerptSourceBytesMax: 64 * 1024 * 1024,
  /** Events read from the store at a time. */
  eventsPageMax: 1_000,
  /** How often `events --follow` looks for new ones. */
  followPollMs: 200,
  // plugins
  /** Of all of a plugin's processes together. */
  pluginMemoryBytesDefault: 4 * 1024 * 1024 * 1024,
  pluginMemoryBytesMin: 16 * 1024 * 1024,
  pluginMemoryBytesMax: 64 * 1024 * 1024 * 1024,
  pluginStartMsDefault: 5_000,
  pluginStartMsMax: 60_000,
  pluginCallMsDefault: 60_000,
  pluginCallMsMax: 24 * 60 * 60 * 1_000,
  pluginStopMsDefault: 2_000,
  pluginStopMsMax: 60_000,
  pluginIdleMsDefault: 5 * 60_000,
  pluginIdleMsMax: 24 * 60 * 60 * 1_000,
  pluginConcurrencyDefault: 4,
  pluginConcurrencyMax: 256,
  pluginMessageBytesDefault: 1024 * 1024,
  pluginMessageBytesMin: 4 * 1024,
  pluginMessageBytesMax: 64 * 1024 * 1024,
  /** Folders looked at in one plugins directory. */
  pluginsPerDirectoryMax: 1_000,
  pluginManifestBytesMax: 256 * 1024,
  pluginFilesMax: 20_000,
  pluginFileBytesMax: 256 * 1024 * 1024,
  pluginBytesMax: 1024 * 1024 * 1024,
  pluginPathCharsMax: 512,
  pluginPathDepthMax: 32,
  /** A file that comes packed; unpacked it is bounded as a plugin is. */
  pluginArchiveBytesMax: 128 * 1024 * 1024,
  pluginUnpackedBytesMax: 256 * 1024 * 1024,
  pluginsLockBytesMax: 64 * 1024 * 1024,
  /** Entries of one list of a manifest. */
  pluginListItemsMax: 256,
  // a plugin's process
  /** Calls that wait for a plugin's concurrency. */
  pluginCallsWaitingMax: 4_096,
  /** Calls of the plugin's own, to the host, at one time. */
  pluginOwnCallsMax: 64,
  /** Containers inside one another in one message. */
  pluginMessageDepthMax: 256,
  /** Log, progress and other small messages: so many a second on the average, and so many at once. */
  pluginMessagesPerSecondMax: 2_000,
  pluginMessagesBurst: 10_000,
  /** Output that may be under way without credit, of one call. */
  pluginOutputWindowBytes: 1024 * 1024,
  /** Messages to a plugin that it has not read yet. */
  pluginUnreadBytesMax: 64 * 1024 * 1024,
  /** Of an answer that was cut: nobody can judge it, however much of it there is. */
  pluginCutAnswerBytesMax: 256 * 1024,
  pluginLogLineBytesMax: 8 * 1024,
  /** What a plugin may write to its log; it is made to wait beyond it, and lines beyond it are dropped. */
  pluginLogBytesPerSecondMax: 256 * 1024,
  /** Last lines of the log that an error shows. */
  pluginLastWordsLines: 20,
  pluginPingMs: 30_000,
  pluginPingTimeoutMs: 10_000,
  /** Who works may be slow to answer. */
  pluginPingBusyTimeoutMs: 90_000,
  /** How often the memory of a plugin's processes is looked at while it works, and while it does not. */
  pluginMemoryLookBusyMs: 100,
  pluginMemoryLookIdleMs: 2_000,
  /** After a crash: first wait, then twice as long each time. */
  pluginBackoffMs: 100,
  pluginBackoffMsMax: 30_000,
  /** Faults in a row after which a plugin is left alone for a while, and that while. */
  pluginFaultsInRowMax: 5,
  pluginCircuitOpenMs: 30_000,
  pluginRlimitProcesses: 512,
  /** What a plugin reports of an action, as JSON; what is larger belongs into its output. */
  pluginOutputsBytesMax: 256 * 1024,
  pluginErrorChars: 2_000,
  pluginSecretBytesMax: 64 * 1024,
  /** Resources that one `provider/observe_all` asks about. */
  pluginObservePage: 500,
  /** Fields that a plugin's diff of one resource may name. */
  pluginDiffChangesMax: 10_000,
  // the autopilot seen from outside
  /** Series of one counter or histogram; what is beyond is counted together. */
  metricSeriesMax: 200,
  /** Scopes that have gauges of their own. */
  metricScopesMax: 2_000,
  /** How often objectives are looked up for the metrics. */
  burnLookMs: 60_000,
  /** How often it is looked at how late the event loop is. */
  loopLagEveryMs: 1_000,
  /** Attempts whose beginning is remembered until their end. */
  attemptsTrackedMax: 4_096,
  /** Requests at a time, readers of events among them. */
  outsideRequestsMax: 64,
  outsideStreamsMax: 16,
  /** For a request and its body. */
  outsideRequestMs: 10_000,
  /** A connection on which nothing moves. */
  outsideIdleMs: 10_000,
  /** Events that a reader has not taken; one that has more is cut off. */
  outsideStreamQueueMax: 1_000,
  outsideStreamHeartbeatMs: 15_000,
  /** Events in memory, for readers that come back. */
  outsideEventsKeptMax: 500,
  /** Entries of the journal that a reader who comes back is told of. */
  outsideResumeEntriesMax: 10_000,
  /** How far back such a reader may go. */
  outsideResumeMs: 24 * 60 * 60_000,
  /** A reader of events to whom nothing could be sent for so long. */
  outsideStreamIdleMs: 60_000,
  /** A loop that has not turned for so long is starved. */
  outsideStarvedMs: 30_000,
  /** For an answer of a running controller to a command. */
  controllerAnswerMs: 3_000,
  otlpSpansQueuedMax: 4_096,
  otlpSpansPerRequestMax: 512,
  otlpRequestBytesMax: 16 * 1024 * 1024,
  otlpResponseBytesMax: 64 * 1024,
  otlpTimeoutMs: 10_000,
  otlpHeadersBytesMax: 64 * 1024,
  /** First wait after a refusal that may pass, then twice as long each time. */
  otlpBackoffMs: 1_000,
  otlpBackoffMsMax: 60_000,
  /** What a collector may ask to wait. */
  otlpRetryAfterMsMax: 5 * 60_000,
  otlpTriesMax: 8,
  /** What is still sent when the controller stops. */
  otlpFlushMs: 5_000,
  mirrorLinesQueuedMax: 1_000,
  mirrorResponseBytesMax: 64 * 1024,
  // doctor
  /** For one check, whatever it asks. */
  doctorCheckMs: 8_000,
  /** For one program that a check asks. */
  doctorToolMs: 5_000,
  doctorFindingsPerCheckMax: 20,
  // completion
  /** Suggestions for one word; whoever has more writes another letter. */
  completionWordsMax: 200,
  /** Between two looks at the disk it is asked whether this is over; what is known by then is answered. */
  completionMs: 250,
  completionScopesMax: 200,
  completionBundleBytesMax: 4 * 1024 * 1024,
  completionDescriptionCharsMax: 72,
  // the live page
  /** Browsers that are let in at a time; the oldest goes. */
  uiCookiesMax: 16,
  /** Requests at a time, readers of changes among them. */
  uiRequestsMax: 64,
  uiStreamsMax: 32,
  /** Parts of pages that a reader has not taken; one that has more is cut off. */
  uiStreamQueueMax: 64,
  uiHeartbeatMs: 15_000,
  /** A connection on which nothing moves; longer than a word may take to be heard. */
  uiIdleMs: 30_000,
  /** Between two looks at whether anything has changed. */
  uiPollMs: 250,
  /** Between two changes that are sent. */
  uiChangeMs: 500,
  /** A page is made anew so long after it was made last though nothing has changed: times go on. */
  uiRefreshMs: 5_000,
  /** After work on pages it rests so many times as long as the processor was busy with it, but no longer than these. */
  uiIdleShare: 4,
  uiRestMsMax: 2_000,
  /** Bytes a second of changes to one reader, beyond the first of them. */
  uiChangeBytesPerSecond: 1024 * 1024,
  /** Between two looks at which scopes there are. */
  uiScopesMs: 2_000,
  uiRowsPerPage: 100,
  /** Of the whole output of a step or an event that is shown. */
  uiTextCharsMax: 16_384,
  /** An output or a file that is longer is not read to be shown. */
  uiOutputBytesMax: 4 * 1024 * 1024,
  /** Body of a form. */
  uiFormBytesMax: 16 * 1024,
  uiReasonCharsMax: 1_000,
  uiResourcesMax: 500,
  /** A chart is drawn anew so often. */
  uiChartMs: 60_000,
  /** Pictures of runs in memory. */
  uiPicturesMax: 4,
} as const;
