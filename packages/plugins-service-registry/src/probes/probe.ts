import { connect } from "node:net";
import type { CheckDefinition, Sign } from "../records/instance.js";

const TIMEOUT_MS = 10_000;

/** Tries a check once. What an answer says is not kept: whoever registers must not read by a node what they cannot reach. */
export async function probe(check: CheckDefinition, signal: AbortSignal): Promise<Sign> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(check.timeoutMs ?? TIMEOUT_MS)]);
  try {
    return check.kind === "http" ? await probeHttp(check.target!, limit) : await probeTcp(check.target!, limit);
  } catch {
    const why = limit.aborted ? "no answer in time" : "cannot be reached";
    return { health: "critical", output: `${check.kind.toUpperCase()} ${check.target}: ${why}` };
  }
}

/** As Consul reads it: 2xx passes, 429 warns, anything else is critical. */
async function probeHttp(url: string, signal: AbortSignal): Promise<Sign> {
  const response = await fetch(url, { signal, redirect: "manual", headers: { accept: "*/*" } });
  await response.body?.cancel();
  const health = response.ok ? "passing" : response.status === 429 ? "warning" : "critical";
  return { health, output: `HTTP GET ${url}: ${response.status}` };
}

function probeTcp(target: string, signal: AbortSignal): Promise<Sign> {
  const at = target.lastIndexOf(":");
  const host = target.slice(0, at).replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(target.slice(at + 1)), signal });
    socket.once("connect", () => {
      socket.destroy();
      resolve({ health: "passing", output: `TCP connect ${target}: Success` });
    });
    socket.once("error", reject);
  });
}
