/// <reference path="./parse-prometheus-text-format.d.ts" />
import { AspenError } from "@aspen/plugin-api";
import parse from "parse-prometheus-text-format";
import { cliErrors } from "../errors.js";
import type { NodeAddress } from "../node-address.js";
import type { Bucket } from "./quantile.js";

/** Bytes of an answer. */
const ANSWER_BYTES = 16 * 1024 * 1024;

/** One value, or one histogram, with its labels. */
export interface Series {
  labels: Readonly<Record<string, string>>;
  value: number;
  buckets: readonly Bucket[];
}

/** What a node measured at one moment. */
export interface Scrape {
  /** On the clock of `performance.now()`. */
  at: number;
  /** None when the node does not measure it. */
  of(name: string): readonly Series[];
}

/**
 * Reads `GET /metrics` of a node.
 *
 * @param reach how the node is reached
 * @throws AspenError `NODE_UNREACHABLE`, that of the node's answer, or `INTERNAL` when the answer is no metrics
 */
export async function scrape(
  { url, authorization, shown }: NodeAddress,
  signal: AbortSignal,
  reach = fetch,
): Promise<Scrape> {
  let text: string;
  try {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await reach(new URL("metrics", url), { headers, signal, redirect: "error" });
    text = await bounded(response, shown);
    if (!response.ok) throw refusal(shown, response.status, text);
  } catch (error) {
    if (error instanceof AspenError) throw error;
    throw cliErrors.noMetrics(shown, error);
  }
  const at = performance.now();
  const samples = samplesOf(text, shown);
  return { at, of: (name) => seriesOf(samples.get(name) ?? [], samples.get(`${name}_bucket`) ?? []) };
}

type Sample = ReturnType<typeof parse>[number]["metrics"][number];

/** By name; those of a histogram are its buckets, sum and count. */
function samplesOf(text: string, url: string): Map<string, Sample[]> {
  // Without types: the library makes one histogram of those that differ by their labels. It leaves out a last line
  // without an end.
  const untyped = `${text.replaceAll(/^# TYPE .*$/gm, "")}\n`;
  const samples = new Map<string, Sample[]>();
  try {
    for (const { name, metrics } of parse(untyped)) samples.set(name, [...(samples.get(name) ?? []), ...metrics]);
  } catch (error) {
    throw cliErrors.notMetrics(url, error);
  }
  return samples;
}

function seriesOf(values: readonly Sample[], buckets: readonly Sample[]): Series[] {
  const histograms = new Map<string, { labels: Record<string, string>; value: number; buckets: Bucket[] }>();
  for (const { labels: { le = "", ...labels } = {}, value } of buckets) {
    const key = JSON.stringify(Object.entries(labels).sort());
    const histogram = histograms.get(key) ?? { labels, value: Number.NaN, buckets: [] };
    histogram.buckets.push({ le: le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le), count: Number(value) });
    histograms.set(key, histogram);
  }
  for (const { buckets: own } of histograms.values()) own.sort((one, other) => one.le - other.le);
  const plain = values.map(({ labels = {}, value }) => ({ labels, value: Number(value), buckets: [] }));
  return [...plain, ...histograms.values()];
}

async function bounded(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES) throw cliErrors.tooLarge(`the answer of ${url}`, bytes, ANSWER_BYTES);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The error that a node answered, as it says itself. */
function refusal(url: string, status: number, text: string): AspenError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    if (typeof error.code === "string" && typeof error.message === "string")
      return new AspenError(error.code, error.message);
  } catch {
    // Something else than a node answers there.
  }
  return cliErrors.noMetrics(url, new Error(`it answered with status ${status}`));
}
