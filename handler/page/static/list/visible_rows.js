// Which rows of a long list there need to be: those that are seen, and some around them. No document.

// So many rows (each way) are there before they are seen: a wheel is faster than a frame.
const AROUND = 8;

/**
 * What is seen of a list whose rows are all as high.
 * @typedef {object} View
 * @property {number} top  how far it is scrolled (px)
 * @property {number} height  of what is seen of it (px)
 * @property {number} row  the height of a row (px)
 */

/**
 * How high rows are if nobody says so: roomy if all are seen then. Calls come and go: what is compact stays
 * so until there is room to spare.
 * @param {number} count  of all rows
 * @param {{ height: number, roomy: number }} place  what is seen of the list, and what a roomy row takes (px)
 * @param {"roomy" | "compact"} now
 * @returns {"roomy" | "compact"}
 */
export function densityFor(count, { height, roomy }, now) {
  if (height <= 0 || roomy <= 0) return now; // not on the screen
  const spare = now === "compact" ? 1 : 0;
  return (count + spare) * roomy > height ? "compact" : "roomy";
}

/**
 * The rows that are seen, in part too: from `first` to before `last`.
 * @param {View} view
 * @param {number} count  of all rows
 */
export function seenRows({ top, height, row }, count) {
  if (row <= 0) return { first: 0, last: 0 };
  const first = Math.min(count, Math.max(0, Math.floor(top / row)));
  return { first, last: Math.max(first, Math.min(count, Math.ceil((top + height) / row))) };
}

/**
 * The rows that are to be there.
 * @param {View} view
 * @param {number} count
 */
export function neededRows(view, count) {
  const { first, last } = seenRows(view, count);
  return { first: Math.max(0, first - AROUND), last: Math.min(count, last + AROUND) };
}

/**
 * How far to scroll so that a row is seen whole: no farther than that takes.
 * @param {View} view
 * @param {number} index
 */
export function topToShow({ top, height, row }, index) {
  return Math.min(index * row, Math.max(top, (index + 1) * row - height));
}

/**
 * How many rows a page is, of which one is seen again.
 * @param {View} view
 */
export function pageOf({ height, row }) {
  return Math.max(1, Math.floor(height / row) - 1);
}

/**
 * How far to scroll, once the rows are others, so that what is looked at stays where it is: the row that
 * is held, or the first one seen that is still there. At the top the list stays there: new calls are
 * to be seen.
 * @param {View} view
 * @param {string[]} before
 * @param {ReadonlyMap<string, number>} places  of the rows as they are now
 * @param {string | null} held
 */
export function topToStay(view, before, places, held) {
  if (view.top <= 0) return view.top;
  const { first, last } = seenRows(view, before.length);
  const seen = before.slice(first, last);
  const stays = [held, ...seen].find((one) => one !== null && seen.includes(one) && places.has(one));
  if (!stays) return view.top;
  return view.top + (Number(places.get(stays)) - before.indexOf(stays)) * view.row;
}

/**
 * Who comes into the place of a call that is gone: the next one below it that is still there, else above.
 * @param {string[]} before
 * @param {string} gone
 * @param {ReadonlyMap<string, number>} places  of the rows as they are now
 */
export function heir(before, gone, places) {
  const at = before.indexOf(gone);
  return [...before.slice(at + 1), ...before.slice(0, at).reverse()].find((one) => places.has(one)) ?? null;
}
