// The real coding agents, each doing a small task with its own tools through UniRoute, at a provider of another dialect
// than its own. `npm run test:agents` [name of an agent …]; the packages are big, so `npm test` leaves them alone.
// An agent that does not run on this machine is skipped with its reason; one that runs and does not find its way to
// UniRoute by the snippet that people are shown, or goes wrong there, is a failure.
// UNIROUTE_AGENTS_TRACE=<folder> keeps what went over the wire.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeKey, listFakeSecrets } from '../../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../../fake-provider/fake-provider.ts'
import type { Script } from '../../fake-provider/turn.ts'
import type { Caller } from '../../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../../support/uniroute-process.ts'
import { FILE_NAME, FILE_TEXT, findObstacle, runAgent, type Agent, type Ending, type Place } from './agent.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { openDoor, type Door, type Passage } from './door.ts'
import { geminiCli } from './gemini-cli.ts'

const AGENTS: readonly Agent[] = [claudeCode, codex, geminiCli]
const TASK = `Create the file ${FILE_NAME} in the current folder with the text "${FILE_TEXT}" and read it back.`
const DONE = 'The file is there and reads as it should.'
const UPSTREAM_DIALECTS: readonly (readonly [string, string])[] = [
  ['claude-', 'anthropic-messages'],
  ['gemini-', 'gemini'],
  ['gpt-', 'openai-responses'],
]
const { ensureInstalled } = (await import(new URL('../../../scripts/runtime.mjs', import.meta.url).href)) as {
  ensureInstalled: (folder: string) => Promise<boolean>
}

type Outcome = { result: 'passed' | 'skipped' | 'failed'; detail: string }

async function main(wanted: readonly string[]): Promise<number> {
  const missing = await install()
  const chosen = AGENTS.filter(({ name }) => wanted.length === 0 || wanted.some((word) => matches(name, word)))
  const counts = { passed: 0, skipped: 0, failed: 0 }
  for (const agent of chosen) {
    const plain = agent.models.map((model) => ({ known: model, model }))
    for (const { known, model } of [...plain, ...(agent.knownModels ?? [])]) {
      const { result, detail } = missing === undefined ? await tryAgent(agent, known, model) : missing
      counts[result]++
      const name = known === model ? model : `${model} as ${known}`
      print(`${result.toUpperCase()} ${agent.name} with ${name}${detail === '' ? '' : `: ${detail}`}`)
    }
  }
  print(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  return counts.failed > 0 ? 1 : 0
}

const matches = (name: string, word: string): boolean => name.toLowerCase().includes(word.toLowerCase())
const print = (line: string): void => void process.stdout.write(`${line}\n`)

async function install(): Promise<Outcome | undefined> {
  try {
    await ensureInstalled(import.meta.dirname)
    return undefined
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { result: 'skipped', detail: `the agents could not be installed: ${message}` }
  }
}

async function tryAgent(agent: Agent, known: string, model: string): Promise<Outcome> {
  const root = mkdtempSync(join(tmpdir(), 'uniroute-agent-'))
  const scripts = createScripts(agent, join(root, 'workspace'))
  const fake = await startFakeProvider({ say: () => scripts.script })
  const uniroute = await startUniRoute({ fake })
  const door = await openDoor(uniroute.url, known === model ? undefined : { from: known, to: model })
  try {
    const caller = await uniroute.createCaller({
      keys: {
        openai: createFakeKey('openai'),
        anthropic: createFakeKey('anthropic'),
        google: createFakeKey('google'),
      },
    })
    const place = prepare(root, door, caller, known)
    const obstacle = findObstacle(agent, place)
    if (obstacle !== undefined) return { result: 'skipped', detail: obstacle }
    const ending = await runAgent(agent, place, TASK)
    keepTrace(agent, `${known}-${model}`, door, fake, ending)
    if (door.passages.length === 0) {
      return { result: 'failed', detail: `it ended with ${ending.code} and never called UniRoute: ${tail(ending)}` }
    }
    const faults = [
      ...judgeEnding(ending, place),
      ...scripts.faults(),
      ...judgeTraffic(door.passages, fake),
      ...(await judgeReceipts(agent, door.passages, uniroute, caller, model)),
    ]
    if (faults.length > 0) return { result: 'failed', detail: redact([...faults, tail(ending)].join('\n  ')) }
    return { result: 'passed', detail: redact(tellRun(door.passages)) }
  } finally {
    await door.close()
    await uniroute.stop()
    await fake.close()
    uniroute.remove()
    rmSync(root, { recursive: true, force: true })
  }
}

function prepare(root: string, door: Door, caller: Caller, model: string): Place {
  const place = { home: join(root, 'home'), workspace: join(root, 'workspace'), url: door.url, model }
  mkdirSync(place.home)
  mkdirSync(place.workspace)
  return { ...place, apiKey: caller.apiKey }
}

/**
 * The model's part of the task: a call for each step, then a last word. Questions without tools get the usual answer.
 */
function createScripts(agent: Agent, workspace: string): { script: Script; faults(): string[] } {
  let step = 0
  const faults: string[] = []
  const script: Script = ({ tools, toolResult }) => {
    if (tools.length === 0) return undefined
    // A task that is asked for once more begins at its beginning.
    if (toolResult === undefined) step = 0
    const known = agent.steps[step++]
    if (known === undefined) {
      if (toolResult?.includes(FILE_TEXT) !== true) faults.push(`the last result was ${JSON.stringify(toolResult)}`)
      return { text: DONE }
    }
    for (const tool of known) {
      // A tool from a namespace carries it in front.
      const offered = tools.find(({ name }) => name === tool.name || name.endsWith(`__${tool.name}`))
      if (offered !== undefined) return { calls: [{ name: offered.name, args: tool.args(workspace) }] }
    }
    faults.push(`none of the tools is known: ${tools.map(({ name }) => name).join(', ')}`)
    return { text: 'I have no tool for this.' }
  }
  return {
    script,
    faults: () => (step > agent.steps.length ? faults : [...faults, `it asked ${step} times, then no more`]),
  }
}

function judgeEnding(ending: Ending, place: Place): string[] {
  const faults: string[] = []
  if (ending.tookTooLong) faults.push('it did not end in time')
  else if (ending.code !== 0) faults.push(`it ended with ${ending.code}`)
  if (!ending.output.includes(DONE)) faults.push('it did not print the last answer')
  try {
    const text = readFileSync(join(place.workspace, FILE_NAME), 'utf8')
    if (text.trimEnd() !== FILE_TEXT) faults.push(`the file says ${JSON.stringify(text)}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    faults.push('the file is not there')
  }
  return faults
}

function judgeTraffic(passages: readonly Passage[], fake: FakeProvider): string[] {
  const refused = passages.filter(({ status }) => status >= 400)
  return [
    ...refused.map(({ method, path, status, responseBody }) => `${method} ${path} → ${status} ${responseBody}`),
    ...fake.violations().map((sentence) => `violation: ${sentence}`),
    ...fake.complaints().map((sentence) => `refused by the provider: ${sentence}`),
  ]
}

const isGeneration = ({ method, path }: Passage): boolean =>
  method === 'POST' && /\/(messages|responses|chat\/completions)(\?|$)|:(streamG|g)enerateContent/.test(path)

async function judgeReceipts(
  agent: Agent,
  passages: readonly Passage[],
  uniroute: UniRoute,
  caller: Caller,
  model: string,
): Promise<string[]> {
  const upstream = UPSTREAM_DIALECTS.find(([start]) => model.startsWith(start))?.[1]
  const expected = JSON.stringify({ client: agent.dialect, upstream })
  const faults: string[] = []
  const generations = passages.filter(isGeneration)
  for (const { requestId } of generations) {
    const { dialects } = await uniroute.readReceipt(caller.apiKey, requestId ?? 'without-an-id')
    const found = JSON.stringify({ client: dialects.client, upstream: dialects.upstream })
    if (found !== expected) faults.push(`a receipt says ${found} instead of ${expected}`)
  }
  if (generations.length <= agent.steps.length) faults.push(`only ${generations.length} generations`)
  return faults
}

function tellRun(passages: readonly Passage[]): string {
  const warnings = new Set(passages.flatMap(({ warnings }) => (warnings === undefined ? [] : warnings.split(';'))))
  const told = warnings.size === 0 ? '' : `, warnings ${[...warnings].join(';')}`
  return `${passages.filter(isGeneration).length} generations${told}`
}

const tail = ({ output }: Ending): string => JSON.stringify(redact(output.trim().slice(-1000)))

function redact(text: string): string {
  return listFakeSecrets().reduce((shown, secret) => shown.replaceAll(secret, '[secret]'), text)
}

function keepTrace(agent: Agent, model: string, door: Door, fake: FakeProvider, ending: Ending): void {
  const folder = process.env['UNIROUTE_AGENTS_TRACE']
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  const upstream = fake.requests.map(({ method, path, body, complaint }) => ({ method, path, body, complaint }))
  const trace = { passages: door.passages, upstream, ending }
  const name = `${agent.name}-${model}.json`.toLowerCase().replaceAll(' ', '-')
  writeFileSync(join(folder, name), redact(JSON.stringify(trace, null, 1)))
}

process.exitCode = await main(process.argv.slice(2))
