// Mutants that no test can find, each with the reason: they change nothing that anyone could see, or only what no program
// can look at. They do not count. One that is gone from the code is listed here no longer.

export interface Mutant {
  readonly file: string
  /** The line in the source, without the spaces around it. */
  readonly line: string
  /** What stands instead of the part of it that was changed. */
  readonly instead: string
}

export const EQUIVALENT: readonly (Mutant & { readonly reason: string })[] = []
