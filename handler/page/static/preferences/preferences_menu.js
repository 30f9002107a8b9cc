// The menu in which the reader says how to read. It is loaded when it is asked for.

import { change, settings } from "./preferences.js";
import { CHOICES } from "./settings.js";
import { make, makeButton } from "../shared/dom.js";
import { loadSheet } from "../shared/load_sheet.js";
import { LANGUAGES, texts } from "../shared/texts.js";

await loadSheet("help.css"); // it is not shown without

// Between the menu and its button (px).
const APART = 4;

/**
 * Give a button its menu, and open it; the button opens and closes it from now on.
 * @param {HTMLButtonElement} button
 */
export function openReadingMenu(button) {
  const menu = build(button);
  button.after(menu);
  button.popoverTargetElement = menu;
  menu.showPopover();
}

/** @param {HTMLButtonElement} button */
function build(button) {
  const element = make("div", "reading", ...["size", "density", "theme"].map(radios),
    checkbox("times"), checkbox("uncertain"), languagePart());
  element.popover = "auto";
  element.role = "dialog";
  element.ariaLabel = texts.reading.title;
  element.onbeforetoggle = () => { element.style.top = `${button.getBoundingClientRect().bottom + APART}px`; };
  element.ontoggle = (event) => {
    const { newState } = /** @type {ToggleEvent} */ (event);
    button.setAttribute("aria-expanded", String(newState === "open"));
    element.querySelector("input")?.focus();
  };
  return element;
}

/** @param {string} name */
function radios(name) {
  const choice = /** @type {"size" | "density" | "theme"} */ (name);
  /** @type {Record<string, string>} */
  const told = texts.reading[choice];
  const order = choice === "size" ? ["small", "normal", "large", "largest"] : CHOICES[choice];
  const options = order.map((value) => {
    const input = make("input", "");
    input.type = "radio";
    input.name = `reading-${choice}`;
    input.checked = settings[choice] === value;
    input.onchange = () => change({ [choice]: value });
    return make("label", "", input, make("span", "", told[value] ?? ""));
  });
  return make("fieldset", "", make("legend", "", told.title ?? ""), make("div", "options", ...options));
}

/** @param {"times" | "uncertain"} choice */
function checkbox(choice) {
  const input = make("input", "");
  input.type = "checkbox";
  input.checked = settings[choice] === "on";
  input.onchange = () => change({ [choice]: input.checked ? "on" : "off" });
  return make("label", "line", input, " ", texts.reading[choice]);
}

function languagePart() {
  const buttons = ["", "en", ...Object.keys(LANGUAGES)].map((tag) => {
    const button = makeButton(tag ? ownName(tag) : texts.reading.browserLanguage, () => {
      change({ language: tag });
      location.reload(); // every text is another
    });
    if (tag) [button.lang, button.translate] = [tag, false];
    button.ariaPressed = String(settings.language === tag);
    return button;
  });
  return make("fieldset", "", make("legend", "", texts.reading.language), make("div", "options", ...buttons));
}

/**
 * What a language calls itself.
 * @param {string} tag
 */
function ownName(tag) {
  return new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
}
