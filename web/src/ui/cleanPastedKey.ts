// What people paste round a key: spaces, quotes, `Bearer `, `NAME=`. It is taken off, and said.
export type Cleaning = 'spaces' | 'quotes' | 'bearer' | 'name'

export function cleanPastedKey(raw: string): { key: string; cleaned: Cleaning[] } {
  const cleaned = new Set<Cleaning>()
  const steps: readonly [Cleaning, (text: string) => string][] = [
    ['spaces', (text) => text.trim()],
    ['name', (text) => text.replace(/^(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(?=\S)/, '')],
    ['name', (text) => text.replace(/^(?:authorization|x-api-key|x-goog-api-key)\s*:\s*/i, '')],
    ['quotes', (text) => text.replace(/^(["'`])(.*)\1;?$/s, '$2')],
    ['bearer', (text) => text.replace(/^bearer\s+/i, '')],
  ]
  let key = raw
  for (let before = ''; before !== key;) {
    before = key
    for (const [name, clean] of steps) {
      const next = clean(key)
      if (next !== key) cleaned.add(name)
      key = next
    }
  }
  return { key, cleaned: [...cleaned] }
}
