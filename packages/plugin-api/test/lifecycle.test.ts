import { isServing, LIFECYCLE_STATES, LIFECYCLE_TRANSITIONS, Lifecycle, type LifecycleState } from "@aspen/plugin-api";
import { expect, test } from "@jest/globals";
import fc from "fast-check";

test("goes where the table says, refuses the rest, and tells its listeners of each step once", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...LIFECYCLE_STATES), { maxLength: 30 }), (wishes) => {
      const lifecycle = new Lifecycle();
      const seen: [LifecycleState, LifecycleState][] = [];
      lifecycle.onTransition((to, from) => seen.push([from, to]));
      const expected: [LifecycleState, LifecycleState][] = [];
      let model: LifecycleState = "loading";
      for (const wish of wishes) {
        if (LIFECYCLE_TRANSITIONS[model].includes(wish)) {
          lifecycle.transition(wish);
          expected.push([model, wish]);
          model = wish;
        } else {
          expect(() => lifecycle.transition(wish)).toThrow(`from ${model} to ${wish}`);
        }
        expect(lifecycle.state).toBe(model);
      }
      expect(seen).toEqual(expected);
    }),
  );
});

test("every state can be reached, and every state can be left", () => {
  const reached = new Set<LifecycleState>(["loading"]);
  for (const state of reached) for (const next of LIFECYCLE_TRANSITIONS[state]) reached.add(next);
  expect([...reached].sort()).toEqual([...LIFECYCLE_STATES].sort());
  for (const state of LIFECYCLE_STATES) expect(LIFECYCLE_TRANSITIONS[state].length).toBeGreaterThan(0);
});

test("a plugin serves only when it is ready or degraded, and starts to only from initializing or each other", () => {
  expect(LIFECYCLE_STATES.filter(isServing)).toEqual(["ready", "degraded"]);
  const into = LIFECYCLE_STATES.filter((from) => !isServing(from) && LIFECYCLE_TRANSITIONS[from].some(isServing));
  expect(into).toEqual(["initializing"]);
});

test("a disposed listener hears nothing more", () => {
  const lifecycle = new Lifecycle();
  const seen: LifecycleState[] = [];
  const dispose = lifecycle.onTransition((to) => seen.push(to));
  lifecycle.transition("initializing");
  dispose();
  lifecycle.transition("ready");
  expect(seen).toEqual(["initializing"]);
});
