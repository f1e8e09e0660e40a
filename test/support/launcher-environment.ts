// Programs that are started with an environment of their own still get what the launcher gives: the folder where Node
// finds what it compiled for those before them (half of what a start costs), and how the C library returns memory.
// Without the launcher every start compiles anew.
const NAMES = ['NODE_COMPILE_CACHE', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_']

/** To be spread into the environment of a program of ours. */
export const LAUNCHER_ENVIRONMENT: Readonly<Record<string, string>> = Object.fromEntries(
  NAMES.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  }),
)
