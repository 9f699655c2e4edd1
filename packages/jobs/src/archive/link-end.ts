/** Links that are followed for one, as many as Linux follows. */
const HOPS = 40;

/**
 * Where a link of an archive leads by way of the others, whose targets are relative: as the system would follow it, but
 * without the folder, which may be reached by a path that says nothing of where it is.
 *
 * @param links targets by the paths of the links, segments with `/` between
 */
export function linkEnd(links: ReadonlyMap<string, string>, path: string): "inside" | "outside" | "loop" {
  const left = path.split("/");
  const place: string[] = [];
  for (let hops = 0; left.length > 0; ) {
    const segment = left.shift()!;
    if (segment === "" || segment === ".") continue;
    if (segment === "..") {
      if (place.pop() === undefined) return "outside";
      continue;
    }
    place.push(segment);
    const target = links.get(place.join("/"));
    if (target === undefined) continue;
    hops += 1;
    if (hops > HOPS) return "loop";
    place.pop();
    left.unshift(...target.split("/"));
  }
  return "inside";
}
