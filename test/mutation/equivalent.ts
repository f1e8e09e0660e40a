// Mutants that no test can find, each with the reason: they change nothing that anyone could see, or only what no program
// can look at. They do not count. One that is gone from the code is listed here no longer.

export interface Mutant {
  readonly file: string
  /** The line in the source, without the spaces around it. */
  readonly line: string
  /** What stands instead of the part of it that was changed. */
  readonly instead: string
}

export const EQUIVALENT: readonly (Mutant & { readonly reason: string })[] = [
  {
    file: 'server/vault/record.ts',
    line: "const lengths = fields.map((field) => Buffer.byteLength(field, 'utf8'))",
    instead: '""',
    reason: 'without a name of an encoding text is UTF-8',
  },
  {
    file: 'server/vault/record.ts',
    line: "at += joined.write(field, at, 'utf8')",
    instead: '""',
    reason: 'without a name of an encoding text is UTF-8',
  },
  {
    file: 'server/vault/sealed-text.ts',
    line: 'if (text.length > MAX_TEXT) return undefined',
    instead: 'text.length >= MAX_TEXT',
    reason: 'a text so long is refused by the length of its parts; asked first, it costs less',
  },
  {
    file: 'server/vault/sealed-text.ts',
    line: 'if (text.length > MAX_TEXT) return undefined',
    instead: 'false',
    reason: 'a text so long is refused by the length of its parts; asked first, it costs less',
  },
  {
    file: 'server/vault/sealed-text.ts',
    line: 'if (!BASE64URL.test(text)) return undefined',
    instead: 'false',
    reason: 'what is no base64url does not encode back to itself; asked first, it costs less',
  },
  {
    file: 'server/vault/sealed-text.ts',
    line: 'const BASE64URL = /^[A-Za-z0-9_-]+$/',
    instead: '/[A-Za-z0-9_-]+$/',
    reason: 'what is no base64url does not encode back to itself; asked first, it costs less',
  },
  {
    file: 'server/vault/sealed-text.ts',
    line: 'const BASE64URL = /^[A-Za-z0-9_-]+$/',
    instead: '/^[A-Za-z0-9_-]+/',
    reason: 'what is no base64url does not encode back to itself; asked first, it costs less',
  },
  {
    file: 'server/vault/vault.ts',
    line: "const plain = Buffer.from(revealSecret(value), 'utf8')",
    instead: '""',
    reason: 'without a name of an encoding text is UTF-8',
  },
  {
    file: 'server/vault/aes.ts',
    line: "const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })",
    instead: '{}',
    reason: '16 bytes are what AES-GCM makes when nothing is said',
  },
  {
    file: 'server/vault/aes.ts',
    line: "const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })",
    instead: '{}',
    reason: 'a tag of 16 bytes is all that is ever handed in',
  },
  {
    file: 'server/vault/derivation.ts',
    line: "return createHash('sha256').update(revealSecret(secret), 'utf8').digest()",
    instead: '""',
    reason: 'without a name of an encoding text is UTF-8',
  },
  {
    file: 'server/vault/keyring.ts',
    line: 'if (!wrappers.has(wrapper.kid)) wrappers.set(wrapper.kid, wrapper)',
    instead: 'true',
    reason: 'one secret listed twice makes two wrappers that do the same',
  },
]
