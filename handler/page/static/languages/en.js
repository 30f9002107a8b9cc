// The page in English. Another language is a file beside this one with the same texts, each a word or
// a function that puts numbers and names where they belong: languages differ in more than words.

import { numbersOf } from "./numbers.js";

const { counted, percent, tenths, whole } = numbersOf("en");

export const texts = {
  /** What browsers call the language, and which way it is written: `ltr` or `rtl`. */
  tag: "en",
  direction: "ltr",
  /** What it calls itself. */
  language: "English",

  /** The frame of the page, and how one comes in. */
  door: {
    allCalls: "All calls",
    forgetToken: "Forget the token",
    otherToken: "The link brings another token than the one in use here.",
    keepToken: "Keep the one in use",
    useToken: "Use the link's",
    title: "Read a call",
    token: "Your token",
    hint: "It stays in this tab. It says which calls you may read.",
    open: "Open",
  },

  /** How it stands with the connection, and why nothing can be read. */
  truth: {
    looking: "Looking …",
    connecting: "Connecting …",
    connected: "Connected",
    reconnecting: "Reconnecting …",
    silent: "The service does not answer. Try again.",
    expired: "Your token has expired. Paste a fresh one: what you have read stays.",
    refused: "This token opens nothing here.",
    wrongOrigin: "This address may not read here: see ALLOWED_ORIGINS and PUBLIC_URL in the service's settings.",
    /** Why a call cannot be read, by the service's code. */
    refusals: {
      4403: "this token does not open this call",
      4404: "no such call",
    },
  },

  list: {
    region: "Calls",
    search: "Number, name, callSid or key:value",
    example: "+1 555 …",
    followed: "Followed numbers",
    state: "Which calls",
    states: { live: "Live", waiting: "Waiting", away: "Unheard", ended: "Ended" },
    sort: "Order",
    sorts: { newest: "Newest first", longest: "Longest first", silent: "Silent longest", number: "By number" },
    direction: "Direction",
    directions: { both: "In and out", incoming: "Incoming", outgoing: "Outgoing" },
    compact: "Compact",
    live: "Live calls",
    none: "There is none. The next one appears here.",
    noneFits: "None of the live calls fits.",
    /**
     * @param {number} shown
     * @param {number} all
     */
    count: (shown, all) => `${whole(shown)} of ${counted(all, { one: "call", other: "calls" })}`,
    /**
     * Whether a recogniser is away is known of the calls alone whose words are read.
     * @param {number} read
     * @param {number} all
     */
    awayOf: (read, all) => `Known of ${whole(read)} of ${whole(all)} calls: no more are read at once.`,
    past: "Calls that are over",
    older: "Older calls",
    nonePast: "None is kept that this token may read.",
    nonePastFits: "None of those that are kept fits.",
    /**
     * Only what was loaded is searched.
     * @param {number} shown
     * @param {number} all
     */
    countPast: (shown, all) => `${whole(shown)} of the ${whole(all)} that are loaded fit; older ones may.`,
    looking: "Looking …",
    /** @param {string} why */
    notRead: (why) => `Not read: ${why}`,
    /** @param {string} number */
    follow: (number) => `Follow ${number}, its next call too`,
    /** @param {string} number */
    unfollow: (number) => `Following ${number}: stop`,
    /** @param {string} callee */
    to: (callee) => `→ ${callee}`,
    waiting: "Waits for its audio",
    recogniserAway: "The recogniser is away.",
    /**
     * @param {string} name
     * @param {string} value
     */
    item: (name, value) => `${name}: ${value}`,
    /**
     * @param {string} speaker
     * @param {string} words
     */
    said: (speaker, words) => `${speaker}: ${words}`,
    /** @param {string} speaker */
    speaks: (speaker) => `${speaker} speaks`,
    bothSpeak: "Both speak",
    /** @param {string} time */
    silent: (time) => `Silent for ${time}`,
  },

  desk: {
    region: "Transcripts",
    choose: "Choose a call: its transcript opens here, from the beginning.",
    close: "Close",
    metadata: "Metadata",
    tools: "Tools",
    find: "Find",
    uncertain: "Mark uncertain words",
    copy: "Copy",
    download: "Download",
    copied: "Copied",
    copyLink: "Copy a link to this moment",
    /** @param {string} time */
    linkCopied: (time) => `Link to ${time} copied`,
    mayNotCopy: "The browser does not let this page copy",
    /** @param {string} why */
    notDownloaded: (why) => `Not downloaded: ${why}`,
    /** @param {number} status */
    answered: (status) => `the service answered ${status}`,
    /** @param {string} number */
    follow: (number) => `Follow ${number}`,
    /** @param {string} number */
    next: (number) => `The next call of ${number} opens by itself.`,
    /** @param {string} title */
    openedByItself: (title) => `Opened by itself: ${title}`,
    /** @param {number} most */
    full: (most) => `${counted(most, { one: "call is", other: "calls are" })} open: close one first.`,
    reconnecting: "reconnecting …",
  },

  words: {
    none: "None found",
    /**
     * @param {number} at
     * @param {number} of
     */
    position: (at, of) => `${whole(at)} of ${whole(of)}`,
  },

  /** One call, on the page and in others'. */
  call: {
    caller: "Caller",
    callee: "Callee",
    unknown: "unknown",
    incoming: "incoming",
    outgoing: "outgoing",
    /**
     * It may break before the arrow.
     * @param {string} caller
     * @param {string} callee
     */
    title: (caller, callee) => `${caller} →\u00a0${callee}`,
    /** @param {string} title */
    region: (title) => `Call ${title}`,
    /** @param {string} title */
    transcript: (title) => `Transcript of ${title}`,
    looking: "looking for this call …",
    waiting: "waiting for its audio stream",
    live: "live",
    ended: "ended",
    /** @param {string} reason  one that is not known here */
    endedAs: (reason) => `ended: ${reason}`,
    /** How a call ended, by its reason. */
    ends: {
      completed: "ended",
      "stream-lost": "ended: the audio stream was lost",
      crashed: "ended: the server that carried it was lost",
      drained: "ended: the server that carried it left",
    },
    /** @param {number} count */
    words: (count) => counted(count, { one: "word", other: "words" }),
    /** @param {number} seconds */
    behind: (seconds) => `${tenths(seconds)} s behind`,
    jump: "Jump to live",
    /** @param {number} count */
    jumpNew: (count) => `Jump to live (${whole(count)} new)`,
    jumpToEnd: "Jump to the end",
    beginningGone: "The beginning of this call is no longer kept.",
    /** @param {string} why */
    recogniserAway: (why) => `The recogniser is away (${why}). What is said now is kept and comes later.`,
    /** @param {string} note */
    recogniserSays: (note) => `The recogniser: ${note}.`,
    /** @param {number} confidence  1 is certain */
    sure: (confidence) => `${percent(confidence)} sure`,
    /**
     * @param {string} speaker
     * @param {string} words
     */
    said: (speaker, words) => `${speaker}: ${words}`,
    /**
     * What was not transcribed; of both sides, if there is no speaker.
     * @param {{ speaker: string, from: string, to: string, why: string }} gap
     */
    gap: ({ speaker, from, to, why }) => `No transcript${speaker && ` of ${speaker}`} from ${from} to ${to}: ${why}.`,
    /** Why there is a gap, by its reason. */
    gaps: {
      "recogniser-unreachable": "the recogniser could not be reached",
      "recogniser-rejected": "the recogniser refused the call",
      "recogniser-unreadable": "what the recogniser said could not be read",
      "media-lost": "no audio came",
      "late-audio": "the audio came too late",
      "broker-unreachable": "it could not be stored",
      "owner-lost": "the server that carried the call was lost",
      paused: "streaming was paused",
    },
  },

  /** A call in the page of somebody else. */
  embedded: {
    noCall: "no call: the attribute call is no callSid",
    offline: "offline: reconnecting …",
    expired: "the token has expired: what you have read stays",
    refused: "this token opens nothing here",
  },
};
