/**
 * True when `pattern`, a method's name or `prefix.*`, covers `method`. A `prefix.*` stands for every longer name, so it
 * also covers the patterns that begin with it.
 */
export function handlePatternMatches(pattern: string, method: string): boolean {
  return pattern.endsWith(".*")
    ? method.startsWith(pattern.slice(0, -1)) && method.length >= pattern.length
    : pattern === method;
}
