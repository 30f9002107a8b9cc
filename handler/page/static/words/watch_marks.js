// Watched words, marked in the transcripts that are open: in what may still change, too. Whoever writes
// those need not know: what is written is watched.

import { tokensOf } from "../shared/folding.js";
import { places } from "./phrase.js";
import { rangeIn, textOf } from "../shared/text_ranges.js";

/** @import { WatchWord } from "./watch_words.js" */

// Older browsers know no highlights: there the turn alone is marked.
const highlight = "Highlight" in globalThis ? new Highlight() : null;
if (highlight) CSS.highlights.set("watched", highlight);
// So long (ms) of a frame may marking take: the past of a call comes at once.
const SLICE = 8;

export class WatchMarks {
  /** @type {readonly WatchWord[]} */
  words = [];
  /** @type {Map<Element, StaticRange[]>} by what was said in a turn */
  ranges = new Map();
  /** @type {Set<Element>} that are to be looked at, the last first */
  stale = new Set();
  /** @type {number | undefined} */
  requested = undefined;

  /** @param {HTMLElement} root  has the transcripts */
  constructor(root) {
    this.root = root;
    this.observer = new MutationObserver((changes) => this.#note(changes));
  }

  /**
   * Mark these words and no others.
   * @param {readonly WatchWord[]} words
   */
  watch(words) {
    this.words = words;
    this.observer.disconnect();
    if (words.length) this.observer.observe(this.root, { childList: true, characterData: true, subtree: true });
    for (const said of inTurn(this.root)) this.#renew(said);
    for (const said of this.ranges.keys()) this.#renew(said); // what is marked is seen
    this.#request();
  }

  /** @param {MutationRecord[]} changes */
  #note(changes) {
    for (const { target, addedNodes, removedNodes } of changes) {
      const said = (target instanceof Element ? target : target.parentElement)?.closest(".said");
      if (said) this.#renew(said);
      for (const node of [...addedNodes, ...removedNodes]) {
        if (node instanceof Element) for (const one of node.querySelectorAll(".said")) this.#renew(one);
      }
    }
    this.#request();
  }

  /** @param {Element} said */
  #renew(said) {
    this.stale.delete(said);
    this.stale.add(said);
  }

  #request() {
    if (this.stale.size) this.requested ??= requestAnimationFrame(() => this.#look());
  }

  /** What is written now comes first: behind an hour of words it would be marked a second late. */
  #look() {
    this.requested = undefined;
    const end = performance.now() + SLICE;
    for (const said of [...this.stale].reverse()) {
      this.stale.delete(said);
      this.#mark(said);
      if (performance.now() > end) break;
    }
    this.#request();
  }

  /** @param {Element} said */
  #mark(said) {
    for (const range of this.ranges.get(said) ?? []) highlight?.delete(range);
    const ranges = said.isConnected && this.words.length ? this.#rangesIn(said) : [];
    if (ranges.length) this.ranges.set(said, ranges);
    else this.ranges.delete(said);
    for (const range of ranges) highlight?.add(range);
    said.closest(".turn")?.classList.toggle("watched", ranges.length > 0);
  }

  /** @param {Element} said */
  #rangesIn(said) {
    const written = textOf([said]);
    const tokens = tokensOf(written.text);
    return this.words.flatMap(({ needles }) => places(needles, tokens).map((place) => {
      const start = /** @type {{ start: number }} */ (tokens[place]).start;
      const end = /** @type {{ end: number }} */ (tokens[place + needles.length - 1]).end;
      return rangeIn(written, start, end);
    }));
  }
}

/**
 * What is said in the transcripts, in the order of how far each is from the end of its own.
 * @param {HTMLElement} root
 */
function inTurn(root) {
  const all = [...root.children].map((panel) => [...panel.querySelectorAll(".said")].reverse());
  const longest = Math.max(0, ...all.map(({ length }) => length));
  return Array.from({ length: longest }, (_, back) => all.flatMap((said) => said[back] ?? [])).reverse().flat();
}
