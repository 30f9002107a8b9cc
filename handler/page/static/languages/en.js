// The page in English. Another language is a file beside this one with the same texts, each a word or
// a function that puts numbers and names where they belong: languages differ in more than words.

import { numbersOf } from "./numbers.js";

const { counted, percent, tenths, whole } = numbersOf("en");

export const texts = {
  /** What browsers call the language, and which way it is written: `ltr` or `rtl`. */
  tag: "en",
  direction: "ltr",

  /** The frame of the page, and how one comes in. */
  door: {
    allCalls: "All calls",
    forgetToken: "Forget the token",
    reading: "Text size, colours, language",
    help: "Keys",
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
    offline: "Offline: reconnecting … What you see may be old.",
    draining: "Reconnecting … The service leaves, and another takes over.",
    /** @param {string} time  how long */
    lostFor: (time) => `for ${time}`,
    /** @param {string} time  of the day */
    listAsOf: (time) => `As it was at ${time}.`,
    /** Of a call among others, while it is told above them why nothing comes. */
    notLive: "not live",
    /** Of a call: why nothing comes. */
    lost: {
      offline: "offline: reconnecting …",
      draining: "reconnecting …: its server leaves, another takes over",
      expired: "not live: the token has expired",
      refused: "not live: this token opens nothing here",
    },
    renewed: "Not loaded: the service may have a newer page. Load the page again: what is open stays open.",
    notLoaded: "Not loaded yet: the service does not answer. It comes once it does.",
    catchingUp: "reading what was said …",
    /** @param {string} time */
    partGone: (time) => `A part of this call, behind ${time}, is no longer kept.`,
    /** @param {string} time */
    awaySince: (time) => `No words since ${time}.`,
    unheard: "unheard",
    comesLater: "What is said comes later.",
    /** @param {number} seconds */
    late: (seconds) => `late: ${tenths(seconds)}\u00a0s`,
    /** @param {number} count */
    jumpToEndNew: (count) => `Jump to the end (${whole(count)} new)`,
    silent: "The service does not answer. Trying again …",
    /** @param {number} status */
    answers: (status) => `The service answers ${status}. Trying again …`,
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
    search: "Number, name, words or key:value",
    searchKey: "Ctrl K",
    example: "Number, name or words",
    followed: "Followed numbers",
    title: "Live calls",
    state: "Which calls",
    stateLive: "Live",
    stateWaiting: "Waiting",
    stateAway: "Unheard",
    stateEnded: "Ended",
    sort: "Order",
    sortMarked: "Watched first",
    sortNewest: "Newest first",
    sortLongest: "Longest first",
    sortSilent: "Silent longest",
    sortNumber: "By number",
    direction: "Direction",
    directionBoth: "In and out",
    directionIncoming: "Incoming",
    directionOutgoing: "Outgoing",
    compact: "Compact",
    none: "No call is live. The next one appears here.",
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
    nonePastFits: "None of those that are kept fits by number, name or metadata.",
    /**
     * Only what was loaded is searched.
     * @param {number} shown
     * @param {number} all
     */
    countPast: (shown, all) => `${whole(shown)} of the ${whole(all)} that are loaded fit; older ones may.`,
    /** @param {number} most */
    fullPast: (most) => `These are the last ${whole(most)}. Search for a number to see all that are kept of it.`,
    looking: "Looking …",
    /** @param {string} why */
    notRead: (why) => `Not read: ${why}`,
    /** @param {string} number */
    follow: (number) => `Follow ${number}, its next call too`,
    /** @param {string} number */
    unfollow: (number) => `Following ${number}: stop`,
    /** @param {string} callee */
    to: (callee) => `→\u00a0${callee}`,
    /** @param {string} direction */
    waiting: (direction) => `${direction}, waiting for its audio`,
    recogniserAway: "Unheard: words come later",
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
  },

  desk: {
    region: "Transcripts",
    choose: "Choose a call: its transcript opens here, from the beginning.",
    none: "What is said in a call is read here, from its beginning.",
    close: "Close",
    metadata: "Metadata",
    tools: "Tools",
    /** @param {string} name */
    toolsOf: (name) => `Tools for ${name}`,
    open: "Open calls",
    enlarge: "Enlarge",
    back: "Back among the others",
    find: "Find words",
    findHere: "Find in this call",
    findBefore: "The one before",
    findNext: "The next one",
    findAway: "Find no longer",
    pin: "Pin",
    pinned: "Pinned",
    copy: "Copy the transcript",
    /** @param {string} form */
    download: (form) => `Download ${form}`,
    copied: "Copied",
    copyLink: "Copy a link to this call",
    linkCopied: "Link copied: who opens it needs a token of their own",
    copyMoment: "Copy a link to this moment",
    /** @param {string} time */
    momentCopied: (time) => `Link to ${time} copied`,
    /** @param {string} time */
    lineCopied: (time) => `Copied: the turn at ${time}`,
    following: "Following the end",
    staying: "Staying here",
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
    /**
     * @param {number} most
     * @param {string} name
     */
    full: (most, name) => `${counted(most, { one: "call is", other: "calls are" })} open, and no more fit. `
      + `Close one first: ${name} has been open longest.`,
    /** @param {string} name */
    closeInstead: (name) => `Close ${name}`,
    /** @param {number} most */
    allPinned: (most) => `${counted(most, { one: "call is", other: "calls are" })} open, and pinned. Close one first.`,
    /** @param {string} names */
    malformed: (names) => `The link names what is no call: ${names}.`,
    /**
     * @param {number} left
     * @param {number} most
     */
    tooMany: (left, most) => `${counted(most, { one: "call", other: "calls" })} may be open at once: `
      + `${counted(left, { one: "is", other: "are" })} missing of those that the link names.`,
    noticeAway: "Put the notice away",
  },

  words: {
    title: "Watch words",
    hint: "A call in which one is said is marked and comes up. A phrase counts as one; a * stands for any ending.",
    word: "Word or phrase",
    add: "Add",
    list: "Watched words",
    notify: "Notify me, without a sound",
    close: "Close",
    found: "In what was said",
    unheard: "Watch words (not heard yet)",
    /** @param {number} count */
    watching: (count) => `Watch words (${whole(count)})`,
    /**
     * Where it was found last.
     * @param {string} time
     * @param {string} speaker
     */
    where: (time, speaker) => `${time} ${speaker}`,
    /** @param {number} places */
    places: (places) => counted(places, { one: "place", other: "places" }),
    /**
     * @param {number} found
     * @param {number} read
     */
    foundIn: (found, read) => `Found in ${whole(found)} of ${counted(read, { one: "call", other: "calls" })}`,
    /** @param {number} shown */
    shown: (shown) => `the newest ${whole(shown)} are shown`,
    /** @param {number} reading */
    reading: (reading) => `${counted(reading, { one: "more is", other: "more are" })} being read`,
    /** @param {number} unread */
    unread: (unread) => `${counted(unread, { one: "more is", other: "more are" })} not read`,
    /** @param {number} all */
    heard: (all) => `They are heard in ${counted(all, { one: "call", other: "calls" })}`,
    /** @param {string} word */
    remove: (word) => `Wait for “${word}” no longer`,
    problems: {
      empty: "A word has letters or digits.",
      long: "It is too long: 80 letters at most.",
      known: "It is in the list.",
      full: "There are 50 words: remove one first.",
    },
    denied: "The browser does not let this page notify. Its settings for this site can change that.",
    noNotifications: "This browser knows no notifications.",
    /** @param {string} speaker */
    speaks: (speaker) => `${speaker} speaks`,
    bothSpeak: "Both speak",
    /** @param {number} seconds */
    silent: (seconds) => `silent ${whole(seconds)}\u00a0s`,
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
     * Who it is, by name and number.
     * @param {string} name
     * @param {string} number
     */
    party: (name, number) => `${name} ${number}`,
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
    behind: (seconds) => `${tenths(seconds)}\u00a0s behind`,
    copyLine: "Copy line",
    jump: "Jump to live",
    /** @param {number} count */
    jumpNew: (count) => `Jump to live (${whole(count)} new)`,
    jumpToEnd: "Jump to the end",
    beginningGone: "The beginning of this call is no longer kept.",
    /** @param {string} why */
    recogniserAway: (why) => `The recogniser is away (${why}).`,
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

  /** How the reader wants to read. */
  reading: {
    title: "Reading",
    size: { title: "Text size", small: "Small", normal: "Normal", large: "Large", largest: "Largest" },
    density: { title: "Spacing", comfortable: "Comfortable", compact: "Compact" },
    theme: { title: "Colours", system: "System", light: "Light", dark: "Dark" },
    times: "Show times",
    uncertain: "Mark uncertain words",
    language: "Language",
    browserLanguage: "As the browser",
  },

  /** The keys, by place and by what they do: see help/keys.js. */
  help: {
    title: "Keys",
    close: "Close",
    places: { page: "Anywhere", search: "In the search of calls", list: "In a list of calls", call: "In a call", tiles: "Among open calls", find: "While you look for words" },
    keys: {
      page: { search: "Search the calls", help: "Show this sheet" },
      search: { open: "Open the first call that fits, else the first that said it, or follow the number", list: "Go to the calls that fit, then to those that said it", back: "Search for nothing; then go back" },
      list: {
        next: "Next call",
        previous: "Call before",
        pageDown: "A page on",
        pageUp: "A page back",
        first: "First call",
        last: "Last call",
        pin: "Pin it, or let it go",
        back: "Back to the search",
      },
      call: {
        next: "Next turn",
        previous: "Turn before",
        copyLine: "Copy the turn, with its time and a link",
        follow: "Follow the end, or stay here",
        find: "Find words",
        tools: "Its tools",
        pin: "Pin it, or let it go",
        close: "Close it",
      },
      tiles: {
        left: "Call on the left",
        right: "Call on the right",
        up: "Call above",
        down: "Call below",
        enlarge: "Enlarge the call",
        back: "Set it back among the others",
      },
      find: { next: "Next place", previous: "Place before", clear: "Look for nothing" },
    },
    names: { Ctrl: "Ctrl", Shift: "Shift", Alt: "Alt", Enter: "Enter", Escape: "Esc", Delete: "Del", PageUp: "Page Up", PageDown: "Page Down", Home: "Home", End: "End" },
  },

  /** A call in the page of somebody else. */
  embedded: {
    noCall: "no call: the attribute call is no callSid",
  },
};
