// The sealed envelope in which one provider's reasoning state travels through a client of another dialect: `urs1.` and
// base64url of AES-256-GCM. Its key is derived for this purpose alone and seals no provider key.
// Invariant: what another tenant sealed, or what was changed on the way, does not open.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { Signature } from '../protocols/canonical.ts'
import { asObject, asText, parseJson } from '../protocols/read.ts'

export interface Envelopes {
  seal(tenant: string, signature: Signature): string
  /** null where it is no envelope of ours, another tenant's, or damaged. */
  open(tenant: string, text: string): Signature | null
  /** A name for `text` that says nothing about it to anyone without the key; other per tenant. */
  digest(tenant: string, text: string): string
}

export const ENVELOPE_PREFIX = 'urs1.'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const LONGEST_ENVELOPE = 512 * 1024
const KINDS: ReadonlySet<unknown> = new Set<Signature['kind']>([
  'signature',
  'encrypted',
  'redacted',
  'thought',
  'unsigned',
])

/** `secret`: key material of this installation that seals no provider key. */
export function createEnvelopes(secret: Uint8Array): Envelopes {
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), `uniroute/${purpose}/v1`, 32))
  const key = derive('reasoning-state')
  const digestKey = derive('reasoning-state-names')

  return {
    seal(tenant, signature) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(tenant))
      const sealed = Buffer.concat([
        nonce,
        cipher.update(JSON.stringify(signature), 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ])
      return ENVELOPE_PREFIX + sealed.toString('base64url')
    },
    open(tenant, text) {
      if (!text.startsWith(ENVELOPE_PREFIX) || text.length > LONGEST_ENVELOPE) return null
      const body = text.slice(ENVELOPE_PREFIX.length)
      const sealed = Buffer.from(body, 'base64url')
      // Node's decoder forgives a changed last character; an envelope has one spelling.
      if (sealed.length <= NONCE_BYTES + TAG_BYTES || sealed.toString('base64url') !== body) return null
      const nonce = sealed.subarray(0, NONCE_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(tenant))
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
      try {
        const plain = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
        return readSignature(parseJson(plain.toString('utf8')))
      } catch (error) {
        // A tag that does not fit is the expected sign of a foreign or changed envelope.
        if (error instanceof Error) return null
        throw error
      }
    },
    digest: (tenant, text) => createHmac('sha256', digestKey).update(`${tenant}\n`).update(text).digest('base64url'),
  }
}

function readSignature(value: unknown): Signature | null {
  const object = asObject(value)
  const provider = asText(object?.['provider'])
  const account = asText(object?.['account'])
  const model = asText(object?.['model'])
  const kind = object?.['kind']
  const text = asText(object?.['value'])
  const id = asText(object?.['id'])
  const format = asText(object?.['format'])
  const thoughts = asText(object?.['thoughts'])
  if (provider === null || account === null || model === null || text === null || !KINDS.has(kind)) return null
  return {
    provider,
    account,
    model,
    kind: kind as Signature['kind'],
    value: text,
    ...(id === null ? {} : { id }),
    ...(format === null ? {} : { format }),
    ...(thoughts === null ? {} : { thoughts }),
  }
}
