// Words that are searched for, and words that are waited for.

import assert from "node:assert/strict";
import test from "node:test";

import { CallWords } from "../../../handler/page/static/words/call_words.js";
import { Transcript } from "../../../handler/page/static/partyline/transcript.js";
import { tokensOf } from "../../../handler/page/static/shared/folding.js";
import { isSearch, phrase, places } from "../../../handler/page/static/words/phrase.js";
import { Vocabulary } from "../../../handler/page/static/words/vocabulary.js";
import { LONGEST_WORD, MOST_WORDS, WatchWords } from "../../../handler/page/static/words/watch_words.js";
import { contextIn, MOST_HITS, WordIndex } from "../../../handler/page/static/words/word_index.js";

/** @import { CallMessage, Results, Track } from "../../../handler/page/static/partyline/messages.d.ts" */

/** What is looked for, what was said, and which words of it that is. @type {[string, string, string[]][]} */
const MATCHES = [
  ["lawyer", "My LAWYER, your lawyers, my lawyer's.", ["LAWYER", "lawyer"]],
  ["lawyer*", "your lawyers or a flaw", ["lawyers"]],
  ["cancel my order", "Cancel  my, order! cancel my", ["Cancel  my, order"]],
  ["don't", "I don’t. Don t", ["don’t", "Don t"]],
  ["cafe", "Café cafe\u0301 CAFÉS", ["Café", "cafe\u0301"]],
  ["Kündigung", "kündigung Kundigung KUENDIGUNG Ku\u0308ndigung", ["kündigung", "Kundigung", "KUENDIGUNG", "Ku\u0308ndigung"]],
  ["kuendigung", "die Kündigung", ["Kündigung"]],
  ["neue", "das neu", []],
  ["strasse", "Straße STRASSE", ["Straße", "STRASSE"]],
  ["smørrebrød", "Smorrebrod Smoerrebroed", ["Smorrebrod", "Smoerrebroed"]],
  ["ısı", "ISI", ["ISI"]],
  ["σοφος", "Σοφός ΣΟΦΟΣ", ["Σοφός", "ΣΟΦΟΣ"]],
  ["еще", "Ещё", ["Ещё"]],
  ["мои", "мой мои", ["мои"]],
  ["שלום", "שָׁלוֹם", ["שָׁלוֹם"]],
  ["محامي", "أريد المحامي ومحامي والمُحامِي للمحامي محـامي", ["المحامي", "والمُحامِي", "للمحامي", "محـامي"]],
  ["المحامي", "محامي المحامي", ["المحامي"]],
  ["احمد", "أحمد", ["أحمد"]],
  ["٤٢", "42 ۴۲", ["42", "۴۲"]],
  ["律师", "我要找律师谈谈", ["律师"]],
  ["取消订单", "请取消,订单 取订单", ["取消,订单"]],
  ["かき", "がき かき", ["かき"]],
  ["변호사", "변호사를", ["변호사"]],
  ["ทนาย", "ขอพบทนายความ", ["ทนาย"]],
  ["हिन्दी", "हिन्दी हनद", ["हिन्दी"]],
  ["ＡＢＣ", "abc", ["abc"]],
  ["order 66", "order 66 and order 667", ["order 66"]],
  ["!?", "!?", []],
];

for (const [typed, text, found] of MATCHES) {
  test(`${typed} in ${text}`, () => {
    const [words, needles] = [tokensOf(text), phrase(typed)];
    const span = (/** @type {number} */ at) => text.slice(words[at]?.start, words[at + needles.length - 1]?.end);
    assert.deepEqual(places(needles, words).map(span), found);
  });
}

/** What is looked for in one call, what was said, and which words of it that is. @type {[string, string, string[]][]} */
const WITHIN = [
  ["chnung", "die Stromrechnung", ["Stromrechnung"]],
  ["rechn", "die Stromrechnungen, Rechner", ["Stromrechnungen", "Rechner"]],
  ["nung kün", "die Stromrechnung kündigen", ["Stromrechnung kündigen"]],
  ["nung kün", "die Rechnungen kündigen, die Rechnung verkünden", []],
  ["a b c", "ba b cd, b b c, a bb c", ["ba b cd"]],
];

for (const [typed, text, found] of WITHIN) {
  test(`${typed} within ${text}`, () => {
    const [words, needles] = [tokensOf(text), phrase(typed, true, true)];
    const span = (/** @type {number} */ at) => text.slice(words[at]?.start, words[at + needles.length - 1]?.end);
    assert.deepEqual(places(needles, words).map(span), found);
  });
}

for (const [text, wanted] of /** @type {[string, boolean][]} */ ([
  ["", false], ["a", false], ["ab", true], ["a b", true], ["律", true], ["+1 555 000", false], ["order 66", true], ["?!", false],
])) test(`"${text}" is ${wanted ? "" : "not "}looked for in what was said`, () => assert.equal(isSearch(text), wanted));

/** @param {string} text @param {number} start */
function said(text, start) {
  return { text, start, end: start + 1 };
}

/** @param {WordIndex} index @param {string} text */
function starts(index, text) {
  return index.find(phrase(text)).map((hit) => `${hit.said.start}:${hit.place}`).join(" ");
}

test("an index finds words and phrases, across results but not across sides or pauses, in the order of their time", () => {
  const index = new WordIndex(new Vocabulary());
  index.add("inbound", said("I want to cancel", 0));
  index.add("outbound", said("Cancel?", 1));
  index.add("inbound", said("my order. Cancel", 1.5));
  index.add("inbound", said("my order", 9));
  assert.equal(starts(index, "cancel"), "0:3 1:0 1.5:2");
  assert.equal(starts(index, "cancel my order"), "0:3");
  assert.equal(starts(index, "or*"), "1.5:1 9:1");
  assert.equal(starts(index, ""), "");
  assert.equal(starts(index, "lawyer"), "");
});

test("an index that is full forgets the older half", () => {
  const vocabulary = new Vocabulary();
  const index = new WordIndex(vocabulary, 4);
  for (const at of [0, 2, 4, 6]) index.add("inbound", said(`word ${at}`, at));
  index.add("inbound", said("word 8", 8));
  assert.equal(starts(index, "word"), "4:0 6:0 8:0");
  assert.deepEqual([...vocabulary.terms.keys()].sort(), ["4", "6", "8", "word"]);
});

test("of a word that stands everywhere the last places are told", () => {
  const index = new WordIndex(new Vocabulary());
  for (let at = 0; at < 500; at += 1) index.add(at % 2 ? "inbound" : "outbound", said("so", at));
  const hits = index.find(phrase("so"));
  assert.equal(hits.length, 200);
  assert.deepEqual([hits[0]?.said.start, hits.at(-1)?.said.start], [300, 499]);
});

test("a word is known once, by each way to spell it, for as long as a call has it", () => {
  const vocabulary = new Vocabulary();
  const [one, other] = [new WordIndex(vocabulary), new WordIndex(vocabulary)];
  one.add("inbound", said("Kündigung kundigung", 0));
  other.add("outbound", said("Kündigung", 0));
  const found = () => [...vocabulary.matching(phrase("kun*")[0] ?? { spellings: [], begins: false })].map(({ written }) => written);
  assert.deepEqual(found(), ["kündigung", "kundigung"]);
  one.close();
  assert.deepEqual(found(), ["kündigung"]);
  other.close();
  assert.deepEqual(found(), []);
  assert.equal(vocabulary.terms.size, 0);
});

/** @type {[string, string, number, number, unknown][]} */
const CONTEXTS = [
  ["all", "I want to cancel it", 3, 1, { before: "I want to ", words: "cancel", after: " it" }],
  ["what is near", `${"before ".repeat(20)}cancel${" after".repeat(20)}`, 20, 1, {
    before: `… ${"before ".repeat(5)}`, words: "cancel", after: `${" after".repeat(14)} …`,
  }],
  ["letters where there are no blanks", `${"前".repeat(60)}律师${"后".repeat(100)}`, 60, 2, {
    before: `… ${"前".repeat(40)}`, words: "律师", after: `${"后".repeat(80)} …`,
  }],
  ["whole letters", `${"𠀀".repeat(40)}，so`, 40, 1, { before: `… ${"𠀀".repeat(19)}，`, words: "so", after: "" }],
  ["as much as the result has", "please cancel", 1, 3, { before: "please ", words: "cancel", after: "" }],
  ["nothing, where there is no word", "!", 0, 1, { before: "", words: "", after: "!" }],
];

for (const [name, text, place, length, context] of CONTEXTS) {
  test(`around a place stands ${name}`, () => assert.deepEqual(contextIn(text, place, length), context));
}

let seq = 0;

/** @param {string} text @param {number} start @param {Track} track @returns {Results} */
function interim(text, start, track = "inbound", at = 1000) {
  return { type: "Results", callSid: "CA1", at, track, start, duration: 1, channel: { alternatives: [{ transcript: text }] } };
}

/** @param {string} text @param {number} start @param {Track} [track] @returns {CallMessage} */
function final(text, start, track) {
  return { ...interim(text, start, track), seq: seq += 1 };
}

/** @param {string[]} words */
function watching(...words) {
  const call = new CallWords(new Vocabulary());
  call.watch(words.map((word) => ({ word, needles: phrase(word) })));
  return call;
}

/** @param {CallWords} call */
function marks(call) {
  return call.marked.map(({ word, at }) => `${word} ${at}`).join(", ");
}

test("a watched word is marked in what may still change, and no longer when that is taken back", () => {
  const call = watching("lawyer", "cancel it");
  assert.deepEqual(call.receive(interim("call my lawyer", 5)), [
    { word: "lawyer", at: 5, track: "inbound", context: { before: "call my ", words: "lawyer", after: "" } },
  ]);
  assert.equal(marks(call), "lawyer 5");
  assert.deepEqual(call.receive(interim("call my lower", 5)), []);
  assert.equal(marks(call), "");
  call.receive(interim("lawyer", 5));
  call.receive(interim("", 5));
  assert.equal(marks(call), "");
});

test("a watched word stays marked once it is final, where it was said last", () => {
  const call = watching("lawyer");
  call.receive(interim("my lawyer", 5));
  assert.equal(call.receive(final("My lawyer.", 5)).length, 1);
  assert.equal(call.interims.size, 0);
  call.receive(final("What?", 7, "outbound"));
  assert.equal(marks(call), "lawyer 5");
  call.receive(interim("lawyer", 9));
  assert.equal(marks(call), "lawyer 9");
  call.receive(final("before", 4)); // ends before it
  call.receive(final("lower", 9));
  assert.equal(marks(call), "lawyer 5");
});

test("a phrase that began in what is final is found in what may still change", () => {
  const call = watching("cancel my order", "order");
  call.receive(final("Please cancel", 5));
  const [mention] = call.receive(interim("my order now", 6.2));
  assert.deepEqual(mention?.context, { before: "", words: "my order", after: " now" });
  assert.equal(marks(call), "cancel my order 6.2, order 6.2");
  call.receive(interim("my order now", 30)); // after a pause it is another sentence
  assert.equal(marks(call), "order 30");
});

test("what nobody may take back any more is forgotten", () => {
  const call = watching("lawyer");
  call.receive(interim("lawyer", 5));
  call.receive(interim("hello", 5, "outbound"));
  assert.equal(call.forgetInterims(1000), false);
  assert.equal(call.forgetInterims(1001), true);
  assert.equal(call.forgetInterims(), false);
  call.receive(interim("lawyer", 6));
  call.receive({ type: "CallEnded", callSid: "CA1", seq: seq += 1, duration: 9, reason: "completed" });
  assert.equal(marks(call), "");
  assert.deepEqual(call.receive({ type: "UtteranceEnd", callSid: "CA1" }), []);
  assert.deepEqual(call.receive(final("", 9)), []);
});

test("what is said before the past is read is heard for the words that are waited for, and comes again", () => {
  const call = watching("lawyer", "cancel");
  call.search(phrase("lawyer"));
  assert.equal(call.hear(interim("my lawyer", 50)).length, 1);
  assert.equal(marks(call), "lawyer 50");
  assert.deepEqual(call.hear(final("My lower.", 50)), []);
  assert.equal(marks(call), "");
  assert.equal(call.hear(final("I cancel.", 52, "outbound")).length, 1);
  call.hear(interim("no lawyer", 55));
  assert.equal(marks(call), "lawyer 55, cancel 52");
  call.receive(final("A lawyer.", 5)); // now it is read
  call.receive(final("Cancel.", 6));
  assert.equal(marks(call), "lawyer 55, cancel 52"); // no mark goes back
  call.receive(final("I cancel.", 52, "outbound"));
  call.hear({ type: "CallEnded", callSid: "CA1", seq: seq += 1, duration: 60, reason: "completed" });
  call.catchUp();
  assert.equal(marks(call), "cancel 52, lawyer 5");
  assert.equal(call.found, 1);
  call.close();
  assert.equal(call.vocabulary.terms.size, 0);
});

test("what was said before the past is read is not forgotten as others are waited for, and goes on", () => {
  const call = watching("cancel");
  call.hear(final("I cancel", 52));
  call.watch(["cancel", "cancel it"].map((word) => ({ word, needles: phrase(word) })));
  assert.equal(marks(call), "cancel 52");
  assert.equal(call.hear(interim("it now", 52.8)).length, 1);
  assert.equal(marks(call), "cancel it 52.8, cancel 52");
  assert.equal(call.hear(final("it now", 52.8)).length, 1);
  assert.equal(marks(call), "cancel 52, cancel it 52");
});

test("other words are marked in what was said", () => {
  const call = watching("lawyer", "hello");
  call.receive(final("Hello. I cancel.", 1));
  call.receive(interim("no lawyer", 5));
  call.watch(["cancel", "lawyer"].map((word) => ({ word, needles: phrase(word) })));
  assert.equal(marks(call), "lawyer 5, cancel 1");
  call.watch([]);
  assert.equal(marks(call), "");
});

test("what somebody else has read of a call is taken over, the newest of it, and gone on with", () => {
  const read = new Transcript("CA1");
  for (const message of [
    final("The lawyer came.", 1), final("Hello?", 2, "outbound"), final("Please cancel", 5),
    interim("my order", 6.2),
  ]) read.receive(message);
  read.receive(/** @type {CallMessage} */ ({ type: "Gap", callSid: "CA1", at: 1, seq: seq += 1, track: null, start: 3, end: 4, reason: "media-lost" }));
  const call = watching("lawyer", "cancel my order");
  call.search(phrase("hello"));
  call.takeOver(read, 100);
  assert.equal(marks(call), "cancel my order 6.2, lawyer 1");
  assert.equal(call.found, 1);
  assert.equal(call.receive(final("my order.", 6.2)).length, 1);
  assert.equal(marks(call), "cancel my order 5, lawyer 1");
  const short = watching("lawyer", "hello");
  short.takeOver(read, 2);
  assert.equal(marks(short), "hello 2");
});

test("a search counts its places, in what comes too, and shows the last", () => {
  const call = new CallWords(new Vocabulary());
  call.receive(final("an outage in the street", 1));
  call.search(phrase("outa", true));
  assert.equal(call.found, 1);
  assert.deepEqual(call.lastFound, { at: 1, track: "inbound", context: { before: "an ", words: "outage", after: " in the street" } });
  call.receive(final("which outage", 5, "outbound"));
  call.receive(final("none", 7));
  assert.equal(call.found, 2);
  assert.equal(call.lastFound?.at, 5);
  call.search([]);
  assert.equal(call.found, 0);
  assert.equal(call.lastFound, null);
});

test("of what is said again and again the last places are kept, as many as are told", () => {
  const call = new CallWords(new Vocabulary());
  call.search(phrase("so"));
  for (let at = 0; at < MOST_HITS + 50; at += 1) call.receive(final("so", at));
  assert.equal(call.found, MOST_HITS);
  assert.equal(call.lastFound?.at, MOST_HITS + 49);
});

/** A store that may be full. @param {string | null} kept */
function storing(kept) {
  return {
    kept,
    isFull: false,
    getItem() { return this.kept; },
    /** @param {string} _ @param {string} value */
    setItem(_, value) {
      if (this.isFull) throw new Error("full");
      this.kept = value;
    },
  };
}

/** @param {WatchWords} watch */
function words(watch) {
  return watch.words.map(({ word }) => word);
}

test("the reader's words are kept, each once", () => {
  const store = storing(null);
  const watch = new WatchWords(store, "words");
  assert.equal(watch.add("  my \t lawyer "), null);
  assert.equal(watch.add("cancel"), null);
  assert.equal(watch.add("My Lawyer!"), "known");
  assert.equal(watch.add("cancel*"), null);
  assert.equal(watch.add(" ?! "), "empty");
  assert.equal(watch.add("a".repeat(LONGEST_WORD + 1)), "long");
  watch.remove("cancel");
  assert.deepEqual(words(new WatchWords(store, "words")), ["my lawyer", "cancel*"]);
  store.kept = '["other"]';
  watch.read();
  assert.deepEqual(words(watch), ["other"]);
});

test("there are fifty of them at most", () => {
  const watch = new WatchWords(storing(JSON.stringify(Array.from({ length: MOST_WORDS + 9 }, (_, at) => `word${at}`))), "words");
  assert.equal(words(watch).length, MOST_WORDS);
  assert.equal(watch.add("one more"), "full");
});

test("what cannot be kept counts for as long as the page is open", () => {
  const store = storing(null);
  store.isFull = true;
  const watch = new WatchWords(store, "words");
  assert.equal(watch.add("lawyer"), null);
  assert.deepEqual(words(watch), ["lawyer"]);
});

for (const kept of ["{", "{}", "null", "3", `[1, null, {"a": 1}, "", "?", "${"a".repeat(LONGEST_WORD + 1)}"]`]) {
  test(`what is kept may be anything: ${kept.slice(0, 30)}`, () => assert.deepEqual(words(new WatchWords(storing(kept), "words")), []));
}
