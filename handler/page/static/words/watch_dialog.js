// The words that are waited for, to be changed, and whether to be told of them beside the page.

import { find, make, makeButton, write } from "../shared/dom.js";
import { loadSheet } from "../shared/load_sheet.js";
import { overPage } from "../shared/over_page.js";
import { texts } from "../shared/texts.js";
import { LONGEST_WORD } from "./watch_words.js";

/** @import { Listening } from "./listening.js" */

await loadSheet("help.css"); // it is not shown without

export class WatchDialog {
  root = dialog();
  layer = overPage(this.root, texts.words.title);
  form = find(this.root, "form", HTMLFormElement);
  input = find(this.root, "input[type=text]", HTMLInputElement);
  problem = find(this.root, ".problem", HTMLElement);
  list = find(this.root, "ul", HTMLUListElement);
  coverage = find(this.root, ".coverage", HTMLElement);
  notify = find(this.root, "input[role=switch]", HTMLInputElement);
  denied = find(this.root, ".denied", HTMLElement);

  /** @param {Listening} listening */
  constructor(listening) {
    this.listening = listening;
    this.input.maxLength = LONGEST_WORD;
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.#add();
    };
    this.notify.onchange = () => this.#switch();
    find(this.root, ".done", HTMLButtonElement).onclick = () => this.layer.hidePopover();
    this.#fill();
  }

  show() {
    this.problem.textContent = "";
    this.#fill();
    this.layer.showPopover();
    this.input.focus();
    this.draw();
  }

  /** Show how it stands. */
  draw() {
    if (!this.layer.matches(":popover-open")) return;
    const { notifications, coverage: { read, reading, unread } } = this.listening;
    const { state } = notifications;
    this.notify.checked = state === "on";
    this.notify.disabled = state === "unknown";
    write(this.denied, state === "denied" ? texts.words.denied : state === "unknown" ? texts.words.noNotifications : "");
    const heard = [texts.words.heard(read + reading), ...(unread ? [texts.words.unread(unread)] : [])].join("; ");
    write(this.coverage, this.listening.watch.words.length ? `${heard}.` : "");
  }

  #fill() {
    const rows = this.listening.watch.words.map(({ word }) => {
      const text = make("span", "", word);
      text.dir = "auto";
      const button = makeButton("✕", () => this.#remove(word));
      button.ariaLabel = texts.words.remove(word);
      return make("li", "", text, button);
    });
    this.list.replaceChildren(...rows);
  }

  #add() {
    const reason = this.listening.watch.add(this.input.value);
    write(this.problem, reason ? texts.words.problems[reason] : "");
    if (!reason) this.input.value = "";
    this.#changed();
  }

  /** @param {string} word */
  #remove(word) {
    this.listening.watch.remove(word);
    this.#changed();
    this.input.focus();
  }

  #changed() {
    this.#fill();
    this.listening.watchAgain();
    this.draw();
  }

  async #switch() {
    await this.listening.notifications.change(this.notify.checked);
    this.draw();
  }
}

/** The dialog, without its words: seldom shown, so no part of the page's markup. */
function dialog() {
  const words = texts.words;
  const input = make("input", "");
  Object.assign(input, { id: "watch-word", type: "text", autocomplete: "off", autocapitalize: "off", dir: "auto" });
  input.setAttribute("aria-describedby", "watch-hint");
  const label = make("label", "", words.word);
  label.htmlFor = input.id;
  const add = make("button", "", words.add);
  add.type = "submit";
  const problem = make("p", "problem");
  problem.role = "alert";
  const list = make("ul", "");
  list.ariaLabel = words.list;
  const notify = make("input", "");
  notify.type = "checkbox";
  notify.role = "switch";
  const [denied, coverage] = [make("p", "denied hint"), make("p", "coverage hint")];
  denied.role = coverage.role = "status";
  const done = make("button", "done", words.close);
  done.type = "button";
  const hint = make("p", "hint", words.hint);
  hint.id = "watch-hint";
  const root = make(
    "div", "",
    make("h2", "", words.title), hint,
    make("form", "", label, make("div", "row", input, add), problem),
    list, make("label", "switch", notify, " ", make("span", "", words.notify)), denied, coverage, done,
  );
  root.id = "watch-dialog";
  return root;
}
