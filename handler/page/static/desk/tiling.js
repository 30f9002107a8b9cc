// How the open calls share the place that there is for them, and which of them is beside which. No document,
// no clock, no network.

/**
 * `tiles`: all are seen at once. `enlarged`: one is large, the others stand in a strip beside it.
 * `one`: the place is too narrow for that, the others are behind it.
 * @typedef {"tiles" | "enlarged" | "one"} Mode
 */

/**
 * @typedef {object} Tiling
 * @property {Mode} mode
 * @property {number[]} rows  how many tiles each has; of the strip if one is enlarged
 * @property {number} tracks  columns of the grid: so fine that each row is filled
 */

/** @typedef {"before" | "after" | "above" | "below"} Direction */

// In pixels at the usual size of text, with the gap. What is narrower or lower cannot be read.
const NARROWEST = 240;
const LOWEST = 160;
// What is wider has no longer lines.
const WIDEST = 560;
// Width by height that reads well: a few lines of some words.
const SHAPE = 1.2;
// So much a shape that is e times as wide or high counts against the letters that fit.
const SHAPE_MATTERS = 0.25;
// In the strip beside an enlarged one (desk.css: 5rem, and the gap).
const LOWEST_IN_STRIP = 88;
const STRIP = 280;

// What a tile has no room for that is no wider, or no higher (desk.css).
const AT_MOST_WIDE = { slim: 304, narrow: 447, small: 511 };
const AT_MOST_HIGH = { low: 320, lowest: 144 };
const TALL = 480;

/**
 * @param {{ count: number, width: number, height: number, enlarged?: boolean }} place  pixels
 * @returns {Tiling}
 */
export function tiling({ count, width, height, enlarged = false }) {
  const narrow = width < NARROWEST * (enlarged ? 3 : 2);
  if (narrow && count > 1) return { mode: "one", rows: Array(count).fill(1), tracks: 1 };
  if (enlarged && count > 1) return strip(count - 1, width, height);
  const most = Math.min(count, Math.max(1, Math.floor(width / NARROWEST)));
  let best = { columns: 1, worth: -1 };
  for (let columns = 1; columns <= most; columns += 1) {
    const lines = Math.ceil(count / columns);
    // What has to be scrolled to is not watched.
    const seen = Math.min(1, height / (lines * LOWEST));
    const worth = seen ** 2 * worthOf(width / columns, Math.max(LOWEST, height / lines));
    if (worth > best.worth) best = { columns, worth };
  }
  return { mode: "tiles", ...filled(count, best.columns) };
}

/**
 * What a tile has room for, in words that desk.css knows; several hold at once.
 * @param {number} width  pixels at the usual size of text, as its height
 * @param {number} height
 */
export function sizesOf(width, height) {
  const narrow = Object.entries(AT_MOST_WIDE).filter(([, most]) => width <= most);
  const low = Object.entries(AT_MOST_HIGH).filter(([, most]) => height <= most);
  const names = [...narrow, ...low].map(([name]) => name);
  if (width > AT_MOST_WIDE.small) names.push("wide");
  if (height >= TALL) names.push("tall");
  return names;
}

/**
 * The tile that is beside another in a direction, by their numbers; itself at the edge.
 * @param {number[]} rows
 * @param {number} at
 * @param {Direction} direction
 */
export function beside(rows, at, direction) {
  const tiles = rows.flatMap((length, row) =>
    Array.from({ length }, (_, place) => ({ row, middle: (place + 0.5) / length })));
  if (direction === "before") return Math.max(0, at - 1);
  if (direction === "after") return Math.min(tiles.length - 1, at + 1);
  const here = tiles[at];
  const step = direction === "above" ? -1 : 1;
  let [nearest, least] = [at, Infinity];
  for (const [number, { row, middle }] of tiles.entries()) {
    const away = here?.row === row - step ? Math.abs(middle - here.middle) : Infinity;
    if (away < least) [nearest, least] = [number, away];
  }
  return nearest;
}

/**
 * How much can be read in a tile, and how well.
 * @param {number} width
 * @param {number} height
 */
function worthOf(width, height) {
  const shape = Math.abs(Math.log(width / height / SHAPE));
  return (Math.min(width, WIDEST) * height) / (1 + SHAPE_MATTERS * shape);
}

/**
 * Rows that differ by no more than one tile, each as wide as the place.
 * @param {number} count
 * @param {number} columns
 */
function filled(count, columns) {
  const lines = Math.ceil(count / columns);
  const rows = Array.from({ length: lines }, (_, line) => Math.ceil((count - line) / lines));
  return { rows, tracks: rows.reduce(multiple, 1) };
}

/**
 * The others beside an enlarged one: in one column, or in two if they are too many for that.
 * @param {number} count
 * @param {number} width
 * @param {number} height
 * @returns {Tiling}
 */
function strip(count, width, height) {
  const columns = count * LOWEST_IN_STRIP > height && width > 4 * STRIP ? 2 : 1;
  return { mode: "enlarged", ...filled(count, Math.min(columns, count)) };
}

/**
 * The least common multiple.
 * @param {number} one
 * @param {number} other
 */
function multiple(one, other) {
  let [a, b] = [one, other];
  while (b) [a, b] = [b, a % b];
  return (one / a) * other;
}
