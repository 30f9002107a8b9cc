// Words and numbers for people.

const REASONS = {
  "recogniser-unreachable": "the recogniser could not be reached",
  "recogniser-rejected": "the recogniser refused the call",
  "media-lost": "no audio came",
  "late-audio": "the audio came too late",
  "broker-unreachable": "it could not be stored",
  "owner-lost": "the server that carried the call was lost",
};

const ENDS = {
  completed: "ended",
  "stream-lost": "ended: the audio stream was lost",
  crashed: "ended: the server that carried it was lost",
  drained: "ended: the server that carried it left",
};

/** Write seconds on the call clock: 01:05, or 1:02:05. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

export function gapReason(reason) {
  return REASONS[reason] ?? reason;
}

export function endReason(reason) {
  return ENDS[reason] ?? `ended: ${reason}`;
}

/** Name the sides of a call as its direction has it; docs/protocol.md says which is which. */
export function speakers(direction) {
  const ours = (direction ?? "").startsWith("outbound");
  return ours ? { inbound: "Callee", outbound: "Caller" } : { inbound: "Caller", outbound: "Callee" };
}

export function title(call) {
  if (!call.from && !call.to) return call.callSid;
  return `${call.from ?? "unknown"} →\u00a0${call.to ?? "unknown"}`; // it may break before the arrow
}

/** A number as it is dialled, however it was written; anything else as it is. */
export function digits(text) {
  const written = text.trim();
  return /^\+?[0-9 ().-]+$/.test(written) ? written.replace(/[^+0-9]/g, "") : written;
}
