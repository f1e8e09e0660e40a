// Chat completions as the drills' provider says them, and as their clients expect them: bytes that follow from the
// words alone, so that both sides know what must come.

/** So many events of text, whatever its length, then the end, the usage and the terminal event. */
export function writeChatEvents(model: string, text: string, events: number): string[] {
  const head = `{"id":"chatcmpl-Drill","object":"chat.completion.chunk","created":1780000000,"model":${JSON.stringify(model)}`
  const say = (delta: object, finish: string | null): string =>
    `data: ${head},"choices":[{"index":0,"delta":${JSON.stringify(delta)},"finish_reason":${JSON.stringify(finish)}}],"usage":null}\n\n`
  return [
    say({ role: 'assistant', content: text }, null),
    ...Array.from({ length: events - 1 }, (_, at) => say({ content: ` and word number ${at}` }, null)),
    say({}, 'stop'),
    `data: ${head},"choices":[],"usage":${usageOf(events)}}\n\n`,
    'data: [DONE]\n\n',
  ]
}

export function writeChatAnswer(model: string, content: string): string {
  const choice = JSON.stringify({ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' })
  const body = `{"id":"chatcmpl-Drill","object":"chat.completion","created":1780000000,"model":${JSON.stringify(model)},"choices":[${choice}],"usage":${usageOf(8)}}`
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

function usageOf(events: number): string {
  return `{"prompt_tokens":13,"completion_tokens":${events},"total_tokens":${13 + events}}`
}
