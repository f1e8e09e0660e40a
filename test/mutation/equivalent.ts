// Mutants that no test can find, each with the reason: they change nothing that anyone could see, or only what no
// program can look at. They do not count. One that is gone from the code is listed here no longer.

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
  {
    file: 'server/features/teams/rights.ts',
    line: 'return role !== undefined && RIGHTS[act].includes(role)',
    instead: 'true',
    reason: 'no list of roles holds undefined; the compiler wants it asked',
  },
  {
    file: 'server/http/control.ts',
    line: 'return header !== undefined && /^application\\/json\\s*(?:;\\s*charset="?utf-8"?\\s*)?$/i.test(header.trim())',
    instead: 'header',
    reason: 'the parser of the head has taken the spaces round a value off',
  },
  {
    file: 'server/http/control.ts',
    line: '...(options.bodyIdleMs === undefined ? {} : { idleMs: options.bodyIdleMs }),',
    instead: 'false',
    reason: 'undefined stands for the same limit as nothing',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: "isClean: (bytes) => secret === null || cleanHeader(bytes.toString('latin1')),",
    instead: 'false',
    reason: 'without a credential the same is answered one step later',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'secret === null || stream.readError(parseSseEvent(event)) === null || cleanHeader(event),',
    instead: 'false',
    reason: 'without a credential the same is answered one step later',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: '(found, each) => (key.startsWith(each) && each.length > found.length ? each : found),',
    instead: 'each.length >= found.length',
    reason: 'two prefixes of one length that fit one key are the same',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'if (body.length >= LONGEST_PIECE && hasNoRoom(text, key)) return false',
    instead: 'false',
    reason: 'what is looked for in full is found or not found all the same; asked first, it costs less',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'if (body.length >= LONGEST_PIECE && hasNoRoom(text, key)) return false',
    instead: 'body.length > LONGEST_PIECE',
    reason: 'what is looked for in full is found or not found all the same; asked first, it costs less',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'if (pieces.length === 0 && encodeBase64(key).some((each) => each.length >= 8 && base64.includes(each))) return true',
    instead: 'true',
    reason: 'a long key in base64 is found by its pieces before',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'if (BREAKS.test(key)) return false',
    instead: 'true',
    reason: 'what is looked for in full is found or not found all the same; asked first, it costs less',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'for (;;) {',
    instead:
      'for (; false;) {\n  const word = LONG_WORDS.exec(text)?.[0];\n  if (word === undefined) return true;\n  if (!USAGE_WORDS.has(word)) return false;\n}',
    reason: 'what is looked for in full is found or not found all the same; asked first, it costs less',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'if (word === undefined) return true',
    instead: 'false',
    reason: 'what is looked for in full is found or not found all the same; asked first, it costs less',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'if (!USAGE_WORDS.has(word)) return false',
    instead: 'true',
    reason: 'what is looked for in full is found or not found all the same; asked first, it costs less',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: "if (!text.includes('\\\\')) return text",
    instead: 'false',
    reason: 'a text without escapes reads as itself, and a view that is known adds nothing',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: "if (!text.includes('\\\\')) return text",
    instead: '""',
    reason: 'a text without escapes reads as itself, and a view that is known adds nothing',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: "if (!text.includes('%')) return text",
    instead: 'false',
    reason: 'a text without escapes reads as itself, and a view that is known adds nothing',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: "if (!text.includes('%')) return text",
    instead: '""',
    reason: 'a text without escapes reads as itself, and a view that is known adds nothing',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'if (views.has(read)) continue',
    instead: 'false',
    reason: 'a text without escapes reads as itself, and a view that is known adds nothing',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'if (found.length === 0) break',
    instead: 'false',
    reason: 'a text without escapes reads as itself, and a view that is known adds nothing',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: '`accepted_prediction_tokens audio_tokens cache_creation cache_creation_input_tokens cache_read_input_tokens',
    instead: '``',
    reason: 'a name that is missing costs time only',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'video_tokens web_fetch_requests web_search_requests`.split(/\\s+/),',
    instead: '/\\s/',
    reason: 'a name that is missing costs time only',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'video_tokens web_fetch_requests web_search_requests`.split(/\\s+/),',
    instead: '/\\S+/',
    reason: 'a name that is missing costs time only',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: "const BREAK = '\\\\s\"{}[\\\\]:,'",
    instead: '""',
    reason: 'what is looked for in full is found or not found all the same; asked first, it costs less',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'const BREAKS = new RegExp(`[${BREAK}]`)',
    instead: '``',
    reason: 'what is looked for in full is found or not found all the same; asked first, it costs less',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: "const LONG_WORDS = new RegExp(`[^${BREAK}]{${LONGEST_PIECE},}`, 'g')",
    instead: '``',
    reason: 'what is looked for in full is found or not found all the same; asked first, it costs less',
  },
  {
    file: 'server/gateway/credential-scan.ts',
    line: 'function hasNoRoom(text: string, key: string): boolean {',
    instead: '{}',
    reason: 'what is looked for in full is found or not found all the same; asked first, it costs less',
  },
]
