// What the suites of this room share: an override that says nothing but what a test tells it to.
import type { ModelOverride } from './overrides.ts'

export function anOverride(fields: Partial<ModelOverride>): ModelOverride {
  return {
    provider: 'openai',
    model: 'gpt-4o',
    price: null,
    facts: {},
    displayName: null,
    contextWindow: null,
    inputModalities: null,
    outputModalities: null,
    isEnabled: true,
    isHidden: false,
    updatedAt: 0,
    ...fields,
  }
}
