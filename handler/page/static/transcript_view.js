// The lines of a transcript on the screen: turns, gaps, and what may still change.

import { Search } from "./search.js";
import { clock, gapReason } from "./format.js";

const UNCERTAIN = 0.6;
// So near its end, in pixels, the log is followed.
const NEAR = 48;
// Turns are laid out by the block: what is not on the screen costs next to nothing.
const BLOCK = 40;

export class Lines extends EventTarget {
  /** Events: `follow`, when the reader begins or ends to follow; `moment` with `detail` {seconds, href}. */
  constructor(log, transcript) {
    super();
    this.log = log;
    this.inner = log.firstElementChild;
    this.transcript = transcript;
    this.search = new Search(transcript.turns);
    this.names = {};
    this.marksUncertain = false;
    this.elements = new Map(); // turn: its element
    this.turns = new WeakMap(); // element: its turn
    this.interims = []; // elements of words that may still change
    this.fresh = 0; // turns and segments that came while the reader was elsewhere
    this.following = true;
    this.top = 0;
    log.onscroll = () => this.#onScroll();
    // Turned phones, other panels, and lines that are laid out late move the end away.
    this.observer = new ResizeObserver(() => requestAnimationFrame(() => this.keepUp()));
    this.observer.observe(log);
    this.observer.observe(this.inner);
  }

  close() {
    this.observer.disconnect();
    this.search.clear();
  }

  /** Draw what changed. */
  draw(changes) {
    for (const element of this.interims) element.remove();
    this.interims = [];
    for (const change of changes) if (change.isNew) this.#insert(change);
    for (const turn of new Set(changes.map((change) => change.turn))) this.#fill(turn);
    if (!this.following && !this.transcript.behind) this.fresh += changes.length;
    this.#drawInterims();
    this.keepUp();
  }

  /** Show the end, if it is followed; the past is not chased through. */
  keepUp() {
    if (!this.following || this.transcript.behind) return;
    this.log.scrollTop = this.log.scrollHeight;
    this.top = this.log.scrollTop;
  }

  /** Go to the end, and stay there. */
  follow() {
    this.fresh = 0;
    this.#setFollowing(true);
    this.keepUp();
  }

  /** Show a moment: the turn that has it, or the last before it. */
  show(seconds) {
    const turn = this.transcript.turns.findLast((one) => one.start <= seconds + 0.05) ?? this.transcript.turns[0];
    if (turn) this.#leapTo(turn, "shown");
  }

  /** Mark the words that the recogniser is not sure of. */
  markUncertain(wanted) {
    this.marksUncertain = wanted;
    this.quietly(() => {
      for (const turn of this.transcript.turns) {
        if (turn.segments.some((segment) => segment.words.some(isUncertain))) this.#fill(turn, true);
      }
      this.draw([]);
    });
  }

  /** Name the speakers, as soon as it is known who they are. */
  name(names) {
    this.names = names;
    for (const [turn, element] of this.elements) {
      const who = element.querySelector(".who");
      if (who) who.textContent = names[turn.track];
    }
  }

  /** Find a text, and show the first place from what is on the screen on. */
  find(text) {
    const { left, top } = this.log.getBoundingClientRect();
    const seen = this.turns.get(document.elementFromPoint(left + 40, top + 20)?.closest(".turn"));
    this.search.find(text, this.elements);
    this.#showHit(this.search.stepFrom(seen));
  }

  /** Show the next place, or the one before. */
  findNext(by) {
    this.#showHit(this.search.step(by));
  }

  /** Change what is there without telling those who listen. */
  quietly(change) {
    this.log.setAttribute("aria-live", "off");
    change();
    requestAnimationFrame(() => this.speakUp());
  }

  /** Tell those who listen of what is added, from now on. */
  speakUp() {
    if (!this.transcript.behind) this.log.setAttribute("aria-live", "polite");
  }

  /** A plain text of it all. */
  toString() {
    const lines = this.transcript.turns.map((turn) =>
      turn.reason === undefined
        ? `[${clock(turn.start)}] ${this.names[turn.track]}: ${turn.segments.map((one) => one.text).join(" ")}`
        : `[${clock(turn.start)}] ${this.elements.get(turn).textContent}`);
    return `${lines.join("\n")}\n`;
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.log;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    // Only a reader goes up; what grows below us is not our leaving.
    if (atEnd || scrollTop < this.top - 1) this.#setFollowing(atEnd);
    this.top = scrollTop;
  }

  #setFollowing(following) {
    if (following) this.fresh = 0;
    this.following = following;
    this.dispatchEvent(new Event("follow"));
  }

  #showHit(turn) {
    this.log.querySelector(".current")?.classList.remove("current");
    if (turn) this.#leapTo(turn, "current");
  }

  #leapTo(turn, mark) {
    const element = this.elements.get(turn);
    element.classList.add(mark);
    this.#setFollowing(false);
    element.scrollIntoView({ block: "center" });
    this.top = this.log.scrollTop;
  }

  #insert({ turn, before }) {
    const element = turn.reason === undefined ? this.#turnElement(turn) : this.#gapElement(turn);
    this.elements.set(turn, element);
    this.turns.set(element, turn);
    this.#place(element, before);
  }

  #place(element, before) {
    const next = before && this.elements.get(before);
    if (next) return next.before(element);
    let block = this.inner.lastElementChild;
    if (!block || block.childElementCount >= BLOCK) {
      block = document.createElement("div");
      block.className = "block";
      this.inner.append(block);
    }
    block.append(element);
  }

  #turnElement(turn) {
    const element = document.createElement("div");
    element.className = `turn ${turn.track}`;
    const head = document.createElement("p");
    head.className = "head";
    const who = document.createElement("span");
    who.className = "who";
    who.textContent = this.names[turn.track];
    head.append(who, " ", this.#timeLink(turn.start));
    const said = document.createElement("p");
    said.className = "said";
    element.append(head, said);
    return element;
  }

  #timeLink(seconds) {
    const link = document.createElement("a");
    link.className = "time";
    link.href = `#call=${this.transcript.callSid}&t=${seconds.toFixed(1)}`;
    link.textContent = clock(seconds);
    link.title = "Copy a link to this moment";
    link.onclick = (event) => {
      event.preventDefault();
      this.dispatchEvent(new CustomEvent("moment", { detail: { seconds, href: link.href } }));
    };
    return link;
  }

  #gapElement(gap) {
    const element = document.createElement("p");
    element.className = "gap";
    const side = gap.track ? ` of ${this.names[gap.track]}` : "";
    element.textContent =
      `No transcript${side} from ${clock(gap.start)} to ${clock(gap.end)}: ${gapReason(gap.reason)}.`;
    return element;
  }

  /** Write the segments of a turn that are not there yet, or all of them anew. */
  #fill(turn, anew = false) {
    if (turn.reason !== undefined) return;
    const element = this.elements.get(turn);
    const said = element.lastElementChild;
    // One that comes between others is rare; those behind it are written again.
    let kept = 0;
    while (!anew && said.children[kept]?.segment === turn.segments[kept] && kept < turn.segments.length) kept += 1;
    while (said.children.length > kept) said.lastElementChild.remove();
    for (const segment of turn.segments.slice(kept)) said.append(this.#part(segment));
    this.search.look(turn, element);
  }

  #part(segment) {
    const part = document.createElement("span");
    part.segment = segment;
    part.title = clock(segment.start);
    if (this.marksUncertain && segment.words.some(isUncertain)) part.append(...segment.words.flatMap(marked), " ");
    else part.textContent = `${segment.text} `;
    return part;
  }

  // What may still change stands where it will stand, so that nothing jumps when it does not.
  #drawInterims() {
    for (const [track, interim] of this.transcript.interims) {
      const words = document.createElement("span");
      words.className = "interim";
      words.setAttribute("aria-hidden", "true"); // what is final is read out, once
      words.textContent = interim.text;
      const turn = this.transcript.turnFor(track, interim.start);
      let element = turn && this.elements.get(turn);
      if (element) this.interims.push(words);
      else {
        element = this.#turnElement({ track, start: interim.start });
        element.setAttribute("aria-hidden", "true");
        element.querySelector("a").tabIndex = -1;
        this.interims.push(element);
        this.#place(element, this.transcript.turnAfter(interim.start));
      }
      element.lastElementChild.append(words);
    }
  }
}

function isUncertain(word) {
  return word.confidence < UNCERTAIN;
}

/** A word as it is written, marked if need be, with the blank before it. */
function marked(word, at) {
  const written = word.punctuated_word ?? word.word;
  const blank = at ? " " : "";
  if (!isUncertain(word)) return [blank + written];
  const mark = document.createElement("mark");
  mark.className = "doubt";
  mark.textContent = written;
  mark.title = `${Math.round(100 * word.confidence)} % sure`;
  return [blank, mark];
}
