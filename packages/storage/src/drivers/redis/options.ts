/** Where a Redis server, a Sentinel or a node of a cluster listens. */
export interface RedisAddress {
  host: string;
  /** @default 6379, of a Sentinel 26379 */
  port?: number;
}

/** TLS as in `node:tls`; the fields are those of `tls.connect`. */
export interface RedisTlsOptions {
  /** Certificates of the authorities to trust, PEM. @default those of Node.js */
  ca?: string | Buffer | (string | Buffer)[];
  /** The client's own certificate, PEM. @default none */
  cert?: string | Buffer;
  /** The key of `cert`, PEM. @default none */
  key?: string | Buffer;
  /** The password of `key`. @default none */
  passphrase?: string;
  /** The name that the server's certificate has to have. @default the host that is connected to */
  servername?: string;
  /** Refuse a server whose certificate is not trusted. @default true */
  rejectUnauthorized?: boolean;
}

export interface RedisSentinelOptions {
  /** Sentinels to ask; others are learnt from them. */
  nodes: readonly RedisAddress[];
  /** Name under which the Sentinels monitor the primary. */
  name: string;
  /** ACL user at the Sentinels. @default none */
  username?: string;
  /** Password at the Sentinels; that of the servers is never sent there. @default none */
  password?: string;
  /** TLS to the Sentinels. @default as to the servers */
  tls?: boolean | RedisTlsOptions;
}

export interface RedisClusterOptions {
  /** Nodes to ask for the others; any of them will do. */
  nodes: readonly RedisAddress[];
}

/** Exactly one of `url`, `sentinel` and `cluster` is given. */
export interface RedisStoreOptions {
  /**
   * `redis://[user:password@]host[:port][/db]`, `redis+sentinel://[user:password@]host[:port],…/name[/db]` (with
   * `?sentinelUsername=…&sentinelPassword=…` for Sentinels that have their own) or
   * `redis+cluster://[user:password@]host[:port],…`; `rediss` instead of `redis` for TLS. User and password are
   * percent-encoded.
   */
  url?: string;
  /** A primary that Sentinels name. */
  sentinel?: RedisSentinelOptions;
  /** A Redis Cluster. */
  cluster?: RedisClusterOptions;
  /** ACL user at the servers. @default that of `url`, or the server's default user */
  username?: string;
  /** Password at the servers. @default that of `url` */
  password?: string;
  /** Database, 0 on a cluster. @default that of `url`, or 0 */
  database?: number;
  /** TLS to the servers; `true` for the defaults of Node.js. @default on for `rediss`, else off */
  tls?: boolean | RedisTlsOptions;
  /** First part of every key in Redis. @default "aspen" */
  keyPrefix?: string;
  /** Milliseconds that a command may take, including the wait for a lost connection and further tries. @default 5000 */
  commandTimeoutMs?: number;
  /**
   * Commands that may wait for a connection at once; each holds its value in memory. One more fails with
   * `STORE_UNAVAILABLE` without waiting.
   * @default 10000
   */
  maxWaitingCommands?: number;
  /**
   * Replicas that must have a write before it is acknowledged (the command WAIT); when they do not within a second,
   * the write fails with `OUTCOME_UNKNOWN`. Commands of this store wait behind it.
   * @default 0
   */
  waitReplicas?: number;
  /**
   * Milliseconds without a renewal by its process after which garbage collection may give up an upload of a blob, 100 to
   * 86400000.
   * @default 600000
   */
  uploadLeaseMs?: number;
  /**
   * Milliseconds between two looks at how the servers are configured, 1000 to 86400000.
   * @default 60000
   */
  checkMs?: number;
  /** Called with a sentence for each finding by which data may be lost, evicted keys among them. @default nobody is told */
  onWarning?: (warning: string) => void;
}
