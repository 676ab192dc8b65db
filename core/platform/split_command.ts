/** A command line in one string, cut into words by the rules of a POSIX shell, as BORG_PASSCOMMAND and BORG_RSH are. */

/** What the word under construction is in: nothing, a single-quoted or a double-quoted part. */
type Quote = "" | "'" | '"';

/**
 * Words of `text`: quotes keep blanks together, a backslash takes the next character as it is (inside double quotes only a
 * backslash or a double quote, else it stands for itself). Nothing is expanded. Throws SyntaxError where a quote is not
 * closed or a backslash is the last character.
 */
export function splitCommand(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: Quote = "";
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (quote !== "" && character === quote) quote = "";
    else if (character === "\\" && quote !== "'") {
      const next = text[++i];
      if (next === undefined) {
        throw new SyntaxError("Cannot split command: nothing follows the last backslash");
      }
      const literal = quote === '"' && next !== "\\" && next !== '"';
      word = (word ?? "") + (literal ? character + next : next);
    } else if (quote !== "") word += character;
    else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (character === " " || character === "\t" || character === "\r" || character === "\n") {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + character;
  }
  if (quote !== "") throw new SyntaxError("Cannot split command: a quotation is not closed");
  if (word !== null) words.push(word);
  return words;
}
