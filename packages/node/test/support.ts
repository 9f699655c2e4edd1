import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Feature } from "@aspen/feature";
import type { ContainerModule } from "inversify";
import { z } from "zod";
import { type CreateNodeOptions, createNode, type NodeConfig } from "../src/index.js";

export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "aspen-node-test-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A feature without configuration around a module. */
export function featureOf(module: ContainerModule, name = "test-feature", more: Partial<Feature> = {}): Feature {
  return { name, config: z.strictObject({}), module: () => module, ...more };
}

export interface StartOptions extends CreateNodeOptions {
  /** Each becomes a feature. */
  modules?: readonly ContainerModule[];
}

export function startNode(dataDir: string, config: NodeConfig = {}, { modules = [], ...options }: StartOptions = {}) {
  const features = [...(options.features ?? []), ...modules.map((module, at) => featureOf(module, `test-${at}`))];
  // A node of a test has the plugins that the test installs.
  const flags = { "service-registry": false, ...config.features };
  const silent = { dataDir, listen: { port: 0 }, logLevel: "silent", ...config, features: flags } as const;
  return createNode({ ...options, config: silent, features });
}

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check.
  body: any;
}

/** One HTTP request with full control of its headers, which fetch does not give. */
export function http(
  url: string,
  path: string,
  options: { method?: string; body?: string | Uint8Array; headers?: Record<string, string>; target?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = "POST", body, headers = {}, target } = options;
    // A target goes out as it is, which a URL does not.
    const as = target === undefined ? {} : { path: target };
    const call = request(new URL(path, url), { method, headers, agent: false, ...as }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text && JSON.parse(text) });
      });
    });
    call.on("error", reject);
    call.end(body);
  });
}
