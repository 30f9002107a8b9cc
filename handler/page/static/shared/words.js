// A text and its words.

/** @import { Word } from "../partyline/messages.d.ts" */

/**
 * Part a text by those of its words that are wanted: it has its own blanks, or none, as its script has
 * it. What is between them, and a word that is written otherwise there, belong to none.
 * @param {string} text
 * @param {Word[]} words
 * @param {(word: Word) => boolean} isWanted
 * @returns {{ text: string, word: Word | null }[]}
 */
export function partsOf(text, words, isWanted) {
  const parts = [];
  let [done, from] = [0, 0];
  for (const word of words) {
    const written = word.punctuated_word ?? word.word;
    const at = written ? placeOf(written, text, from) : -1;
    if (at < 0) continue;
    from = at + written.length;
    if (!isWanted(word)) continue;
    if (at > done) parts.push({ text: text.slice(done, at), word: null });
    parts.push({ text: written, word });
    done = from;
  }
  if (done < text.length) parts.push({ text: text.slice(done), word: null });
  return parts;
}

/**
 * Where a word stands: next, or after a blank farther on. "a" is not in "said".
 * @param {string} written
 * @param {string} text
 * @param {number} from
 */
function placeOf(written, text, from) {
  const next = text.indexOf(written, from);
  if (next < 0 || !/[\p{L}\p{N}]/u.test(text.slice(from, next))) return next;
  const later = text.indexOf(` ${written}`, from);
  return later < 0 ? -1 : later + 1;
}
