import type { LoggedEvent } from "@aspen/layers";
import { decodeStrictUtf8, jsonProblem, LIMITS } from "@aspen/plugin-api";

/** An event as a guest gets it, in the JSON format of CloudEvents 1.0 but for its names. */
export interface PluginEvent {
  id: string;
  namespace: string;
  topic: string;
  source: string;
  subject?: string;
  time: string;
  contentType?: string;
  /** Of a JSON media type. */
  data?: unknown;
  /** Of any other. */
  data_base64?: string;
  chain: readonly string[];
  attributes: Readonly<Record<string, string>>;
  /** 1 for the first call with it. */
  attempt: number;
}

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

export function pluginEvent(event: LoggedEvent, attempt: number): PluginEvent {
  const { id, namespace, topic, source, subject, time, contentType, data, chain, attributes } = event;
  return {
    ...{ id, namespace, topic, source, time, chain, attributes, attempt },
    ...(subject === undefined ? {} : { subject }),
    ...(contentType === undefined ? {} : { contentType, ...dataOf(contentType, data) }),
  };
}

function dataOf(contentType: string, data: Uint8Array): Pick<PluginEvent, "data" | "data_base64"> {
  if (JSON_TYPE.test(contentType)) {
    try {
      const text = decodeStrictUtf8(data);
      // Somebody else may have written it: what no guest could read goes as bytes.
      if (!jsonProblem(data, { depth: LIMITS.jsonDepth - 1 })) return { data: JSON.parse(text) };
    } catch {
      // Not UTF-8.
    }
  }
  return { data_base64: Buffer.from(data).toString("base64") };
}
