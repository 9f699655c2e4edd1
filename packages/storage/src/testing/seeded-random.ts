/** A repeatable sequence of numbers from 0 to 1 (Park and Miller, "Random number generators", 1988). */
export function seededRandom(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
