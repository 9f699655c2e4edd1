/** The messages of `proto/`, as `@grpc/proto-loader` reads and writes them. */

export interface InfoRequest {
  host_service: number;
  name: string;
  version: string;
  api_version: string;
  config: string;
  permissions: string[];
  kv_prefixes: string[];
}

export interface InfoReply {
  info: string;
  exports: string[];
}

export interface CallRequest {
  call_id: string;
  method: string;
  request_id: string;
  input: Uint8Array;
  /** JSON; empty where no request is. */
  caller: string;
}

/** One of the two is there. */
export interface CallReply {
  output?: Uint8Array;
  error?: Uint8Array;
}

export interface HostCallRequest {
  call_id: string;
  name: string;
  arguments: { present?: Uint8Array; absent?: boolean }[];
}

export interface HostCallReply {
  result: Uint8Array;
}

/** Of go-plugin's broker: where a service of the other side listens. */
export interface ConnInfo {
  service_id: number;
  network: string;
  address: string;
}

export interface StdioData {
  channel: "INVALID" | "STDOUT" | "STDERR";
  data: Uint8Array;
}
