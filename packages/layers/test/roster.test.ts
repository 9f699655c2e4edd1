import { encodeUtf8 } from "@aspen/plugin-api";
import type { MemberRecord } from "../src/membership/member.js";
import { Roster } from "../src/membership/roster.js";

const record = (id: string, incarnation = 1): MemberRecord => ({
  id,
  incarnation,
  address: null,
  version: "1",
  state: "serving",
  methods: [],
  safeMethods: [],
  features: [],
  jobTypes: [],
});
const bytes = (value: unknown) => encodeUtf8(JSON.stringify(value));

/** A roster on a clock of its own, in which `b` falls silent and `a` does not. */
function begun() {
  let now = 0;
  let version = 0;
  const roster = new Roster(300, 100, () => now);
  for (const id of ["a", "b"]) roster.put(record(id), bytes(record(id)));
  const b = { key: "b", version: 1_000, value: bytes({ incarnation: 1, load: 0 }) };
  const look = (afterMs: number) => {
    now += afterMs;
    version += 1;
    const a = { key: "a", version, value: bytes({ incarnation: 1, load: version }) };
    roster.look(new Map(Object.entries({ a, b })), 100);
    return roster.members().map(({ id, healthy }) => (healthy ? id : `${id}?`));
  };
  return { roster, look };
}

test("who is silent is first unhealthy, then gone", () => {
  const { roster, look } = begun();
  const seen = [1, 2, 3, 4, 5].map(() => look(100));
  expect(seen).toEqual([["a", "b"], ["a", "b"], ["a", "b"], ["a", "b?"], ["a"]]);
  expect(roster.remains()).toMatchObject([{ id: "b", beat: 1_000 }]);
});

test("a process that was stopped takes nobody for dead", () => {
  const { look } = begun();
  look(100);
  expect(look(1_000_000)).toEqual(["a", "b"]);
  expect([look(100), look(100), look(100), look(100)].at(-1)).toEqual(["a"]);
});

test("a sign of life of an earlier incarnation is none", () => {
  const { roster, look } = begun();
  look(100);
  roster.put(record("a", 9), bytes(record("a", 9)));
  for (let looks = 0; looks < 5; looks += 1) look(100);
  expect(roster.members()).toEqual([]);
});
