// A real server under changed requests over raw sockets, with accounts, keys and providers that misbehave; and then
// every place where a secret could have got to. Promises: each request is answered as HTTP or its connection is closed,
// none breaks the server or is answered as its mistake, and no secret stands anywhere.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createFakeKey,
  createFakePassword,
  listFakeSecrets,
  randomText,
  rememberSecret,
} from '../../fake-provider/fake-keys.ts'
import { startFakeProvider } from '../../fake-provider/fake-provider.ts'
import { type Leak, type ScannedText, scanForSecrets } from '../canary-scan.ts'
import { runCommandLine } from '../command-line.ts'
import { createRandom, type Random } from '../random.ts'
import type { Caller } from '../uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../uniroute-process.ts'
import { readCorpus, saveFound } from './target.ts'
import { createWireRequests } from './wire-requests.ts'

export interface WireFigures {
  readonly cases: number
  /** Answers by their status; 0 = closed without one. */
  readonly statuses: Readonly<Record<string, number>>
  readonly found: readonly string[]
  readonly leaks: readonly Leak[]
  /** What was searched for secrets. */
  readonly scanned: { readonly answers: number; readonly secrets: number; readonly files: readonly string[] }
}

export const WIRE_CORPUS = 'wire'
const WIDTH = 16
const SCENARIOS = [
  'ok',
  'leaky',
  'invalid',
  'error-midstream',
  'error-first-event',
  'cutjson',
  'html200',
  'split',
  'down500',
  'ratelimit1',
  'quota',
] as const
const CALLERS = 8
/** A request that is not whole is never answered: after so long without a byte our side is closed. */
const PATIENCE_MS = 1_500
const LONGEST_WAIT_MS = 60_000
const SCAN_EVERY = 400
const MOST_FOUND = 5
/** A caller whose session or key is gone is replaced. */
const MOST_REFUSED = 40

interface Scene {
  readonly uniroute: UniRoute
  readonly random: Random
  readonly port: number
  readonly callers: Caller[]
  readonly refused: number[]
  readonly statuses: Record<string, number>
  readonly found: string[]
  readonly leaks: Leak[]
  answers: ScannedText[]
  scanned: number
}

export async function fuzzWire(options: {
  readonly cases: number
  readonly seed: number
  readonly isOver?: () => boolean
  readonly say?: (line: string) => void
}): Promise<WireFigures> {
  const { cases, seed, isOver = () => false, say = () => {} } = options
  const root = mkdtempSync(join(tmpdir(), 'uniroute-fuzz-'))
  const fake = await startFakeProvider({ keepBodies: false })
  const [master, jwt, metrics] = [48, 48, 40].map((length) => rememberSecret(`CANARY${randomText(length)}`)) as [
    string,
    string,
    string,
  ]
  const secrets = { PROVIDER_KEY_ENCRYPTION_KEY: master, JWT_SECRET: jwt }
  const uniroute = await startUniRoute({
    fake,
    serverKeys: {
      openai: createFakeKey('openai', 'leaky'),
      anthropic: createFakeKey('anthropic', 'leaky'),
      google: createFakeKey('google', 'ok'),
    },
    env: {
      ...secrets,
      METRICS_TOKEN: metrics,
      LOG_LEVEL: 'trace',
      NODE_OPTIONS: `--report-exclude-env --report-on-signal --report-directory=${root}`,
    },
  })
  const scene = createScene(uniroute, createRandom(seed))
  for (let index = 0; index < CALLERS; index++) await replaceCaller(scene, index)
  const { body: openapi } = await uniroute.call('GET', '/openapi.json')
  const make = createWireRequests(scene.random, openapi as Record<string, unknown>)
  const saved = readCorpus(WIRE_CORPUS).map(({ input }) => input.toString('latin1'))
  let tried = 0
  await Promise.all(
    Array.from({ length: WIDTH }, async () => {
      while (tried < cases && scene.found.length < MOST_FOUND && !isOver()) {
        const number = tried++
        await tryRequest(scene, saved[number] ?? make())
        if (number % 5_000 === 4_999) say(`${number + 1} requests over sockets`)
      }
    }),
  )
  const files = await searchEverywhere(scene, root, { ...secrets, METRICS_TOKEN: metrics })
  await fake.close()
  rmSync(root, { recursive: true, force: true })
  const { statuses, found, leaks } = scene
  return {
    cases: tried,
    statuses,
    found,
    leaks,
    scanned: { answers: scene.scanned, secrets: listFakeSecrets().length, files },
  }
}

function createScene(uniroute: UniRoute, random: Random): Scene {
  const port = Number(new URL(uniroute.url).port)
  return {
    uniroute,
    random,
    port,
    callers: [],
    refused: [],
    statuses: {},
    found: [],
    leaks: [],
    answers: [],
    scanned: 0,
  }
}

async function replaceCaller(scene: Scene, index: number): Promise<void> {
  const { uniroute } = scene
  const scenario = SCENARIOS[(index + scene.callers.length) % SCENARIOS.length]!
  const keys = {
    openai: createFakeKey('openai', scenario),
    anthropic: createFakeKey('anthropic', scenario),
    google: createFakeKey('google', scenario),
  }
  scene.callers[index] = await uniroute.createCaller({ keys })
  scene.refused[index] = 0
  // Every other one is an administrator.
  if (index % 2 === 0) {
    const token = await uniroute.login()
    await uniroute.call('PATCH', `/admin/users/${scene.callers[index]!.id}`, { token, body: { role: 'admin' } })
    const { email, password } = scene.callers[index]!
    scene.callers[index] = { ...scene.callers[index]!, token: await uniroute.login(email, password) }
  }
}

async function tryRequest(scene: Scene, template: string): Promise<void> {
  const { random, callers, statuses } = scene
  const index = random.below(callers.length)
  const sent = fill(template, callers[index]!)
  const { text, isTimeout } = await exchange(scene.port, Buffer.from(sent, 'latin1'))
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? '0'
  statuses[status] = (statuses[status] ?? 0) + 1
  const breaks = isTimeout
    ? `no answer within ${LONGEST_WAIT_MS / 1000} s`
    : text !== '' && status === '0'
      ? `no HTTP: ${JSON.stringify(text.slice(0, 80))}`
      : text.includes('internal_error') || text.includes('UniRoute made a mistake')
        ? `answered as our mistake: ${text.slice(0, 600)}`
        : null
  if (breaks !== null) {
    scene.found.push(
      `${breaks}\n  kept as ${saveFound(WIRE_CORPUS, Buffer.from(template, 'latin1'))}\n  ${JSON.stringify(template.slice(0, 600))}`,
    )
  }
  scene.answers.push({ name: `answer to ${JSON.stringify(template.slice(0, 200))}`, text, shows: readShown(text) })
  if (scene.answers.length >= SCAN_EVERY) searchAnswers(scene)
  if (status !== '401' || !sent.includes(callers[index]!.token)) return
  if ((scene.refused[index] = (scene.refused[index] ?? 0) + 1) < MOST_REFUSED) return
  scene.refused[index] = 0
  await replaceCaller(scene, index)
}

function fill(template: string, caller: Caller): string {
  const filled = template
    .replaceAll('{{API}}', caller.apiKey)
    .replaceAll('{{TOKEN}}', caller.token)
    .replaceAll('{{KEYID}}', caller.providerKeyIds['openai']![0]!)
    .replaceAll('{{APIKEYID}}', caller.apiKeyId)
    .replaceAll('{{ID}}', caller.id)
    .replaceAll('{{PASSWORD}}', () => Buffer.from(JSON.stringify(createFakePassword()).slice(1, -1)).toString('latin1'))
    .replaceAll('{{KEY}}', () => createFakeKey('openai', 'leaky'))
  const gap = filled.indexOf('\r\n\r\n')
  return filled.replaceAll('{{LENGTH}}', String(gap === -1 ? 0 : filled.length - gap - 4))
}

/** New keys, tokens and cookies are secrets from here on; this one answer was meant to show them. */
function readShown(text: string): string[] {
  const found = [...text.matchAll(/"(?:token|key)":"([^"]{20,})"|^set-cookie: [^=]+=([^;\r]{20,})/gim)]
  return found.map(([, member, cookie]) => rememberSecret((member ?? cookie)!))
}

/** Sends the bytes and reads until the answer is whole or the connection is closed. */
function exchange(port: number, bytes: Buffer): Promise<{ text: string; isTimeout: boolean }> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.write(bytes))
    const finish = (isTimeout: boolean): void => {
      clearTimeout(patience)
      clearTimeout(limit)
      socket.destroy()
      resolve({ text: Buffer.concat(chunks).toString('latin1'), isTimeout })
    }
    const limit = setTimeout(() => finish(true), LONGEST_WAIT_MS)
    const patience = setTimeout(() => socket.end(), PATIENCE_MS)
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (isWhole(Buffer.concat(chunks))) finish(false)
    })
    socket.on('end', () => finish(false))
    socket.on('close', () => finish(false))
    socket.on('error', () => finish(false))
  })
}

function isWhole(bytes: Buffer): boolean {
  const gap = bytes.indexOf('\r\n\r\n')
  if (gap === -1) return false
  const head = bytes.toString('latin1', 0, gap).toLowerCase()
  if (/^http\/1\.1 1\d\d /.test(head)) return isWhole(bytes.subarray(gap + 4))
  if (head.includes('transfer-encoding: chunked')) return bytes.subarray(-5).toString('latin1') === '0\r\n\r\n'
  const length = /\ncontent-length: (\d+)/.exec(head)?.[1]
  return length !== undefined ? bytes.length - gap - 4 >= Number(length) : /^http\/1\.1 (?:204|304) /.test(head)
}

function searchAnswers(scene: Scene): void {
  const { answers } = scene
  scene.answers = []
  scene.scanned += answers.length
  scene.leaks.push(...scanForSecrets({ texts: answers, secrets: listFakeSecrets() }))
}

/** Metrics, doctor, a backup, a diagnostic report, the logs, the database with its log, the journal. */
async function searchEverywhere(scene: Scene, root: string, env: Readonly<Record<string, string>>): Promise<string[]> {
  const { uniroute, leaks, found } = scene
  searchAnswers(scene)
  const health = await uniroute.call('GET', '/health')
  if (health.status !== 200) found.push(`the server is not well afterwards: ${health.status}`)
  const metrics = await uniroute.call('GET', '/metrics', { token: env['METRICS_TOKEN']! })
  if (metrics.status !== 200) found.push(`metrics are not there: ${metrics.status}`)
  const words = { cwd: root, env: { ...env, DATA_DIR: uniroute.dataDir } }
  const doctor = await runCommandLine(['doctor', '--offline'], words)
  const backup = await runCommandLine(['backup', join(root, 'backup.db')], words)
  for (const [name, { code, stderr }] of Object.entries({ doctor, backup })) {
    if (code !== 0) found.push(`uniroute ${name} ended with ${code}: ${stderr.slice(-400)}`)
  }
  uniroute.child.kill('SIGUSR2')
  for (
    let tries = 0;
    tries < 100 && !readdirSync(root).some((name) => name.endsWith('.json') && name.startsWith('report'));
    tries++
  )
    await sleep(100)
  const broken = uniroute
    .stderr()
    .split('\n')
    .filter((line) => /"level":60|internal_error|uncaught/i.test(line))
  for (const line of broken.slice(0, MOST_FOUND)) found.push(`in the log: ${line.slice(0, 400)}`)
  if (uniroute.child.exitCode !== null) found.push(`the server ended with ${uniroute.child.exitCode}`)
  // Killed, so that the write-ahead log and the journal stay as they were.
  await uniroute.kill9()
  const files = [...readdirSync(root), ...readdirSync(uniroute.dataDir, { recursive: true }).map(String)]
  for (const wanted of [/^backup\.db$/, /^report.*json$/, /uniroute\.db$/, /journal/]) {
    if (!files.some((name) => wanted.test(name))) found.push(`nothing to search: ${String(wanted)}`)
  }
  const secrets = listFakeSecrets()
  leaks.push(
    ...scanForSecrets({
      roots: [root],
      texts: [
        { name: 'doctor', text: doctor.stdout + doctor.stderr },
        { name: 'backup', text: backup.stdout + backup.stderr },
      ],
      secrets,
    }),
    ...uniroute.scanAndRemove(),
  )
  return files
}
