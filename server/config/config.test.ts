// The configuration: what is read, what is refused, and that no refusal or warning repeats a secret.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { revealSecret, Secret } from '../kernel/secret.ts'
import { StartRefused } from '../kernel/start-refused.ts'
import { forgetSecrets, loadConfig } from './config.ts'
import { type Setting, SETTING_GROUPS, SETTING_NAMES, SETTINGS } from './settings.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'uniroute-config-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const load = (environment: Record<string, string> = {}) => loadConfig(environment, { cwd })

function write(name: string, content: unknown): string {
  writeFileSync(join(cwd, name), typeof content === 'string' ? content : JSON.stringify(content))
  return name
}

function refusal(environment: Record<string, string>): string {
  try {
    load(environment)
  } catch (error) {
    if (error instanceof StartRefused) return error.message
    throw error
  }
  throw new Error('the configuration was accepted')
}

const reveal = (secret: Secret | null | undefined) => (secret ? revealSecret(secret) : secret)

describe('an empty environment', () => {
  test('gives the documented defaults', () => {
    expect(load()).toMatchObject({
      production: false,
      port: 8084,
      host: '127.0.0.1',
      publicUrl: null,
      dataDir: join(cwd, 'data'),
      databaseUrl: null,
      drainMs: 600_000,
      admin: null,
      registration: 'closed',
      passwordMinLength: 8,
      passwordContextWords: [],
      sessionIdleMs: 7 * 86_400_000,
      userBaseUrls: false,
      serverFallback: ['no_key', 'invalid', 'outage'],
      invalidGraceMs: 86_400_000,
      serverAllowanceUsdNanosPerDay: null,
      logLevel: 'info',
      metricsToken: null,
      configuredProviders: [],
      warnings: [],
    })
  })

  test('gives an object in which nothing can be changed', () => {
    const config = load({ OPENAI_API_KEY: 'sk-1', PROVIDERS_FILE: write('p.json', [aProvider()]) })
    const unfrozen = (value: unknown): boolean =>
      typeof value === 'object' &&
      value !== null &&
      !(value instanceof Secret) &&
      (!Object.isFrozen(value) || Object.values(value).some(unfrozen))
    expect(unfrozen(config)).toBe(false)
  })

  test('has no server key for a name that every object has', () => {
    expect(load().serverKeys['constructor']).toBeUndefined()
    expect(load().providerEndpoints['toString']).toBeUndefined()
  })
})

describe('the table of settings', () => {
  test.each(SETTING_NAMES)('%s: the default is a right value, and so is the example', (name) => {
    const setting: Setting = SETTINGS[name]
    if (setting.default !== null) expect(() => setting.kind.parse(setting.default!)).not.toThrow()
    if (!setting.secret || setting.kind.name.startsWith('URL')) {
      expect(() => setting.kind.parse(setting.example)).not.toThrow()
    }
  })

  test('has each setting in one group only', () => {
    const grouped = SETTING_GROUPS.flatMap((group) => Object.keys(group.settings))
    expect(new Set(grouped).size).toBe(grouped.length)
    expect(grouped).toEqual(SETTING_NAMES)
  })

  test.each([['STORE_CONTENT', '30']])('%s, whose feature is to come, warns when it is set', (name, value) => {
    expect(load({ [name]: value }).warnings).toEqual([`${name} is set but not used in this release.`])
  })

  test('a planned setting at its default does not warn', () => {
    expect(load({ STORE_CONTENT: 'off' }).warnings).toEqual([])
  })
})

describe('traces', () => {
  const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }

  test('go nowhere unless an endpoint is set', () => {
    expect(load({ OTEL_EXPORTER_OTLP_HEADERS: 'a=b' }).traces).toBeNull()
    expect(load(ENDPOINT).traces).toMatchObject({ headers: [], serviceName: 'uniroute' })
  })

  test('have headers as OpenTelemetry writes them', () => {
    const { headers } = load({
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20a=b, x-scope=1',
    }).traces!
    expect(headers.map(([name, value]) => [name, reveal(value)])).toEqual([
      ['authorization', 'Bearer a=b'],
      ['x-scope', '1'],
    ])
  })

  test.each(['secret-alone', 'a=%zz', 'a=%0d%0ab', 'a=%ff', 'a b=c', 'a='])(
    'headers like %j are refused unquoted',
    (text) => {
      const start = () => load({ ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: text })
      expect(start).toThrow(/OTEL_EXPORTER_OTLP_HEADERS: this is not a list of name=value/)
      expect(start).not.toThrow(text)
    },
  )
})

describe('sources', () => {
  test('.env lies beneath the environment', () => {
    write('.env', 'PORT=1111\nHOST="127.0.0.2"\nLOG_LEVEL=debug\n')
    expect(load({ PORT: '2222' })).toMatchObject({ port: 2222, host: '127.0.0.2', logLevel: 'debug' })
  })

  test('an empty variable switches off what .env sets', () => {
    write('.env', 'OPENAI_API_KEY=sk-from-file\n')
    expect(load({ OPENAI_API_KEY: '' }).serverKeys).toEqual({})
  })

  test.each(['abc\n', 'abc\r\n', 'abc'])('a secret is read from the file of its _FILE form (%j)', (content) => {
    expect(reveal(load({ METRICS_TOKEN_FILE: write('token', content) }).metricsToken)).toBe('abc')
  })

  test('only one trailing newline is removed from a secret', () => {
    const environment = {
      UNIROUTE_ADMIN_EMAIL: 'a@b.test',
      UNIROUTE_ADMIN_PASSWORD_FILE: write('password', 'abc \n\n'),
    }
    expect(reveal(load(environment).admin?.password)).toBe('abc \n')
  })

  test('a secret is read from the credentials directory of the service manager', () => {
    write('OPENAI_API_KEY', 'sk-credential\n')
    expect(reveal(load({ CREDENTIALS_DIRECTORY: cwd }).serverKeys['openai'])).toBe('sk-credential')
  })

  test('two sources that agree are accepted, two that differ are refused without showing either', () => {
    const path = write('key', 'sk-canary-one\n')
    expect(reveal(load({ OPENAI_API_KEY: 'sk-canary-one', OPENAI_API_KEY_FILE: path }).serverKeys['openai'])).toBe(
      'sk-canary-one',
    )
    const message = refusal({ OPENAI_API_KEY: 'sk-canary-two', OPENAI_API_KEY_FILE: path })
    expect(message).toContain('OPENAI_API_KEY and OPENAI_API_KEY_FILE are both given and differ')
    expect(message).not.toContain('canary')
  })

  test('a missing or empty secret file is refused by name', () => {
    expect(refusal({ JWT_SECRET: 'x', METRICS_TOKEN_FILE: 'nowhere' })).toContain(
      'METRICS_TOKEN: the file that METRICS_TOKEN_FILE names cannot be read (ENOENT)',
    )
    expect(refusal({ METRICS_TOKEN_FILE: write('empty', '\n') })).toContain('METRICS_TOKEN_FILE names is empty')
  })

  test('an unreadable .env is refused, not passed over', () => {
    rmSync(cwd, { recursive: true })
    cwd = mkdtempSync(join(tmpdir(), 'uniroute-config-'))
    writeFileSync(join(cwd, 'file'), '')
    expect(() => loadConfig({}, { cwd: join(cwd, 'file') })).toThrow(/\.env is there but cannot be read \(ENOTDIR\)/)
  })

  test('secrets can be taken out of the environment after reading; nothing else goes', () => {
    const environment: Record<string, string | undefined> = {
      PATH: '/bin',
      PORT: '0',
      OPENAI_API_KEY: 'a',
      JWT_SECRET: 'b',
      DATABASE_URL: 'postgres://x:y@127.0.0.1/z',
      GROQ_API_KEY: 'c',
      METRICS_TOKEN_FILE: write('token', 'd'),
      PROVIDERS_FILE: write('p.json', [aProvider({ api_key_env: 'GROQ_API_KEY' })]),
    }
    forgetSecrets(environment, loadConfig(environment, { cwd }))
    expect(Object.keys(environment)).toEqual(['PATH', 'PORT', 'METRICS_TOKEN_FILE', 'PROVIDERS_FILE'])
  })
})

describe('wrong values', () => {
  test.each([
    ['PORT', '65536', '"65536" is not a whole number, 0 to 65535. Example: PORT=8084'],
    ['PORT', '80a', 'is not a whole number'],
    ['PORT', '-1', 'is not a whole number'],
    ['PORT', '1e3', 'is not a whole number'],
    ['HOST', '0.0.0.0:80', 'the port goes into PORT'],
    ['HOST', 'a b', 'is not an address'],
    ['REGISTRATION', 'Open', '"Open" is none of closed, invite, open'],
    ['USER_BASE_URLS', 'yes', 'is neither on nor off'],
    ['SERVER_FALLBACK', 'no_key,never', '"never" is none of'],
    ['SERVER_FALLBACK', 'nokey', '"nokey" is none of no_key, invalid'],
    ['INVALID_GRACE', '24', 'is not a number followed by s, m, h or d. Example: INVALID_GRACE=24h'],
    ['INVALID_GRACE', '3651d', 'is longer than'],
    ['SERVER_ALLOWANCE_USD_PER_DAY', '1,50', 'is not an amount'],
    ['SERVER_ALLOWANCE_USD_PER_DAY', '-1', 'is not an amount'],
    ['PASSWORD_MIN_LENGTH', '7', 'is not a whole number, 8 to 128'],
    ['SESSION_IDLE', '15m', '"15m" is not between 20m and 30d'],
    ['SESSION_IDLE', '31d', 'is not between'],
    ['OIDC_ISSUER', 'http://login.example.com', 'anybody on the way could sign in as anybody'],
    ['OIDC_ISSUER', 'https://login.example.com/?x=1', 'nothing else'],
    ['DRAIN_SECONDS', '10s', 'is not a whole number'],
    ['LOG_LEVEL', 'verbose', 'is none of trace'],
    ['TRUST_PROXY', '10.0.0.0/33', '"10.0.0.0/33" is neither an IP address nor a range'],
    ['TRUST_PROXY', 'proxy.local', 'is neither an IP address nor a range'],
    ['TRUST_PROXY', '10.0.0.0/8/8', 'is neither an IP address nor a range'],
    ['PUBLIC_URL', 'uniroute.example.com', 'begins with http:// or https://'],
    ['PUBLIC_URL', 'https://a.test/?x=1', 'nothing else'],
    ['OPENAI_BASE_URL', 'api.openai.com', 'begins with http:// or https://'],
    ['OPENAI_BASE_URL', 'https://a.test/v1?key=1', 'end it with the path'],
    ['STORE_CONTENT', 'on', 'is not a whole number'],
    ['UNIROUTE_ADMIN_EMAIL', 'owner', 'this is not an e-mail address'],
    ['DATABASE_URL', 'mysql://127.0.0.1/x', 'begins with postgres:// or postgresql://'],
    ['OPENAI_API_KEY', 'sk-a b', 'copy it again'],
  ])('%s=%s is refused with a sentence', (name, value, sentence) => {
    const message = refusal({ [name]: value })
    expect(message).toContain(`${name}: `)
    expect(message).toContain(sentence)
  })

  test('signing in with a provider takes an issuer and a client, and roles a claim and its values', () => {
    const pair = { OIDC_ISSUER: 'https://login.example.com', OIDC_CLIENT_ID: 'uniroute' }
    expect(load(pair).oidc).toMatchObject({ issuer: pair.OIDC_ISSUER, clientId: 'uniroute', roleClaim: null })
    expect(load().oidc).toBeNull()
    expect(refusal({ OIDC_CLIENT_ID: 'uniroute' })).toContain('OIDC_ISSUER: this is missing')
    expect(refusal({ OIDC_ISSUER: pair.OIDC_ISSUER })).toContain('OIDC_CLIENT_ID: this is missing')
    expect(refusal({ ...pair, OIDC_ROLE_CLAIM: 'groups' })).toContain('OIDC_ADMIN_ROLES: this is missing')
    expect(refusal({ ...pair, OIDC_ADMIN_ROLES: 'chiefs' })).toContain('OIDC_ROLE_CLAIM: this is missing')
  })

  test('all faults are told at once', () => {
    const message = refusal({ PORT: 'x', REGISTRATION: 'x', OPENAI_BASE_URL: 'x' })
    expect(message.match(/^ {2}[A-Z_]+: /gm)).toHaveLength(3)
  })

  test('an administrator needs both e-mail address and password', () => {
    expect(refusal({ UNIROUTE_ADMIN_EMAIL: 'a@b.test' })).toContain('UNIROUTE_ADMIN_PASSWORD: this is missing')
    expect(refusal({ UNIROUTE_ADMIN_PASSWORD: 'long enough' })).toContain('UNIROUTE_ADMIN_EMAIL: this is missing')
  })

  test('no refusal and no printed configuration repeats a secret, or a password inside a URL', () => {
    const canary = 'caNary7'
    const secrets = SETTING_NAMES.filter((name) => (SETTINGS[name] as Setting).secret)
    const urls = SETTING_NAMES.filter((name) => name.endsWith('_URL'))
    for (const name of [...secrets, ...urls]) {
      for (const value of [`${canary} x`, `redis://u:${canary}@h`, `http://u:${canary}@h`, `\u00e9${canary}\u0000`]) {
        try {
          expect(
            `${inspect(load({ [name]: value }), { depth: 9 })}${JSON.stringify(load({ [name]: value }))}`,
          ).not.toContain(canary)
        } catch (error) {
          if (!(error instanceof StartRefused)) throw error
          expect(error.message).not.toContain(canary)
        }
      }
    }
  })
})

describe('warnings', () => {
  test('a variable that looks like ours and is not', () => {
    expect(load({ UNIROUTE_ADMIN_MAIL: 'a@b.test' }).warnings).toEqual([
      'UNIROUTE_ADMIN_MAIL is not a setting of UniRoute; see docs/configuration.md.',
    ])
  })

  test.each([
    ['0.0.0.0', undefined, 1],
    ['::', 'http://a.test', 1],
    ['0.0.0.0', 'https://a.test', 0],
    ['[::1]', undefined, 0],
    ['localhost', undefined, 0],
  ])('listening on %s with PUBLIC_URL=%s gives %d warnings', (HOST, PUBLIC_URL, count) => {
    expect(load({ HOST, ...(PUBLIC_URL ? { PUBLIC_URL } : {}) }).warnings).toHaveLength(count)
  })

  test.each([
    ['DATABASE_URL', 'postgres://u:canary@db.example.com/uniroute', 1],
    ['DATABASE_URL', 'postgres://u:canary@db.example.com/uniroute?sslmode=prefer', 1],
    ['DATABASE_URL', 'postgres://u:canary@203.0.113.9/uniroute', 1],
    ['DATABASE_URL', 'postgres://u:canary@[2606:4700::1]/uniroute', 1],
    ['DATABASE_URL', 'postgres://u:canary@db.example.com/uniroute?sslmode=verify-full', 0],
    ['DATABASE_URL', 'postgres://u:canary@postgres/uniroute', 0],
    ['DATABASE_URL', 'postgres://u:canary@db.prod.svc.cluster.local/uniroute', 0],
    ['DATABASE_URL', 'postgres://u:canary@10.1.2.3/uniroute', 0],
    ['DATABASE_URL', 'postgres://u:canary@172.16.0.1/uniroute', 0],
    ['DATABASE_URL', 'postgres://u:canary@172.32.0.1/uniroute', 1],
    ['DATABASE_URL', 'postgres://u:canary@[fd00::1]/uniroute', 0],
    ['REDIS_URL', 'redis://:canary@cache.example.com', 1],
    ['REDIS_URL', 'rediss://:canary@cache.example.com', 0],
    ['REDIS_URL', 'redis://127.0.0.1:6379', 0],
  ])('%s=%s gives %d warnings, without its password', (name, value, count) => {
    const { warnings } = load({ [name]: value })
    expect(warnings).toHaveLength(count)
    expect(warnings.join()).not.toContain('canary')
    for (const warning of warnings) expect(warning).toContain(name)
  })

  test('trusting every proxy', () => {
    expect(load({ TRUST_PROXY: '0.0.0.0/0' }).warnings.join()).toContain('trusts everybody')
    expect(load({ TRUST_PROXY: '10.0.0.0/8' }).warnings).toEqual([])
  })
})

describe('values', () => {
  test('a duration is its number times its unit', () => {
    const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
    fc.assert(
      fc.property(fc.nat(3650), fc.constantFrom('s', 'm', 'h', 'd'), (count, unit) => {
        expect(load({ INVALID_GRACE: `${count}${unit}` }).invalidGraceMs).toBe(count * units[unit])
      }),
    )
  })

  test('an amount is read to the nano-dollar', () => {
    fc.assert(
      fc.property(fc.nat(999_999), fc.nat(999_999_999), (whole, nanos) => {
        const text = `${whole}.${String(nanos).padStart(9, '0')}`
        expect(load({ SERVER_ALLOWANCE_USD_PER_DAY: text }).serverAllowanceUsdNanosPerDay).toBe(whole * 1e9 + nanos)
      }),
    )
    expect(load({ SERVER_ALLOWANCE_USD_PER_DAY: '2.5' }).serverAllowanceUsdNanosPerDay).toBe(2_500_000_000)
  })

  test('a list keeps the known reasons, in a fixed order, once each', () => {
    expect(load({ SERVER_FALLBACK: ' outage , no_key,outage ' }).serverFallback).toEqual(['no_key', 'outage'])
    expect(load({ SERVER_FALLBACK: 'never' }).serverFallback).toEqual([])
  })

  test.each([
    ['https://api.openai.com', { origin: 'https://api.openai.com', basePath: '', versionSegment: null }],
    ['https://api.openai.com/v1/', { origin: 'https://api.openai.com', basePath: '', versionSegment: 'v1' }],
    ['http://10.0.0.7:8000/llm/v1beta', { origin: 'http://10.0.0.7:8000', basePath: '/llm', versionSegment: 'v1beta' }],
    ['https://a.test/openai', { origin: 'https://a.test', basePath: '/openai', versionSegment: null }],
    ['https://a.test/v1beta/openai', { origin: 'https://a.test', basePath: '/v1beta/openai', versionSegment: '' }],
    ['https://a.test:443/vault', { origin: 'https://a.test', basePath: '/vault', versionSegment: null }],
  ])('the base URL %s is taken apart', (url, endpoint) => {
    expect(load({ OPENAI_BASE_URL: url }).providerEndpoints['openai']).toEqual(endpoint)
  })

  test('slashes at the end of a base URL change nothing, and the path comes back whole', () => {
    const segment = fc.stringMatching(/^[a-z0-9]{1,6}$/)
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 4 }), fc.nat(3), (segments, slashes) => {
        const path = segments.map((part) => `/${part}`).join('')
        const parse = (url: string) => load({ VLLM_BASE_URL: url }).providerEndpoints['vllm']!
        const plain = parse(`http://127.0.0.1:8000${path}`)
        expect(parse(`http://127.0.0.1:8000${path}${'/'.repeat(slashes)}`)).toEqual(plain)
        expect(plain.basePath + (plain.versionSegment ? `/${plain.versionSegment}` : '')).toBe(path)
      }),
    )
  })

  test('a public URL loses the slash at its end and keeps its path', () => {
    expect(load({ PUBLIC_URL: 'https://A.test/' }).publicUrl).toBe('https://a.test')
    expect(load({ PUBLIC_URL: 'https://a.test/ai/' }).publicUrl).toBe('https://a.test/ai')
  })
})

describe('TRUST_PROXY', () => {
  const numeric = (ip: string) => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

  test('an address is trusted exactly when its first bits are those of a range, also written as IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.nat(32), (base, ip, bits) => {
        const { isTrustedProxy } = load({ TRUST_PROXY: `203.0.113.1,${base}/${bits}` })
        const size = 2 ** (32 - bits)
        const expected = Math.floor(numeric(ip) / size) === Math.floor(numeric(base) / size) || ip === '203.0.113.1'
        expect(isTrustedProxy(ip)).toBe(expected)
        expect(isTrustedProxy(`::ffff:${ip}`)).toBe(expected)
      }),
    )
  })

  test('IPv6 ranges, zones, and what is no address', () => {
    const { isTrustedProxy } = load({ TRUST_PROXY: 'fe80::/10, ::1' })
    expect(['fe80::1%eth0', '::1', '0:0:0:0:0:0:0:1'].map(isTrustedProxy)).toEqual([true, true, true])
    expect(['fec0::1', '127.0.0.1', '', 'fe80', 'x'].map(isTrustedProxy)).toEqual([false, false, false, false, false])
  })

  test('nobody is trusted without it', () => {
    expect(load().isTrustedProxy('127.0.0.1')).toBe(false)
  })
})

function aProvider(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { id: 'groq', name: 'Groq', base_url: 'https://api.groq.test/openai', ...fields }
}

describe('PROVIDERS_FILE', () => {
  const loadProviders = (content: unknown, environment: Record<string, string> = {}) =>
    load({ PROVIDERS_FILE: write('providers.json', content), ...environment })

  test.each([
    ['https://a.test', '', null],
    ['https://a.test/openai', '/openai', null],
    ['https://a.test/openai/v1/', '/openai', 'v1'],
    ['https://a.test/v2', '', 'v2'],
    ['https://a.test/v1beta/openai', '/v1beta/openai', ''],
  ])(
    '%s: with a version anywhere it is complete, without one its API has one',
    (base_url, basePath, versionSegment) => {
      const [provider] = loadProviders([aProvider({ base_url })]).configuredProviders
      expect(provider?.endpoint).toEqual({ origin: 'https://a.test', basePath, versionSegment })
    },
  )

  test('the key comes from the named variable or its file, and stands among the server keys', () => {
    const providers = [aProvider({ api_key_env: 'GROQ_API_KEY' }), aProvider({ id: 'other', name: 'Other' })]
    const config = loadProviders(providers, { GROQ_API_KEY_FILE: write('key', 'gsk-1\n'), OPENAI_API_KEY: 'sk-1' })
    expect(Object.keys(config.serverKeys)).toEqual(['openai', 'groq'])
    expect(reveal(config.serverKeys['groq'])).toBe('gsk-1')
    expect(config.configuredProviders.map((provider) => provider.apiKeyEnv)).toEqual(['GROQ_API_KEY', null])
  })

  test('users may bring keys for an entry unless it says otherwise', () => {
    const entries = [aProvider(), aProvider({ id: 'b', user_keys: true }), aProvider({ id: 'c', user_keys: false })]
    expect(loadProviders(entries).configuredProviders.map(({ userKeys }) => userKeys)).toEqual([true, true, false])
  })

  test('a key that is named but not set gives a warning', () => {
    expect(loadProviders([aProvider({ api_key_env: 'GROQ_API_KEY' })]).warnings.join()).toContain('has no key for it')
  })

  test.each([
    ['{', 'is not valid JSON'],
    [{}, 'must hold a JSON list'],
    [[null], 'entry 1: it must be an object'],
    [[aProvider({ id: 'Groq' })], 'entry 1: "id" must be'],
    [[aProvider({ id: 'pk_1' })], 'entry 1: "id" must be'],
    [[aProvider({ id: 'openai' })], 'the id "openai" is taken'],
    [[aProvider({ id: 'models' })], 'the id "models" is taken'],
    [[aProvider(), aProvider()], 'two entries have the id "groq"'],
    [[aProvider({ name: '' })], '"name" must be'],
    [[aProvider({ base_url: 'groq.test' })], '"base_url": this is not a URL'],
    [[aProvider({ base_url: 'https://u:p@groq.test' })], 'holds a user name or password'],
    [[aProvider({ base_url: 7 })], '"base_url" must be a URL'],
    [[aProvider({ api_key: 'sk-canary' })], 'unknown field'],
    [[aProvider({ api_key_env: 'sk-canary' })], 'not the key itself'],
    [[aProvider({ api_key_env: 'AIzacanary' })], 'not the key itself'],
    [[aProvider({ api_key_env: 'JWT_SECRET' })], 'a secret of UniRoute itself'],
    [[aProvider({ api_key_env: 'PROVIDER_KEY_ENCRYPTION_KEY' })], 'a secret of UniRoute itself'],
    [[aProvider({ dialect: 3 })], '"dialect" must be'],
    [[aProvider({ user_keys: 'yes' })], '"user_keys" must be true or false'],
  ])('%j is refused: %s', (content, sentence) => {
    const message = refusal({ PROVIDERS_FILE: write('providers.json', content) })
    expect(message).toContain('PROVIDERS_FILE: ')
    expect(message).toContain(sentence)
    expect(message).not.toContain('canary')
  })

  test('a missing file is refused', () => {
    expect(refusal({ PROVIDERS_FILE: 'nowhere.json' })).toContain('PROVIDERS_FILE: the file cannot be read (ENOENT)')
  })
})
