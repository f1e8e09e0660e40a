// Reasoning state as the vendors hand it out: sealed text that only the account and model that made it take back, and
// only beside the thoughts it was made for. Made and checked without memory: the text says what it belongs to.
import { createHash, randomUUID } from 'node:crypto'

export interface Sealer {
  /** Sealed text in the vendor's own look; `about` is what it must stand beside when it comes back. */
  issue(vendor: Sealed, about: string): string
  /** What is wrong with a text that came back; undefined = it is taken. `about` undefined: not looked at. */
  refuse(vendor: Sealed, text: unknown, about?: string): string | undefined
}

type Sealed = 'openai' | 'anthropic' | 'google'

const HEAD: Record<Sealed, string> = { openai: 'gAAAAAB', anthropic: 'EqQBCkYI', google: 'CiQB' }

/** For one request: whose key and model it is. Everything issued is written down. */
export function createSealer(key: string, model: string, issued: string[]): Sealer {
  return {
    issue(vendor, about) {
      const inner = JSON.stringify([shorten(key), model, shorten(about), randomUUID()])
      const text = HEAD[vendor] + Buffer.from(inner).toString(vendor === 'openai' ? 'base64url' : 'base64')
      issued.push(text)
      return text
    },
    refuse(vendor, text, about) {
      const inner = open(vendor, text)
      if (inner === undefined) return 'it was never issued'
      const [account, made, beside] = inner
      if (account !== shorten(key)) return 'it belongs to another account'
      if (made !== model) return 'it belongs to another model'
      if (about !== undefined && beside !== shorten(about)) return 'what it stands beside was changed'
      return undefined
    },
  }
}

const shorten = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12)

function open(vendor: Sealed, text: unknown): string[] | undefined {
  if (typeof text !== 'string' || !text.startsWith(HEAD[vendor])) return undefined
  const encoding = vendor === 'openai' ? 'base64url' : 'base64'
  try {
    const inner: unknown = JSON.parse(Buffer.from(text.slice(HEAD[vendor].length), encoding).toString())
    return Array.isArray(inner) ? (inner as string[]) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
