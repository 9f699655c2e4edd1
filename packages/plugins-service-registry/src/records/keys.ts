/** Where the registry's records are. One namespace, so that a change, its index and its event are one transaction. */
const ROOT = "__service:";

export const NAMESPACE = ROOT;

/** A service: its fencing tokens so far and how many instances are on its ledger. Kept for ever, as tokens never come again. */
export const SERVICES = `${ROOT}s:`;
export const serviceKey = (service: string) => `${SERVICES}${service}`;

/** An instance; it expires with its time to live, by the clock of the store. All of a service are one scan. */
export const INSTANCES = `${ROOT}i:`;
export const instancesOf = (service: string) => `${INSTANCES}${service}/`;
export const instanceKey = (service: string, id: string) => `${INSTANCES}${service}/${id}`;

/** The sign of life of a TTL check; a check without one is critical. */
export const SIGNS = `${ROOT}c:`;
export const signKey = (service: string, id: string, check: string) => `${SIGNS}${service}/${id}/${check}`;

/** What was registered and not taken off again: what expired is known by it. */
export const ledgerKey = (service: string, id: string) => `${ROOT}l:${service}/${id}`;

/** When the sweeper has to look at an instance, in the order of the times. */
export const DUE = `${ROOT}x:`;
export const dueKey = (at: number, service: string, id: string) =>
  `${DUE}${String(Math.max(0, Math.round(at))).padStart(15, "0")}/${service}/${id}`;

/** Instances with checks that a node has to run. */
export const PROBED = `${ROOT}p:`;
export const probedKey = (service: string, id: string) => `${PROBED}${service}/${id}`;

/** Present when the sweeper's timer is set. */
export const SWEEPER = `${ROOT}sweeper`;

/** The service and the id of an instance's key, or of another key with the same end; the rest behind them, if any. */
export function partsOf(prefix: string, key: string): [service: string, id: string, rest: string | undefined] {
  const [service = "", id = "", rest] = key.slice(prefix.length).split("/");
  return [service, id, rest];
}
