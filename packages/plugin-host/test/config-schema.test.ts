import { describe, expect, test } from "@jest/globals";
import { configuredPlugin } from "../src/native/index.js";
import { Host, scripted } from "./support.js";

const schema = {
  type: "object",
  properties: {
    greeting: { type: "string", maxLength: 5 },
    mail: { type: "object", properties: { to: { type: "string" } }, required: ["to"] },
  },
  required: ["greeting"],
  additionalProperties: false,
};

/** A list of as many halves of a schema as would take years to look at. */
const doubling = Object.fromEntries(
  Array.from({ length: 40 }, (_, at) => [`d${at}`, { allOf: [1, 2].map(() => ({ $ref: `#/$defs/d${at + 1}` })) }]),
);

const withSchema = (config_schema: object, config?: Record<string, unknown>, version = "1.0.0") => ({
  ...scripted("typed", { answer: 1 }, { config_schema: config_schema as never, version }),
  ...(config === undefined ? {} : { config }),
});

describe("config_schema", () => {
  test("lets in what keeps to it", async () => {
    await using host = await Host.start();
    await host.installer.install(withSchema(schema, { greeting: "hi", mail: { to: "a" } }));
    expect((await host.plugins.get("typed"))?.config).toEqual({ greeting: "hi", mail: { to: "a" } });
  });

  test.each([
    [{}, "config", /greeting/],
    [{ greeting: 1 }, "config.greeting", /string/],
    [{ greeting: "much too long" }, "config.greeting", /5|long/],
    [{ greeting: "hi", mail: {} }, "config.mail", /to/],
    [{ greeting: "hi", mail: { to: null } }, "config.mail.to", /string/],
  ])("refuses %j at %s", async (config, field, rule) => {
    await using host = await Host.start();
    const refused = host.installer.install(withSchema(schema, config));
    await expect(refused).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(field),
      details: { problems: expect.arrayContaining([{ field, rule: expect.stringMatching(rule) }]) },
    });
    expect(await host.plugins.get("typed")).toBeNull();
  });

  test("holds for an update, also for the configuration that stays, and the version before goes on", async () => {
    await using host = await Host.start();
    await host.installer.install(withSchema({ type: "object" }, { greeting: 7 }));
    const update = host.installer.update(withSchema(schema, undefined, "1.1.0"));
    await expect(update).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    expect(await host.plugins.get("typed")).toMatchObject({ manifest: { version: "1.0.0" }, config: { greeting: 7 } });
    await host.installer.update(withSchema(schema, { greeting: "hi" }, "1.1.0"));
    expect(await host.plugins.get("typed")).toMatchObject({
      manifest: { version: "1.1.0" },
      config: { greeting: "hi" },
    });
  });

  test.each([
    ["a regular expression without an end", { properties: { a: { pattern: "^(a+)+$" } } }, { a: `${"a".repeat(64)}!` }],
    ["halves of halves", { $ref: "#/$defs/d0", $defs: { ...doubling, d40: {} } }, {}],
    ["a circle", { $ref: "#" }, {}],
    ["a schema elsewhere", { $ref: "https://127.0.0.1:1/schema" }, {}],
  ])("stops at a hostile schema: %s", async (_what, hostile, config) => {
    await using host = await Host.start();
    const refused = host.installer.install(withSchema(hostile, config));
    await expect(refused).rejects.toMatchObject({ code: "MANIFEST_INVALID" });
  });

  test("is bounded, and an object", async () => {
    await using host = await Host.start();
    for (const wrong of [{ description: "x".repeat(65_536) }, "text", [1]]) {
      await expect(host.installer.install(withSchema(wrong as object))).rejects.toMatchObject({
        code: "MANIFEST_INVALID",
      });
    }
  });

  test("holds for the plugins of a node's configuration", async () => {
    const { wasm_hash: _, ...manifest } = withSchema(schema).manifest as Record<string, unknown>;
    const native = { ...manifest, entry: { kind: "native", module: "." } };
    const configured = configuredPlugin("plugins[0]", { manifest: native, module: {}, config: { greeting: 1 } });
    await expect(configured).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});
