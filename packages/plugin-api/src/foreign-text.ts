/** Characters of a foreign text in a message, unless the caller says otherwise. */
const MOST = 128;

/** A text that somebody else wrote, for a message: at most `most` characters of it, then an ellipsis. */
export function cut(text: string, most: number = MOST): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** The same in quotes, with control characters escaped. */
export function quoted(text: string, most: number = MOST): string {
  return JSON.stringify(cut(text, most));
}
