/** What JavaScript lets anybody throw, and what a message says of it. */
export const hostileThrows: [string, unknown, RegExp][] = [
  ["undefined", undefined, /undefined was thrown/],
  ["null", null, /null was thrown/],
  ["a text", "no disk", /no disk/],
  ["an empty text", "", / was thrown/],
  ["a symbol", Symbol("sign"), /Symbol\(sign\) was thrown/],
  ["a BigInt", 5n, /5 was thrown/],
  ["an object without a prototype", Object.create(null), /cannot be read/],
  ["an object with a message", { message: "no disk" }, /no disk/],
  ["a frozen error", Object.freeze(new Error("no disk")), /no disk/],
  ["an error whose cause is itself", selfCaused(), /no disk/],
  ["an error whose message cannot be read", unreadable(), /cannot be read/],
  ["an error whose cause cannot be read", new Error("no disk", { cause: hostileProxy() }), /cannot be read/],
  ["a proxy whose traps throw", hostileProxy(), /cannot be read/],
];

function selfCaused(): Error {
  const error = new Error("no disk");
  error.cause = error;
  return error;
}

function unreadable(): Error {
  return Object.defineProperty(new Error(), "message", {
    enumerable: true,
    get() {
      throw new Error("a trap");
    },
  });
}

/** Throws whatever is asked of it. */
export function hostileProxy(): object {
  const trap = () => {
    throw hostile;
  };
  const names = Object.getOwnPropertyNames(Reflect).filter((name) => name !== "constructor");
  const hostile: object = new Proxy(() => {}, Object.fromEntries(names.map((name) => [name, trap])));
  return hostile;
}
