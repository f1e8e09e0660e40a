// Requests to `/v1/chat` with everything it knows.
import type { Json } from '../../cross-dialect.ts'

export const OWN_CHAT: readonly Json[] = [
  {
    model: 'm',
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'high' } },
          { type: 'image_url', image_url: 'https://example.com/a.png' },
        ],
      },
      { role: 'assistant', content: 'A cat.' },
      { role: 'user', content: [{ type: 'text', text: 'And now?' }] },
    ],
    temperature: 0.5,
    max_tokens: 300,
    web_search: { enabled: true, max_uses: 2 },
    conversation_id: 'c-1',
    odd: 1,
  },
  {
    messages: [{ role: 'user', content: [{ type: 'audio_url', audio_url: { url: 'data:audio/wav;base64,AAAA' } }] }],
    google_search_grounding: { enabled: true },
  },
  {
    messages: [
      {
        role: 'user',
        content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'high' } }],
      },
    ],
    temperature: 0.5,
    odd: 1,
  },
]
