// The end of what was said, where there is little room: no word is cut.

/** @type {Intl.Segmenter | null} */
let segmenter = null;

// Characters that take the room of two: of Chinese, Japanese and Korean, and emoji.
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u;

/**
 * The end of a text in whole words, behind an ellipsis if that is not all of it. Of a word that is
 * longer than there is room for, all of it is there.
 * @param {string} text
 * @param {number} room  in characters, of which wide ones take two
 */
export function lastWords(text, room) {
  const whole = text.trim();
  const from = beginning(whole, room);
  if (from === 0) return whole;
  // A word begins behind a blank; where there is none, as in Chinese, the words have to be looked for.
  const blank = whole.slice(from - 1).search(/\s/u);
  const start = blank < 0 ? unspacedBeginning(whole, from) : from + blank;
  return start ? `… ${whole.slice(start).trim()}` : whole;
}

/**
 * Where the end of a text begins for which there is room.
 * @param {string} text
 * @param {number} room
 */
function beginning(text, room) {
  let from = text.length;
  for (const character of Array.from(text.slice(-2 * room)).reverse()) {
    room -= WIDE.test(character) ? 2 : 1;
    if (room < 0) break;
    from -= character.length;
  }
  return from;
}

/**
 * Where the first word begins behind a place, or the one that the place is in if there is none.
 * @param {string} text  has no blank there
 * @param {number} place
 */
function unspacedBeginning(text, place) {
  const start = text.slice(0, place).search(/\S+$/u);
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "word" });
  const parts = [...segmenter.segment(text.slice(start))];
  const first = parts.find(({ index, isWordLike }) => isWordLike && start + index >= place);
  return start + (first?.index ?? 0);
}
