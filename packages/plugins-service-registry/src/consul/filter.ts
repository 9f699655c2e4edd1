import { ConsulError } from "./consul-error.js";

/**
 * Filter expressions of Consul (https://developer.hashicorp.com/consul/api-docs/features/filtering): `==`, `!=`, `in`,
 * `not in`, `contains`, `not contains`, `is empty`, `is not empty`, `and`, `or`, `not` and parentheses. No package reads
 * them; `matches` is left out, as a caller's regular expression could hold the node up.
 */
export type Filter = (value: unknown) => boolean;

const TOKEN = /\s*(?:(==|!=|\(|\))|"((?:[^"\\]|\\.)*)"|`([^`]*)`|([A-Za-z0-9_./:-]+(?:\["(?:[^"\\]|\\.)*"\])?))/y;
const MOST = 4096;
const DEEPEST = 32;

interface Token {
  kind: "sign" | "text" | "word";
  text: string;
}

/** @throws ConsulError 400 when it cannot be read */
export function parseFilter(expression: string): Filter {
  if (expression.length > MOST) throw refused(`it has more than ${MOST} characters`);
  return new Parser(tokensOf(expression)).whole();
}

function refused(problem: string): ConsulError {
  return new ConsulError(400, `Failed to create boolean expression evaluator: ${problem}`);
}

function tokensOf(expression: string): Token[] {
  const tokens: Token[] = [];
  const end = expression.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(expression);
    if (!found) throw refused(`it cannot be read from character ${at + 1} on`);
    const [, sign, quoted, raw, word] = found;
    if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
    else tokens.push({ kind: "text", text: raw ?? quoted!.replace(/\\(.)/g, "$1") });
  }
  return tokens;
}

class Parser {
  #at = 0;
  #depth = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  whole(): Filter {
    const filter = this.#or();
    if (this.#at < this.tokens.length) throw refused(`nothing may follow before ${this.#shown()}`);
    return filter;
  }

  #or(): Filter {
    let left = this.#and();
    while (this.#takeWord("or")) {
      const [first, second] = [left, this.#and()];
      left = (value) => first(value) || second(value);
    }
    return left;
  }

  #and(): Filter {
    let left = this.#not();
    while (this.#takeWord("and")) {
      const [first, second] = [left, this.#not()];
      left = (value) => first(value) && second(value);
    }
    return left;
  }

  #not(): Filter {
    if (++this.#depth > DEEPEST) throw refused(`it nests more than ${DEEPEST} deep`);
    try {
      if (this.#takeWord("not")) {
        const inner = this.#not();
        return (value) => !inner(value);
      }
      if (this.#takeSign("(")) {
        const inner = this.#or();
        if (!this.#takeSign(")")) throw refused("a parenthesis is not closed");
        return inner;
      }
      return this.#match();
    } finally {
      this.#depth--;
    }
  }

  #match(): Filter {
    const left = this.#next();
    if (this.#takeSign("==")) return equals(left, this.#next());
    if (this.#takeSign("!=")) return negated(equals(left, this.#next()));
    const not = this.#takeWord("not");
    if (this.#takeWord("in")) return maybe(not, contains(this.#next(), left));
    if (this.#takeWord("contains")) return maybe(not, contains(left, this.#next()));
    if (!not && this.#takeWord("is")) {
      const filled = this.#takeWord("not");
      if (this.#takeWord("empty")) return maybe(filled, isEmpty(left));
    }
    throw refused(`an operator is expected before ${this.#shown()}`);
  }

  #next(): Token {
    const token = this.tokens[this.#at++];
    if (!token || token.kind === "sign") throw refused("a selector or a value is missing");
    return token;
  }

  #takeWord(word: string): boolean {
    const token = this.tokens[this.#at];
    const taken = token?.kind === "word" && token.text.toLowerCase() === word;
    if (taken) this.#at++;
    return taken;
  }

  #takeSign(sign: string): boolean {
    const token = this.tokens[this.#at];
    const taken = token?.kind === "sign" && token.text === sign;
    if (taken) this.#at++;
    return taken;
  }

  #shown(): string {
    return this.#at < this.tokens.length ? JSON.stringify(this.tokens[this.#at]!.text.slice(0, 64)) : "the end";
  }
}

const negated =
  (filter: Filter): Filter =>
  (value) =>
    !filter(value);
const maybe = (not: boolean, filter: Filter): Filter => (not ? negated(filter) : filter);

function equals(selector: Token, wanted: Token): Filter {
  return (value) => {
    const found = select(value, selector);
    return found !== undefined && String(found) === wanted.text;
  };
}

function contains(selector: Token, wanted: Token): Filter {
  return (value) => {
    const found = select(value, selector);
    if (Array.isArray(found)) return found.includes(wanted.text);
    if (typeof found === "string") return found.includes(wanted.text);
    return typeof found === "object" && found !== null && Object.hasOwn(found, wanted.text);
  };
}

function isEmpty(selector: Token): Filter {
  return (value) => {
    const found = select(value, selector);
    if (found === undefined || found === null || found === "") return true;
    return typeof found === "object" && Object.keys(found).length === 0;
  };
}

/** What `Service.Meta.env` or `Meta["a.b"]` names in an answer; what is not there is undefined. */
function select(value: unknown, { text }: Token): unknown {
  const bracket = /^([^[]*)\["((?:[^"\\]|\\.)*)"\]$/.exec(text);
  const path = (bracket?.[1] ?? text).split(".");
  if (bracket) path.push(bracket[2]!.replace(/\\(.)/g, "$1"));
  let found = value;
  for (const part of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, part)) return undefined;
    found = (found as Record<string, unknown>)[part];
  }
  return found;
}
