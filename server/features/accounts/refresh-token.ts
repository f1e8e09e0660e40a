// The refresh token of a session: `<session id>.<secret>.<seal>`.
// Each use replaces it by its successor, which is computed from it: two tabs that refresh at the same moment, or a
// client that lost the answer, get the same next token. The successor needs our key, so whoever reads a token (or the
// stored hash) cannot compute it. The seal proves that we issued a token for this session at some time; that is how an
// old one is told from a guess.
import { createHmac, hash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { isUlid } from '../../kernel/ids.ts'

export interface RefreshToken {
  readonly sessionId: string
  /** What travels in the cookie. */
  readonly text: string
  /** What is stored. */
  readonly digest: string
}

export interface RefreshTokens {
  create(sessionId: string): RefreshToken
  /** Undefined for whatever we never issued. */
  parse(text: string): RefreshToken | undefined
  successorOf(token: RefreshToken): RefreshToken
}

const FORM = /^([0-9A-Z]{26})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{22})$/

export function createRefreshTokens(key: Uint8Array): RefreshTokens {
  const ownKey = Buffer.from(hkdfSync('sha256', key, '', 'uniroute refresh token', 32))

  function mac(purpose: string, sessionId: string, secret: string): Buffer {
    return createHmac('sha256', ownKey).update(`${purpose}.${sessionId}.${secret}`).digest()
  }

  function sealOf(sessionId: string, secret: string): Buffer {
    return mac('seal', sessionId, secret).subarray(0, 16)
  }

  function compose(sessionId: string, secret: string): RefreshToken {
    const text = `${sessionId}.${secret}.${sealOf(sessionId, secret).toString('base64url')}`
    return { sessionId, text, digest: hash('sha256', text, 'hex') }
  }

  return {
    create: (sessionId) => compose(sessionId, randomBytes(32).toString('base64url')),
    parse(text) {
      const match = FORM.exec(text)
      if (!match) return undefined
      const [, sessionId = '', secret = '', seal = ''] = match
      const shown = Buffer.from(seal, 'base64url')
      if (!isUlid(sessionId) || shown.length !== 16 || !timingSafeEqual(shown, sealOf(sessionId, secret)))
        return undefined
      return compose(sessionId, secret)
    },
    successorOf(token) {
      const secret = token.text.split('.')[1]!
      return compose(token.sessionId, mac('next', token.sessionId, secret).toString('base64url'))
    },
  }
}
