// What names a call, and a number.

export const CALL_SID = /^CA[0-9a-f]{32}$/;
export const NUMBER = /^\+[1-9][0-9]{1,14}$/;
