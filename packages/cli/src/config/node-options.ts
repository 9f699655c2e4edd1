import { type Command, InvalidArgumentError, Option } from "commander";
import { wholeNumber } from "../command.js";

/** By the name of an option's value: what it says in the shape of the configuration. */
export const OPTION_VALUES: Readonly<Record<string, (value: unknown) => Record<string, unknown>>> = {
  listen: (listen) => ({ listen }),
  socket: (socket) => ({ listen: { socket } }),
  tlsCert: (cert) => ({ listen: { tls: { cert } } }),
  tlsKey: (key) => ({ listen: { tls: { key } } }),
  tlsClientCa: (ca) => ({ listen: { tls: { ca } } }),
  dataDir: (dataDir) => ({ dataDir }),
  redis: (redisUrl) => ({ redisUrl }),
  logLevel: (logLevel) => ({ logLevel }),
  safeMode: (safeMode) => ({ safeMode }),
  jobs: (jobs) => ({ features: { jobs } }),
  dns: (listen) => ({ features: { "service-registry": { dns: { listen } } } }),
  forge: (forge) => ({ features: { forge } }),
  auth: (auth) => ({ auth }),
  authRequired: (required) => ({ auth: { required } }),
};

/** The option that names the configuration file. */
export function addConfigOption(command: Command): Command {
  return command.addOption(
    new Option("--config <file>", "configuration file (default: aspen.config.json, .yaml or .mjs of this folder)").env(
      "ASPEN_CONFIG",
    ),
  );
}

/** The options by which a command learns a node's configuration; none has a default, which would hide the file. */
export function addNodeOptions(command: Command): Command {
  return addConfigOption(command)
    .addOption(
      new Option(
        "--listen <host:port>",
        "address to listen on, loopback unless --auth is given; port 0 picks a free one (default: 127.0.0.1:7070)",
      )
        .env("ASPEN_LISTEN")
        .argParser(address),
    )
    .addOption(
      new Option("--socket <path>", "listen on this Unix domain socket as well, for this user alone").env(
        "ASPEN_SOCKET",
      ),
    )
    .addOption(new Option("--tls-cert <file>", "speak TLS with the certificate of this PEM file").env("ASPEN_TLS_CERT"))
    .addOption(new Option("--tls-key <file>", "PEM file of its private key").env("ASPEN_TLS_KEY"))
    .addOption(
      new Option("--tls-client-ca <file>", "clients must have a certificate of an authority of this PEM file").env(
        "ASPEN_TLS_CLIENT_CA",
      ),
    )
    .addOption(
      new Option("--data-dir <dir>", "keep everything in this directory (default: .aspen)").env("ASPEN_DATA_DIR"),
    )
    .addOption(
      new Option(
        "--redis <url>",
        "keep everything in Redis, shared with other nodes: redis://, redis+sentinel:// or redis+cluster://",
      )
        .env("ASPEN_REDIS_URL")
        .conflicts("dataDir"),
    )
    .addOption(
      new Option("--log-level <level>", "least level that is logged (default: info)")
        .choices(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
        .env("ASPEN_LOG_LEVEL"),
    )
    .option("--safe-mode", "start no plugin, to disable or remove one that ends the node")
    .option("--jobs", "keep a job queue with schedules, and run jobs")
    .addOption(
      new Option("--dns <host:port>", "answer questions of the DNS about services there, UDP and TCP").env("ASPEN_DNS"),
    )
    .option("--forge", "host git repositories, at /git/<owner>/<name>.git")
    .option("--auth", "callers from other machines need a token; then the node may listen on any address")
    .option("--auth-required", "as --auth, and callers on this machine need a token, too");
}

function address(text: string): { host: string; port: number } {
  const match = /^(?:(\[[^\]]+\]|[^:]+):)?(\d{1,5})$/.exec(text);
  if (!match) throw new InvalidArgumentError("It must be HOST:PORT, such as 127.0.0.1:7070.");
  const host = (match[1] ?? "127.0.0.1").replace(/^\[|\]$/g, "");
  return { host, port: wholeNumber(match[2]!, 0, 65_535) };
}
