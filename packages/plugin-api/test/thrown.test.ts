import { describe, expect, it } from "@jest/globals";
import { AspenError, isAspenError, thrownError } from "../src/index.js";

/** Throws itself, whatever is asked of it. */
function hostile(): object {
  const trap = () => {
    throw proxy;
  };
  const proxy: object = new Proxy(() => {}, { get: trap, getPrototypeOf: trap, has: trap, ownKeys: trap });
  return proxy;
}

describe("thrownError", () => {
  it("leaves an error as it is", () => {
    const error = new AspenError("INTERNAL", "no", {}, new Error("why"));
    expect(thrownError(error)).toBe(error);
  });

  it.each([
    [undefined, "undefined was thrown"],
    [null, "null was thrown"],
    ["text", "text"],
    ["", " was thrown"],
    [5n, "5 was thrown"],
    [Symbol("x"), "Symbol(x) was thrown"],
    [{ message: "no" }, "no"],
    [{}, "[object Object] was thrown"],
    [Object.freeze(new Error("no")), "no"],
    [hostile(), "something was thrown that cannot be read"],
    [Object.create(null), "something was thrown that cannot be read"],
    [new Error("no", { cause: hostile() }), "something was thrown that cannot be read"],
  ])("says what was thrown (%#)", (thrown, message) => {
    const error = thrownError(thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe(message);
    expect(Object.isExtensible(error)).toBe(true);
    expect(AspenError.from(thrown)).toMatchObject({ code: "INTERNAL", message });
  });
});

it("nothing that throws when it is looked at is an AspenError", () => {
  expect(isAspenError(hostile())).toBe(false);
  expect(isAspenError(new Proxy(new AspenError("INTERNAL", "no"), {}))).toBe(true);
});
