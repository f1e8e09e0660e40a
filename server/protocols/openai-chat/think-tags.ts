// Thoughts that a server leaves in the text, between <think> and </think> at its very beginning. A tag may be cut
// anywhere between two pieces of a stream.

const OPEN = '<think>'
const CLOSE = '</think>'

export interface ThinkPiece {
  readonly kind: 'text' | 'reasoning'
  readonly text: string
}

export interface ThinkSplitter {
  push(text: string): ThinkPiece[]
  end(): ThinkPiece[]
}

export function createThinkSplitter(): ThinkSplitter {
  let state: 'start' | 'opened' | 'thinking' | 'after' | 'text' = 'start'
  let held = ''

  function advance(last: boolean): ThinkPiece[] {
    const out: ThinkPiece[] = []
    if (state === 'start') {
      const begun = held.trimStart()
      if (begun.startsWith(OPEN)) {
        state = 'opened'
        held = begun.slice(OPEN.length)
      } else if (last || !OPEN.startsWith(begun)) state = 'text'
      else return out
    }
    if (state === 'opened') {
      if (held === '') return out
      state = 'thinking'
      held = held.replace(/^\n/, '')
    }
    if (state === 'thinking') {
      const close = held.indexOf(CLOSE)
      const end = close === -1 ? held.length - (last ? 0 : tagBeginning(held)) : close
      const thought = close === -1 ? held.slice(0, end) : held.slice(0, end).replace(/\n$/, '')
      if (thought !== '') out.push({ kind: 'reasoning', text: thought })
      held = close === -1 ? held.slice(end) : held.slice(close + CLOSE.length)
      if (close === -1) return out
      state = 'after'
    }
    if (state === 'after') {
      held = held.trimStart()
      if (held === '') return out
      state = 'text'
    }
    if (held !== '') out.push({ kind: 'text', text: held })
    held = ''
    return out
  }

  return {
    push(text) {
      held += text
      return advance(false)
    },
    end: () => advance(true),
  }
}

// Characters at the end that may be the beginning of the closing tag, or the line end before it.
function tagBeginning(text: string): number {
  for (let length = Math.min(CLOSE.length, text.length); length > 0; length--) {
    if (`\n${CLOSE}`.startsWith(text.slice(-length)) || CLOSE.startsWith(text.slice(-length))) return length
  }
  return 0
}

/** A whole text, split. */
export function splitThinkTags(text: string): ThinkPiece[] {
  const splitter = createThinkSplitter()
  const merged: { kind: ThinkPiece['kind']; text: string }[] = []
  for (const piece of [...splitter.push(text), ...splitter.end()]) {
    const before = merged.at(-1)
    if (before?.kind === piece.kind) before.text += piece.text
    else merged.push({ ...piece })
  }
  return merged
}

export function writeThinkTags(thoughts: string): string {
  return `${OPEN}\n${thoughts}\n${CLOSE}\n\n`
}
