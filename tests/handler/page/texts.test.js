// The texts of the page, in each of its languages.

import assert from "node:assert/strict";
import test from "node:test";

import { texts as english } from "../../../handler/page/static/languages/en.js";
import { numbersOf } from "../../../handler/page/static/languages/numbers.js";
import * as shown from "../../../handler/page/static/shared/texts.js";

/** @type {Record<string, typeof english>} */
const LANGUAGES = { en: english };
for (const [tag, load] of Object.entries(shown.LANGUAGES)) LANGUAGES[tag] = (await load()).texts;

/**
 * Each text by its path.
 * @param {object} texts
 * @returns {[string, unknown][]}
 */
function all(texts, path = "") {
  return Object.entries(texts).flatMap(([name, text]) =>
    typeof text === "object" ? all(text, `${path}${name}.`) : [[path + name, text]]);
}

/** @param {object} texts */
function kinds(texts) {
  return all(texts).map(([path, text]) => [path, typeof text === "function" ? text.length : typeof text]).sort();
}

for (const [tag, texts] of Object.entries(LANGUAGES)) {
  test(`${tag} has every text that English has, and no other`, () => {
    assert.deepEqual(kinds(texts), kinds(english));
    assert.equal(texts.tag, tag);
  });

  test(`${tag} has no empty text, and puts whatever it is given in its place`, () => {
    for (const [path, text] of all(texts)) {
      if (typeof text !== "function") assert.match(String(text), /\S/, path);
      else for (const each of given(text)) assert.match(each.told, each.wanted, path);
    }
  });
}

/**
 * What a text makes of numbers, of words, and of an object of words: one of them is what it takes.
 * @param {Function} text
 */
function given(text) {
  const names = /^\(?\{([^}]*)\}/.exec(String(text))?.[1]?.split(",").map((name) => name.trim()).filter(Boolean);
  if (names) {
    const told = text(Object.fromEntries(names.map((name) => [name, `<${name}>`])));
    return names.map((name) => ({ told, wanted: new RegExp(`<${name}>`) }));
  }
  const many = Array.from({ length: text.length }, (_, at) => 3 + at);
  return many.map((number) => ({ told: text(...many), wanted: new RegExp(`${number}`) }));
}

test("one and many are told apart", () => {
  assert.equal(numbersOf("en").counted(1, { other: "sheep" }), "1 sheep");
  assert.equal(english.call.words(1), "1 word");
  assert.equal(english.call.words(1212), "1,212 words");
});

test("a text is found by its path, and only a text", () => {
  assert.equal(shown.textAt("list.title"), "Live calls");
  for (const path of ["list", "list.moon", "moon.list", "list.follow"]) {
    assert.throws(() => shown.textAt(path), new TypeError(`${path} is no text`));
  }
});

test("a word of the service has a text, or is shown as it came", () => {
  assert.equal(shown.textFor({ paused: "it was paused" }, "paused"), "it was paused");
  assert.equal(shown.textFor({ paused: "it was paused" }, "constructor"), "constructor");
  assert.equal(shown.textFor({}, "moon", "why not"), "why not");
});

/** @type {[string[], string, string][]} what is wanted, what is read, and where the reader is */
const CHOICES = [
  [["en-GB", "en"], "en", "en-GB"],
  [["xx", "en-US"], "en", "en-US"],
  [["de-AT", "en"], "de", "de-AT"],
  [["constructor", "", "en"], "en", "en"],
  [["en-not_a_tag"], "en", "en"],
];

for (const [wanted, tag, where] of CHOICES) {
  test(`who wants ${wanted.join(", ")} reads ${tag}`, async () => {
    await shown.choose(wanted);
    assert.deepEqual([shown.texts.tag, shown.locale], [tag, where]);
  });
}

test("another language is loaded, and one that cannot be is passed over", async () => {
  const latin = { ...english, tag: "la" };
  const fail = () => Promise.reject(new Error("offline"));
  const languages = { la: async () => ({ texts: latin }), xx: fail, yy: () => fail() };
  assert.equal(await shown.choose(["xx", "yy", "la-VA", "en"], languages), languages.xx);
  assert.deepEqual([shown.texts.tag, shown.locale], ["la", "la-VA"]);
  assert.equal(await shown.choose(["en"], languages), undefined);
  assert.equal(shown.texts.tag, "en");
});

test("a language that fails to load once is tried again", async () => {
  let tries = 0;
  const load = async () => {
    tries += 1;
    if (tries === 1) throw new Error("by chance");
    return { texts: { ...english, tag: "la" } };
  };
  await shown.choose(["la"], { la: load });
  assert.deepEqual([shown.texts.tag, tries], ["la", 2]);
  await shown.choose(["en"]);
});

test("who wants none that there is reads as before", async () => {
  await shown.choose(["xx"]);
  assert.equal(shown.texts.tag, "en");
});
