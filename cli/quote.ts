/** `words` as one line that a POSIX shell would split into them again. */
export function quoteCommand(words: readonly string[]): string {
  return words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`)
    .join(" ");
}
