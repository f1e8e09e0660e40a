// `/admin/events`: what happens while somebody looks. One stream, read with fetch because it needs the session.
import type { LiveEvent, LiveEventName } from '../../../../contract/events.ts'
import { callForAnswer } from './client.ts'

export type Heard = { [Name in LiveEventName]: { readonly name: Name; readonly data: LiveEvent<Name> } }[LiveEventName]

/** Calls `hear` for each event until the stream ends or is aborted. */
export async function listenToEvents(
  { everybody, signal }: { everybody: boolean; signal: AbortSignal },
  hear: (event: Heard) => void,
): Promise<void> {
  const path = everybody ? 'admin/events?all=true' : 'admin/events'
  const answer = await callForAnswer('GET', path, { signal, accept: 'text/event-stream' })
  if (!answer.body) return
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    text += value
    const frames = text.split('\n\n')
    text = frames.pop() ?? ''
    for (const frame of frames) {
      const event = readFrame(frame)
      if (event) hear(event)
    }
  }
}

/** Lines that begin with a colon only keep the connection open. */
function readFrame(frame: string): Heard | null {
  const fields = new Map(
    frame.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  const [name, data] = [fields.get('event'), fields.get('data')]
  return name && data ? ({ name, data: JSON.parse(data) } as Heard) : null
}
