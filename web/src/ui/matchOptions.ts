// Which options fit what was typed: every word of it has to occur, in the name or in what else is known of the option.
export interface ComboboxOption {
  readonly value: string
  readonly label: string
  /** What else it is found by. */
  readonly words?: string
}
export interface ComboboxGroupOf<Option extends ComboboxOption> {
  readonly label: string
  readonly options: readonly Option[]
}

export interface MatchedOptions<Option extends ComboboxOption> {
  /** Without empty ones; at most `most` options altogether. */
  readonly groups: readonly ComboboxGroupOf<Option>[]
  readonly total: number
  /** Found, and not among the groups. */
  readonly more: number
}

export function matchOptions<Option extends ComboboxOption>(
  groups: readonly ComboboxGroupOf<Option>[],
  search: string,
  most = 100,
): MatchedOptions<Option> {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  let total = 0
  const matched = groups.flatMap(({ label, options }) => {
    const fitting = options.filter((option) => {
      const text = `${option.label} ${option.words ?? ''}`.toLowerCase()
      return words.every((word) => text.includes(word))
    })
    const shown = fitting.slice(0, Math.max(0, most - total))
    total += fitting.length
    return shown.length > 0 ? [{ label, options: shown }] : []
  })
  const shown = matched.reduce((sum, { options }) => sum + options.length, 0)
  return { groups: matched, total, more: total - shown }
}
