// Where settings come from: the environment, beneath it the `.env` of the working directory, and for secrets also
// files.
// Invariant: a setting given twice must agree with itself; which of two different secrets was meant is never guessed.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { StartRefused } from '../kernel/start-refused.ts'
import { WrongValue } from './wrong-value.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The environment with the `.env` of `cwd` beneath it: what the environment says, even when empty, wins. */
export function readEnvironment(environment: Environment, cwd: string): Environment {
  const path = join(cwd, '.env')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return environment
    throw new StartRefused(`.env is there but cannot be read (${errorCode(error)}). Make it readable or remove it.`)
  }
  return { ...parseEnv(text), ...environment }
}

/** The text of a setting; null when it is absent or empty. */
export function readSetting(environment: Environment, name: string): string | null {
  const text = environment[name]?.trim()
  return text === undefined || text === '' ? null : text
}

/**
 * The text of a secret from its variable, its `_FILE` or the service manager's credentials; null when none gives it.
 */
export function readSecretText(environment: Environment, name: string, cwd: string): string | null {
  const given: { source: string; text: string }[] = []
  const direct = environment[name]
  if (direct !== undefined && direct !== '') given.push({ source: name, text: direct })
  const path = readSetting(environment, `${name}_FILE`)
  if (path !== null) given.push({ source: `${name}_FILE`, text: readSecretFile(`${name}_FILE`, resolve(cwd, path)) })
  const credentials = readSetting(environment, 'CREDENTIALS_DIRECTORY')
  if (credentials !== null) {
    const text = readCredential(join(credentials, name))
    if (text !== null) given.push({ source: `the credential ${name}`, text })
  }
  const [first, ...others] = given
  const other = others.find((source) => source.text !== first?.text)
  if (first !== undefined && other !== undefined) {
    throw new WrongValue(`${first.source} and ${other.source} are both given and differ. Remove one of them`)
  }
  return first?.text ?? null
}

function readSecretFile(variable: string, path: string): string {
  let text: string
  try {
    text = withoutNewline(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new WrongValue(`the file that ${variable} names cannot be read (${errorCode(error)})`)
  }
  if (text === '') throw new WrongValue(`the file that ${variable} names is empty`)
  return text
}

function readCredential(path: string): string | null {
  try {
    return withoutNewline(readFileSync(path, 'utf8')) || null
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw new WrongValue(`the service manager's credential cannot be read (${errorCode(error)})`)
  }
}

/** Editors and `echo` end a file with one newline; anything more belongs to the secret. */
function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '')
}

export function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'unknown error'
}
