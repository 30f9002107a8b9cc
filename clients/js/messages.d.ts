// What comes over the socket, as docs/protocol.md and docs/schemas/ have it, and what is sent.

export type Track = "inbound" | "outbound";

export interface Word {
  word: string;
  punctuated_word?: string;
  /** Seconds on the call clock, as all times of speech. */
  start: number;
  end: number;
  confidence: number;
}

interface ResultsBody {
  type: "Results";
  callSid: string;
  /** Unix ms at which it was published. */
  at: number;
  track: Track;
  start: number;
  duration: number;
  channel: { alternatives: { transcript: string; words?: Word[] }[] };
}

/** A record is numbered: 1, 2, 3 … without holes. */
export type FinalResults = ResultsBody & { seq: number };

/** What may still change is not numbered; an empty one takes back what was there. */
export type InterimResults = ResultsBody & { seq?: undefined };

export type Results = FinalResults | InterimResults;

export interface Gap {
  type: "Gap";
  callSid: string;
  seq: number;
  start: number;
  end: number;
  /** null: both. */
  track: Track | null;
  reason: string;
}

/** What an application may have said of a call, for people and to know it again. */
export interface Told {
  callerName?: string;
  calleeName?: string;
  metadata?: Record<string, string>;
}

export interface CallStarted extends Told {
  type: "CallStarted";
  callSid: string;
  seq: number;
  /** Unix ms: the zero of the call clock. */
  startedAt: number;
  from: string | null;
  to: string | null;
  direction: string | null;
}

export interface CallResumed {
  type: "CallResumed";
  callSid: string;
  seq: number;
  reason?: string;
}

/** It went away, and why, or is there; with a reason then, if the call is told of something else. */
export type Recogniser = { type: "Recogniser"; callSid: string; seq: number; at: number } & (
  | { state: "down"; reason: string }
  | { state: "up"; reason?: string | null }
);

export interface CallEnded {
  type: "CallEnded";
  callSid: string;
  seq: number;
  duration: number;
  reason: string;
  words?: number;
}

export type CallRecord = FinalResults | Gap | CallStarted | CallResumed | Recogniser | CallEnded;
export type OtherInterim = { type: "UtteranceEnd" | "SpeechStarted"; callSid: string; seq?: undefined };
/** Records before `first` are no longer kept. */
export type Expired = { type: "Expired"; callSid: string; first: number; seq?: undefined };
export type CallMessage = CallRecord | InterimResults | OtherInterim | Expired;

export type Subscribed = {
  type: "Subscribed";
  callSid: string;
  parentCallSid?: string;
  from: string | null;
  to: string | null;
  first: number;
  last: number;
};
export type CaughtUp = { type: "CaughtUp"; callSid: string; seq: number };
export type Refusal = { type: "Error"; callSid: string; code: number; message: string };
export type Token = { type: "Token"; exp: number | null };
export type Waiting = { type: "Waiting"; callSid: string; seconds: number };
export type Over = { type: "Over"; callSid: string; seq: number };

export interface ListedCall extends Told {
  callSid: string;
  from: string | null;
  to: string | null;
  direction: string | null;
  /** Unix ms. */
  startedAt: number;
  state: string;
}

export type Calls = { type: "Calls"; calls: ListedCall[] };
/** Of a number: a call that was being read, and cannot be any more, is told as that. */
export type NumberMessage = CallMessage | Refusal;
export type Message = CallMessage | Subscribed | Waiting | CaughtUp | Over | Refusal | Calls | Token;

export type Command =
  | { list: true }
  | { subscribe: string; since?: number | "live"; interim?: boolean }
  | { unsubscribe: string }
  | { token: string };
