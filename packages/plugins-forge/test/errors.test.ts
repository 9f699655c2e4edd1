import { expect, test } from "@jest/globals";
import { forgeErrors, isAspenError } from "../src/index.js";

test("an error names the field and what is wrong with it", () => {
  const error = forgeErrors.invalid("limit", "is no number");
  expect(isAspenError(error)).toBe(true);
  expect(error).toMatchObject({ code: "INVALID_PARAMS", message: "limit is no number", details: { field: "limit" } });
});
