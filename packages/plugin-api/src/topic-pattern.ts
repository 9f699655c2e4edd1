/** One token of an event's topic, `*` for any one, or at the end `>` for one or more; as subjects of NATS. */
const PATTERN = /^(?:(?:[A-Za-z0-9_-]+|\*)(?:\.(?:[A-Za-z0-9_-]+|\*))*(?:\.>)?|>)$/;

/** Characters of a pattern; a topic has no more. */
export const TOPIC_PATTERN_CHARACTERS = 255;

/** True for a topic, or a pattern of topics: `note.changed`, `note.*`, `note.>`, `>`. */
export function isTopicPattern(value: string): boolean {
  return value.length <= TOPIC_PATTERN_CHARACTERS && PATTERN.test(value);
}

/** True when the pattern stands for the topic: `*` for one token, `>` at the end for one or more. */
export function topicMatches(pattern: string, topic: string): boolean {
  const wanted = pattern.split(".");
  const tokens = topic.split(".");
  for (const [at, token] of wanted.entries()) {
    if (at >= tokens.length) return false;
    if (token === ">") return true;
    if (token !== "*" && token !== tokens[at]) return false;
  }
  return wanted.length === tokens.length;
}
