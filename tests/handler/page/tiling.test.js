// How the open calls share the screen.

import assert from "node:assert/strict";
import test from "node:test";

import { beside, sizesOf, tiling } from "../../../handler/page/static/desk/tiling.js";

// What is left beside the lists.
const LARGE = { width: 1592, height: 1028 };
const MEDIUM = { width: 1038, height: 716 };
const TABLET = { width: 760, height: 972 };
const PHONE = { width: 382, height: 792 };

/** @type {[string, Parameters<typeof tiling>[0], ReturnType<typeof tiling>][]} */
const TILINGS = [
  ["none", { count: 0, ...LARGE }, { mode: "tiles", rows: [], tracks: 1 }],
  ["one, though enlarged", { count: 1, ...LARGE, enlarged: true }, { mode: "tiles", rows: [1], tracks: 1 }],
  ["three side by side", { count: 3, ...MEDIUM }, { mode: "tiles", rows: [3], tracks: 3 }],
  ["five, each row filled", { count: 5, ...LARGE }, { mode: "tiles", rows: [3, 2], tracks: 6 }],
  ["twelve on a large screen", { count: 12, ...LARGE }, { mode: "tiles", rows: [4, 4, 4], tracks: 4 }],
  ["twelve on a smaller one", { count: 12, ...MEDIUM }, { mode: "tiles", rows: [4, 4, 4], tracks: 4 }],
  ["sixteen", { count: 16, ...MEDIUM }, { mode: "tiles", rows: [4, 4, 4, 4], tracks: 4 }],
  ["sixteen on a tablet", { count: 16, ...TABLET }, { mode: "tiles", rows: [3, 3, 3, 3, 2, 2], tracks: 6 }],
  ["three on a phone", { count: 3, ...PHONE }, { mode: "one", rows: [1, 1, 1], tracks: 1 }],
  ["one on a phone", { count: 1, ...PHONE }, { mode: "tiles", rows: [1], tracks: 1 }],
  ["one on a watch", { count: 1, width: 200, height: 200 }, { mode: "tiles", rows: [1], tracks: 1 }],
  ["three, one enlarged", { count: 3, ...MEDIUM, enlarged: true }, { mode: "enlarged", rows: [1, 1], tracks: 1 }],
  ["sixteen, one enlarged", { count: 16, ...LARGE, enlarged: true }, {
    mode: "enlarged", rows: [2, 2, 2, 2, 2, 2, 2, 1], tracks: 2,
  }],
  ["as many beside an enlarged one as its column holds", { count: 12, ...LARGE, enlarged: true }, {
    mode: "enlarged", rows: Array(11).fill(1), tracks: 1,
  }],
  ["one more beside an enlarged one", { count: 13, ...LARGE, enlarged: true }, {
    mode: "enlarged", rows: [2, 2, 2, 2, 2, 2], tracks: 2,
  }],
  ["one enlarged where two columns beside it are too many", { count: 16, ...MEDIUM, width: 1000, enlarged: true }, {
    mode: "enlarged", rows: Array(15).fill(1), tracks: 1,
  }],
  ["one enlarged, the others behind it", { count: 3, ...TABLET, width: 600, enlarged: true }, {
    mode: "one", rows: [1, 1, 1], tracks: 1,
  }],
];

for (const [what, place, expected] of TILINGS) {
  test(`the place is shared by ${what}`, () => assert.deepEqual(tiling(place), expected));
}

test("whatever the place, all have a tile that can be read, in rows that are filled", () => {
  for (let count = 1; count <= 16; count += 1) {
    for (let width = 240; width < 2000; width += 70) {
      for (const height of [150, 400, 700, 1100]) {
        const { rows, tracks } = tiling({ count, width, height });
        assert.equal(rows.reduce((sum, row) => sum + row), count);
        for (const row of rows) assert.ok(row > 0 && tracks % row === 0 && width / row >= 240);
      }
    }
  }
});

test("each tile has others beside it", () => {
  const rows = [3, 2]; //  0 1 2 above 3 4
  const ways = /** @type {const} */ (["before", "after", "above", "below"]);
  const from = (/** @type {number} */ at) => ways.map((way) => beside(rows, at, way));
  assert.deepEqual([0, 1, 2, 3, 4].map(from), [
    [0, 1, 0, 3],
    [0, 2, 1, 3],
    [1, 3, 2, 4],
    [2, 4, 0, 3],
    [3, 4, 2, 4],
  ]);
  assert.equal(beside([], 0, "above"), 0);
});

test("what a tile has room for is said in words, and there are no two for one size", () => {
  assert.deepEqual(sizesOf(600, 500), ["wide", "tall"]);
  assert.deepEqual(sizesOf(512, 321), ["wide"]);
  assert.deepEqual(sizesOf(511, 320), ["small", "low"]);
  assert.deepEqual(sizesOf(447, 145), ["narrow", "small", "low"]);
  assert.deepEqual(sizesOf(304, 144), ["slim", "narrow", "small", "low", "lowest"]);
});
