// Programs that are started with an environment of their own still find what Node compiled for those before them: half
// of what a start costs. Where it lies is said by `npm test` and by the scripts; without it every start compiles anew.
const folder = process.env['NODE_COMPILE_CACHE']

/** To be spread into the environment of a program of ours. */
export const COMPILE_CACHE: Readonly<Record<string, string>> =
  folder === undefined ? {} : { NODE_COMPILE_CACHE: folder }
