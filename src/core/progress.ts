/** Reports how far a piece of work is: `done` of `total`, in units that only matter as a ratio. */
export type Progress = (done: number, total: number, what: string) => void;

/** For work that nobody watches. */
export const noProgress: Progress = () => {};
