// Every dialect of the registry proves the laws of protocols/; one that is added fails here until it does.
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { PROTOCOLS } from '../../server/protocols/registry.ts'

test.each(Object.keys(PROTOCOLS))('%s proves its laws', (id) => {
  const file = new URL(`../../server/protocols/${id}/laws.test.ts`, import.meta.url)
  // Which laws there are, and that none is left out, is the type of what is handed to `proveLaws`.
  expect(existsSync(file) && readFileSync(file, 'utf8')).toContain(`\nproveLaws('${id}', {`)
})
