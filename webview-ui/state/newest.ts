/** Questions that follow each other: only the answer to the last one is used, one that fails is not missed. */
export function newest() {
  let latest = 0;
  /** Without a question those before it are no longer wanted. */
  return <T>(answer?: Promise<T>, use?: (value: T) => void, fail?: (error: unknown) => void): void => {
    const mine = ++latest;
    answer?.then(
      (value) => {
        if (mine === latest) use?.(value);
      },
      (error) => {
        if (mine === latest) fail?.(error);
      },
    );
  };
}
