/** Lines of details that are shown, and characters of each. */
const LINES_MAX = 20;
const CHARACTERS_MAX = 200;

/** What an error's details say beyond its message: a line for each value, under its path. */
export function describeDetails(details: Record<string, unknown>, message: string): string[] {
  const lines: string[] = [];
  for (const [path, value] of leaves(details, "")) {
    if (value === "" || message.includes(value)) continue;
    if (lines.length === LINES_MAX) return [...lines, "… (--json shows all)"];
    const line = `${path}: ${value}`;
    lines.push(line.length > CHARACTERS_MAX ? `${line.slice(0, CHARACTERS_MAX)}…` : line);
  }
  return lines;
}

function* leaves(value: unknown, path: string): Generator<[path: string, text: string]> {
  if (typeof value !== "object" || value === null) {
    yield [path, String(value)];
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const name = Array.isArray(value) ? `[${key}]` : path === "" ? key : `.${key}`;
    yield* leaves(inner, path + name);
  }
}
