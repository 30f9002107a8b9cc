// Finding words in a transcript. What is found is marked without touching what is written.

// Older browsers know no highlights: there the turn is outlined, and its words are not.
const found = globalThis.Highlight && new Highlight();
const shown = globalThis.Highlight && new Highlight();
if (found) {
  shown.priority = 1;
  CSS.highlights.set("found", found);
  CSS.highlights.set("shown", shown);
}

export class Search {
  /** `turns` are those of the transcript, in their order. */
  constructor(turns) {
    this.turns = turns;
    this.pattern = null;
    this.ranges = new Map(); // turn: where in it
    this.turn = null; // of the hit that is shown, and which of the turn's it is
    this.index = 0;
    this.shown = null; // its range
  }

  /** Look for a text in all turns; an empty one is found nowhere. */
  find(text, elements) {
    this.clear();
    const words = text.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    this.pattern = words[0] ? new RegExp(words.join("\\s+"), "giu") : null;
    for (const turn of this.turns) this.look(turn, elements.get(turn));
  }

  /** Look again at a turn that was written anew. */
  look(turn, element) {
    this.#unmark(turn);
    if (!this.pattern || turn.reason !== undefined) return;
    const ranges = occurrences(element.lastElementChild, this.pattern);
    if (!ranges.length) return;
    this.ranges.set(turn, ranges);
    ranges.forEach((range) => found?.add(range));
    if (turn === this.turn) this.#goTo([turn, Math.min(this.index, ranges.length - 1)]);
  }

  /** Go to the next hit, or back; returns its turn, or null if there is none. */
  step(by) {
    const hits = this.#hits();
    return hits.length ? this.#goTo(hits[(this.#at(hits) + by + hits.length) % hits.length]) : null;
  }

  /** Go to the first hit in a turn or behind it, else to the last one. */
  stepFrom(turn) {
    const hits = this.#hits();
    const start = turn?.start ?? 0;
    return hits.length ? this.#goTo(hits.find(([one]) => one.start >= start) ?? hits.at(-1)) : null;
  }

  /** How many there are, and which is shown: `2 of 7`. */
  toString() {
    if (!this.pattern) return "";
    const hits = this.#hits();
    return hits.length ? `${this.#at(hits) + 1} of ${hits.length}` : "None found";
  }

  /** Forget what was found. */
  clear() {
    for (const turn of [...this.ranges.keys()]) this.#unmark(turn);
    this.pattern = this.turn = null;
    this.index = 0;
  }

  #goTo([turn, index]) {
    this.turn = turn;
    this.index = index;
    if (this.shown) shown?.delete(this.shown); // another panel's stays
    this.shown = this.ranges.get(turn)[index];
    shown?.add(this.shown);
    return turn;
  }

  #at(hits) {
    return hits.findIndex(([turn, index]) => turn === this.turn && index === this.index);
  }

  #hits() {
    return this.turns.flatMap((turn) => (this.ranges.get(turn) ?? []).map((_, index) => [turn, index]));
  }

  #unmark(turn) {
    for (const range of this.ranges.get(turn) ?? []) { found?.delete(range); shown?.delete(range); }
    this.ranges.delete(turn);
  }
}

/** Where a pattern is in what was said finally, across its parts. */
function occurrences(said, pattern) {
  const nodes = [];
  let text = "";
  for (const part of said.querySelectorAll(":scope > :not(.interim)")) {
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      nodes.push({ node: walker.currentNode, from: text.length });
      text += walker.currentNode.data;
    }
  }
  const place = (offset) => {
    const { node, from } = nodes.findLast((one) => one.from <= offset);
    return [node, offset - from];
  };
  return Array.from(text.matchAll(pattern), ({ index, 0: { length } }) => {
    const [startContainer, startOffset] = place(index);
    const [last, offset] = place(index + length - 1); // the end belongs to the last letter's node
    return new StaticRange({ startContainer, startOffset, endContainer: last, endOffset: offset + 1 });
  });
}
