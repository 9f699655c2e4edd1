/** Hard limits of the platform. Sizes are bytes, times milliseconds. */
export const LIMITS = {
  keyBytes: 1024,
  valueBytes: 1024 * 1024,
  batchOps: 1000,
  /** Calls in one batch of requests. */
  batchCalls: 100,
  scanDefault: 1000,
  scanMax: 10_000,
  /** Bytes of one host call's parameters or result, and of a request to or an answer of a guest. */
  messageBytes: 16 * 1024 * 1024,
  wasmBytes: 16 * 1024 * 1024,
  pluginNameBytes: 64,
  pluginsPerNode: 64,
  handles: 64,
  kvPrefixes: 16,
  tags: 16,
  tagBytes: 64,
  descriptionBytes: 1024,
  dependencies: 16,
  memoryDefault: 64 * 1024 * 1024,
  memoryMin: 2 * 1024 * 1024,
  memoryMax: 1024 * 1024 * 1024,
  timeoutDefaultMs: 30_000,
  timeoutMinMs: 1,
  timeoutMaxMs: 300_000,
  instancesDefault: 1,
  instancesMax: 64,
  /** Bytes of one artifact of a plugin, and artifacts of one. */
  artifactBytes: 16 * 1024 * 1024,
  artifacts: 16,
  /** Priorities of official plugins. */
  officialPriorityMin: 500,
  officialPriorityMax: 699,
  /** Priorities of all other plugins; the rest is the node's own. */
  pluginPriorityMin: 900,
  pluginPriorityMax: 999,
  pluginPriorityDefault: 950,
  /** Bytes of the data of an event that a plugin emits: what CloudEvents 1.0 asks everybody to pass on. */
  eventDataBytes: 65_536,
  /** Events of one `kv_transact`. */
  eventsPerTransaction: 100,
  /** Plugins that may call each other in one request. */
  rpcDepth: 8,
  subscriptions: 16,
  /** Calls with an event that may fail before it goes to the plugin's dead events, and how many of those are kept. */
  eventAttempts: 8,
  deadEvents: 1000,
  /** Timers of a manifest, and those that a plugin has set and that are not over. */
  manifestTimers: 16,
  timers: 64,
  timerNameCharacters: 64,
  /** Of a timer as JSON. */
  timerPayloadBytes: 4096,
  /** Milliseconds between two ticks of a plugin's timer, or until its only one, at least. */
  timerLeastMs: 1000,
  /** Host functions that one call of a plugin has under way by `call_submit`, and answers of `http_open` that it has open. */
  ticketsPerCall: 64,
  answersPerCall: 64,
  /** Bytes of an HTTP request's body and of an answer's, redirects that are followed, and milliseconds of it all. */
  httpRequestBytes: 16 * 1024 * 1024,
  httpResponseBytes: 64 * 1024 * 1024,
  httpRedirects: 5,
  httpTimeoutMs: 30_000,
  /** Blobs that a plugin has open in parts, in one call and on one node, and bytes of one part that is read. */
  blobStreamsPerCall: 16,
  blobStreamsPerPlugin: 64,
  blobPartBytes: 1024 * 1024,
  /** Of a manifest's `config_schema` as JSON. */
  configSchemaBytes: 64 * 1024,
  /** Of data that a plugin signs, or whose signature it verifies. */
  signedBytes: 1024 * 1024,
  randomBytes: 65_536,
  logMessageBytes: 8192,
  /** Bytes of a log record as JSON, message and fields. */
  logRecordBytes: 65_536,
  /** Nesting depth of JSON that enters the node. */
  jsonDepth: 64,
  /** Values and keys of params in JSON that the node itself parses; those of plugins have no such limit. */
  jsonValues: 65_536,
} as const;
