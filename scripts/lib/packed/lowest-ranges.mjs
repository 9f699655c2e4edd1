import { writeFileSync } from "node:fs";
import { join } from "node:path";
import semver from "semver";
import { typeProblems, withoutTypes } from "./types.mjs";

/** Milliseconds for a node that starts and stops. */
const LIMIT_MS = 120_000;

/** The packages whose types appear in ours: a user's own version in range has to be the one that we use, too. */
const SHARED = ["inversify", "zod"];

const PROGRAM = `
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Feature, POINTS } from "@aspen/feature";
import { createNode } from "@aspen/node";
import { method, methodsHandler } from "@aspen/rpc-core";
import { ContainerModule } from "inversify";
import { z } from "zod";

const config = z.object({ greeting: z.string().default("hello") });
const greeter: Feature<z.output<typeof config>> = {
  name: "greeter",
  config,
  module: ({ greeting }) =>
    new ContainerModule(({ bind }) => {
      const say = method({
        summary: "Greets.",
        params: z.object({ name: z.string() }),
        result: z.object({ text: z.string() }),
        handle: ({ name }) => ({ text: greeting + " " + name }),
      });
      const create = () => methodsHandler({ name: "greeter", priority: 500, methods: { "greeter.say": say } });
      bind(POINTS.handlerFactory).toConstantValue({ name: "greeter", priority: 500, create });
    }),
};

const dataDir = await mkdtemp(join(tmpdir(), "aspen-lowest-"));
const node = await createNode({
  features: [greeter],
  config: { dataDir, listen: { port: 0 }, logLevel: "error", features: { greeter: { greeting: "good day" } } },
});
const { text } = (await node.inject("greeter.say", { name: "Ada" })) as { text: string };
await node[Symbol.asyncDispose]();
await rm(dataDir, { recursive: true });
if (text !== "good day Ada") throw new Error("greeter.say answered " + text);
`;

/** Installs a node beside the lowest versions that our ranges allow; there is one of each, and all
 * type-checks and runs. */
export async function checkLowestRanges(project) {
  await project.install({ "@aspen/node": "*", "@aspen/feature": "*", "@aspen/rpc-core": "*" });
  const { dependencies } = project.manifestOf("@aspen/node");
  const lowest = Object.fromEntries(SHARED.map((name) => [name, semver.minVersion(dependencies[name]).version]));
  await project.install(lowest);
  const problems = project.tooNew();
  for (const [name, version] of Object.entries(lowest)) {
    const found = project.installed().filter((it) => it.name === name);
    if (found.length !== 1 || found[0].version !== version) {
      problems.push(`${name} ${version} was asked for; installed: ${found.map((it) => `${it.path} ${it.version}`)}`);
    }
  }
  const file = join(project.folder, "program.ts");
  writeFileSync(file, PROGRAM);
  problems.push(...typeProblems(project, [file], ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"]));
  if (problems.length > 0) return problems;
  const program = join(project.folder, "program.mjs");
  writeFileSync(program, withoutTypes(PROGRAM));
  await project.run(program, LIMIT_MS);
  return problems;
}
