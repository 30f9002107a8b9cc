// How texts may be spelled, and the words of them: what is typed finds what was said, and who a call is with,
// whatever the case, the accents and the script.

/**
 * A word of a text.
 * @typedef {object} Token
 * @property {number} start  in the text
 * @property {number} end
 * @property {readonly string[]} spellings  folded; the first is its own
 */

// Scripts that put no blanks between words, or write what belongs to a word on to it: there each letter
// (of Korean each syllable) counts as a word, and any place where they follow each other is one.
const SCRIPTS = ["Han", "Hiragana", "Katakana", "Hangul", "Thai", "Lao", "Khmer", "Myanmar"]
  .map((script) => `\\p{Script=${script}}`).join("");
export const UNSPACED = new RegExp(`[${SCRIPTS}]`, "u");
const TOKEN = new RegExp(`(?=[\\p{L}\\p{N}])[${SCRIPTS}]\\p{M}*|(?:(?![${SCRIPTS}])[\\p{L}\\p{N}\\p{M}])+`, "gu");

// Marks that only say how a letter is spoken: accents (but и with a breve is a letter of its own),
// points of Hebrew, signs of Arabic, and the line that stretches its words. Those of other scripts
// are letters: without them a word is another one.
const ACCENTS = /(?<![\u0418\u0438])[\u0300-\u036f]|[\u0591-\u05c7\u0640\u064b-\u065f\u0670\u06d6-\u06ed]/gu;

/** Letters that no accent makes of others. @type {Record<string, string>} */
const LETTERS = {
  "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "þ": "th", "ς": "σ",
  // As Arabic is searched in general: https://lucene.apache.org/core/9_0_0/analysis/common/
  // org/apache/lucene/analysis/ar/ArabicNormalizer.html; and the Persian forms of two letters.
  "ٱ": "ا", "ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك",
};
const ODD_LETTER = new RegExp(`[${Object.keys(LETTERS).join("")}]`, "gu");

/** What is written where there is no key for a letter. @type {Record<string, string>} */
const SPELLED_OUT = { "ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa" };
const SPELLABLE = new RegExp(`[${Object.keys(SPELLED_OUT).join("")}]`, "gu");

// Of hours that were said most is this, and quickly read.
const ASCII = /^[\x20-\x7e]*$/;
const ASCII_TOKEN = /[a-z0-9]+/gi;

// The article, and the particles that are written on to it: "the lawyer" has "lawyer".
const ARTICLE = /^[\u0648\u0641]?(?:[\u0628\u0643]?\u0627\u0644|\u0644\u0644)(?=..)/u;

/**
 * Part a text into its words.
 * @param {string} text
 * @returns {Token[]}
 */
export function tokensOf(text) {
  return Array.from(text.matchAll(ASCII.test(text) ? ASCII_TOKEN : TOKEN), ({ 0: word, index }) => (
    { start: index, end: index + word.length, spellings: spellings(word) }
  ));
}

/**
 * How a word may be spelled, or a text: without accents, and with umlauts spelled out.
 * @param {string} text
 */
export function spellings(text) {
  const lower = text.toLowerCase();
  if (ASCII.test(lower)) return [lower]; // most are
  const composed = lower.normalize("NFKC");
  const own = fold(composed);
  const others = [fold(composed.replace(SPELLABLE, (letter) => String(SPELLED_OUT[letter]))), own.replace(ARTICLE, "")];
  return [...new Set([own, ...others])];
}

/**
 * Those of the spellings of what somebody typed that are looked for: what is typed with the article means it.
 * @param {readonly string[]} spellings
 */
export function sought([own = "", ...others]) {
  return [own, ...others.filter((other) => !own.endsWith(other))];
}

/** @param {string} lower */
function fold(lower) {
  const bare = lower.normalize("NFKD").replace(ACCENTS, "").normalize("NFKC");
  return bare.replace(ODD_LETTER, (letter) => String(LETTERS[letter])).replace(/[\u0660-\u0669\u06f0-\u06f9]/gu, digit);
}

/** @param {string} eastern  a digit */
function digit(eastern) {
  return String(eastern.charCodeAt(0) & 0xf);
}
