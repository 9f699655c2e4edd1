import { handlePatternMatches, parseManifest, parsePluginInfo, pluginInfoProblems } from "@aspen/plugin-api";
import { expect, test } from "@jest/globals";

const manifest = parseManifest({ name: "echo", version: "1.0.0", api_version: "1", handles: ["echo.*", "ping"] });
const info = { name: "echo", version: "1.0.0", api_version: "1", handles: ["echo.say", "ping"] };

test("plugin_info that agrees with the manifest has no problems", () => {
  expect(pluginInfoProblems(info, manifest)).toEqual([]);
});

test("every disagreement is a sentence that names the field", () => {
  expect(pluginInfoProblems({ ...info, version: "2.0.0", handles: ["other.say"] }, manifest)).toEqual([
    'version is "2.0.0" in plugin_info but "1.0.0" in plugin.json',
    'handler "other.say" is not covered by "handles" in plugin.json',
    '"handles" names "echo.*", for which the plugin has no handler',
    '"handles" names "ping", for which the plugin has no handler',
  ]);
});

test("what a build and an install check is the same: the answer's form, then what it says", () => {
  expect(parsePluginInfo(info, manifest)).toEqual(info);
  for (const answer of [null, "text", { ...info, handles: [1] }]) {
    expect(() => parsePluginInfo(answer, manifest)).toThrow(
      expect.objectContaining({ code: "PLUGIN_INVALID_RESPONSE", message: expect.stringContaining("plugin_info") }),
    );
  }
  expect(() => parsePluginInfo({ ...info, handles: ["other.say"] }, manifest)).toThrow(
    expect.objectContaining({
      code: "MANIFEST_INVALID",
      message: expect.stringMatching(
        /^plugin echo disagrees with its plugin\.json: handler "other\.say" .*; "handles"/,
      ),
      details: { problems: expect.arrayContaining([expect.stringContaining('"other.say"')]) },
    }),
  );
});

test.each([
  ["echo.*", "echo.say", true],
  ["echo.*", "echo.a.b", true],
  ["echo.*", "echo.", false],
  ["echo.*", "echo", false],
  ["echo.*", "echoes.say", false],
  ["echo.say", "echo.say", true],
  ["echo.say", "echo.sayit", false],
])("%j covers %j: %j", (pattern, method, covers) => {
  expect(handlePatternMatches(pattern, method)).toBe(covers);
});
