// Wire text of a Responses stream: every event has its name, its type in the data and a rising number.
import type { ResponseEncoding, StreamEncoder } from '../codec.ts'
import { openaiErrorObject } from '../openai-error.ts'
import { AnswerWriter } from './answer-writer.ts'

export function createStreamEncoder(encoding: ResponseEncoding): StreamEncoder {
  const writer = new AnswerWriter(encoding)
  return {
    push: (event) => writer.push(event).map(frame).join(''),
    fail(error) {
      const { code, message } = openaiErrorObject(error)
      return writer.fail({ code, message }).map(frame).join('')
    },
  }
}

function frame(event: Record<string, unknown>): string {
  return `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`
}
