// The scenarios must be what they are called: a pair that is missing, or one whose own answer its check refuses, would
// only be noticed by who waits for its figure.
import { describe, expect, test } from 'vitest'
import { SCENARIOS } from './scenarios.ts'

const CLIENTS = ['chat', 'responses', 'messages', 'gemini']
const VENDORS = ['openai', 'anthropic', 'google']
/** Where a client's dialect is one that the vendor speaks. */
const RELAYED: Readonly<Record<string, string>> = {
  'chat openai': '',
  'responses openai': '-openai-responses',
  'messages anthropic': '-anthropic',
  'gemini google': '-google',
}

describe('the scenarios', () => {
  test.each(['burst', 'paced'])('every client is measured at every vendor, %s', (pace) => {
    const names = CLIENTS.flatMap((client) =>
      VENDORS.map((vendor) => {
        const relayed = RELAYED[`${client} ${vendor}`]
        return relayed === undefined ? `tr-${pace}-${client}-${vendor}` : pace + relayed
      }),
    )
    expect(names).toHaveLength(12)
    expect(names.filter((name) => !SCENARIOS.has(name))).toEqual([])
  })

  test.each([...SCENARIOS.values()])(
    '$id: what is relayed passes its check, and a stream cut short does not',
    (one) => {
      const relayed = one.untranslated ?? one
      const answer = Buffer.concat(relayed.answer.pieces)
      expect(relayed.checkAnswer(answer)).toBeNull()
      expect(relayed.checkAnswer(answer.subarray(0, -1))).not.toBeNull()
      expect(one.checkAnswer(answer.subarray(0, -1))).not.toBeNull()
      expect(relayed.checkRequest(relayed.requestBody)).toBeNull()
      expect(relayed.checkRequest(relayed.requestBody.subarray(1))).not.toBeNull()
    },
  )
})
