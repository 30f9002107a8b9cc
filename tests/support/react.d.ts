// What clients/js/react.js uses of React, whose own types are not installed here.

export function useEffect(effect: () => (() => void) | void, dependencies: readonly unknown[]): void;
export function useState<T>(initial: () => T): [T, (value: T) => void];
