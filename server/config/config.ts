// The environment, read once and checked, as one frozen object. Nothing else in the server reads the environment,
// except the secrets that seal and sign (secrets.ts), whose rules depend on what the database holds.
// Invariant: every fault of the configuration is reported at once, by the variable's name, with an example of a right
// value, and without the value of any secret.
import { resolve } from 'node:path'
import type { FallbackReason } from '../../contract/common.ts'
import type { EffectiveSetting } from '../../contract/settings.ts'
import { Secret } from '../kernel/secret.ts'
import { StartRefused } from '../kernel/start-refused.ts'
import { describeSettings } from './effective-settings.ts'
import type { Endpoint } from './endpoint.ts'
import { type Environment, readEnvironment, readSecretText, readSetting } from './environment.ts'
import { listExposures } from './exposure.ts'
import { headerToken } from './kinds.ts'
import { type ConfiguredProvider, readProvidersFile } from './providers-file.ts'
import type { SmtpServer } from './smtp.ts'
import { type Setting, SETTING_NAMES, type SettingName, SETTINGS, type SettingValue } from './settings.ts'
import { createTrustedProxies } from './trusted-proxies.ts'
import { WrongValue } from './wrong-value.ts'

export interface Config {
  /** NODE_ENV=production: weak or missing secrets are fatal. */
  readonly production: boolean
  readonly port: number
  readonly host: string
  /** Without a slash at the end; null: from the address that was bound. */
  readonly publicUrl: string | null
  /** Is this peer one of the proxies whose X-Forwarded-* is believed? */
  readonly isTrustedProxy: (ip: string) => boolean
  /** Absolute. */
  readonly dataDir: string
  /** null: SQLite in `dataDir`. */
  readonly databaseUrl: Secret | null
  /** null: nothing is shared but the database. */
  readonly redisUrl: Secret | null
  /** Processes that share the port. */
  readonly workers: number
  readonly drainMs: number
  readonly admin: { readonly email: string; readonly password: Secret } | null
  readonly registration: 'closed' | 'invite' | 'open'
  readonly passwordMinLength: number
  /** In lower case. */
  readonly passwordContextWords: readonly string[]
  /** A session that nobody used for so long is over. */
  readonly sessionIdleMs: number
  /** null: nobody signs in with a provider. */
  readonly oidc: {
    readonly issuer: string
    readonly clientId: string
    readonly clientSecret: Secret | null
    readonly name: string
    readonly scopes: string
    /** null: roles are given here. */
    readonly roleClaim: string | null
    readonly adminRoles: readonly string[]
  } | null
  /** The server's own keys by provider id, those of PROVIDERS_FILE included. No prototype. */
  readonly serverKeys: Readonly<Record<string, Secret>>
  /** Addresses the operator set for built-in providers, by id. No prototype. */
  readonly providerEndpoints: Readonly<Record<string, Endpoint>>
  /** The entries of PROVIDERS_FILE. */
  readonly configuredProviders: readonly ConfiguredProvider[]
  readonly userBaseUrls: boolean
  /** Which of Ollama and vLLM users may bring keys for. */
  readonly userKeysFor: readonly string[]
  /** Files that requests name by address. */
  readonly media: {
    readonly enabled: boolean
    readonly maxBytes: number
    readonly timeoutMs: number
    readonly trustedOrigins: ReadonlySet<string>
  }
  /** Reasons for which server keys may serve; empty: never. */
  readonly serverFallback: readonly FallbackReason[]
  readonly invalidGraceMs: number
  readonly serverAllowanceUsdNanosPerDay: number | null
  readonly apiKeyConcurrency: number
  readonly upstreamClient: 'own' | 'undici'
  readonly logLevel: string
  readonly metricsToken: Secret | null
  /** null: no mail is sent. */
  readonly smtp: SmtpServer | null
  /** null: no traces are sent. */
  readonly traces: {
    readonly endpoint: string
    readonly headers: readonly (readonly [name: string, value: Secret])[]
    readonly serviceName: string
  } | null
  /** Every setting with its origin, for administrators. */
  readonly settings: readonly EffectiveSetting[]
  /** For the log, at each start. */
  readonly warnings: readonly string[]
}

/** The variables of the vendors' server keys. */
export const BUILT_IN_KEYS = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
  google: 'GOOGLE_API_KEY',
} as const
const BUILT_IN_ENDPOINTS = {
  openai: 'OPENAI_BASE_URL',
  anthropic: 'ANTHROPIC_BASE_URL',
  google: 'GOOGLE_BASE_URL',
  ollama: 'OLLAMA_BASE_URL',
  vllm: 'VLLM_BASE_URL',
} as const

/** Reads the environment, with the `.env` of `cwd` beneath it. Throws StartRefused naming every variable at fault. */
export function loadConfig(environment: Environment, options: { cwd: string }): Config {
  const { cwd } = options
  const merged = readEnvironment(environment, cwd)
  const reader = createReader(merged, cwd)
  const { read, readOptional } = reader

  const configuredProviders = reader.attempt('PROVIDERS_FILE', [], () => {
    const path = readOptional('PROVIDERS_FILE')
    return path === null ? [] : readProvidersFile(resolve(cwd, path), ownSecretNames())
  })
  const isTrustedProxy = reader.attempt(
    'TRUST_PROXY',
    () => false,
    () => createTrustedProxies(readOptional('TRUST_PROXY') ?? []),
  )
  const config: Config = {
    production: readOptional('NODE_ENV') === 'production',
    port: read('PORT'),
    host: read('HOST'),
    publicUrl: readOptional('PUBLIC_URL'),
    isTrustedProxy,
    dataDir: resolve(cwd, read('DATA_DIR')),
    databaseUrl: readOptional('DATABASE_URL'),
    redisUrl: readOptional('REDIS_URL'),
    workers: read('WORKERS'),
    drainMs: read('DRAIN_SECONDS') * 1000,
    admin: readAdmin(reader),
    registration: read('REGISTRATION'),
    passwordMinLength: read('PASSWORD_MIN_LENGTH'),
    passwordContextWords: readOptional('PASSWORD_CONTEXT_WORDS') ?? [],
    sessionIdleMs: read('SESSION_IDLE'),
    oidc: readOidc(reader),
    serverKeys: readServerKeys(reader, configuredProviders),
    providerEndpoints: withoutPrototype(
      Object.entries(BUILT_IN_ENDPOINTS).map(([id, name]) => [id, readOptional(name)] as const),
    ),
    configuredProviders,
    userBaseUrls: read('USER_BASE_URLS'),
    userKeysFor: read('USER_KEYS_FOR'),
    media: {
      enabled: read('MEDIA_FETCH'),
      maxBytes: read('MEDIA_FETCH_MAX_MB') * 1024 * 1024,
      timeoutMs: read('MEDIA_FETCH_SECONDS') * 1000,
      trustedOrigins: new Set(readOptional('MEDIA_FETCH_ORIGINS') ?? []),
    },
    serverFallback: read('SERVER_FALLBACK'),
    invalidGraceMs: read('INVALID_GRACE'),
    serverAllowanceUsdNanosPerDay: readOptional('SERVER_ALLOWANCE_USD_PER_DAY'),
    apiKeyConcurrency: read('API_KEY_CONCURRENCY'),
    upstreamClient: read('UPSTREAM_CLIENT'),
    logLevel: read('LOG_LEVEL'),
    metricsToken: readOptional('METRICS_TOKEN'),
    smtp: readOptional('SMTP_URL'),
    traces: readTraces(reader),
    settings: [],
    warnings: reader.warnings,
  }
  reader.checkTheRest()
  reader.warnings.push(...listExposures(config))
  reader.refuseIfFaulty()
  return freezeDeep({ ...config, settings: describeSettings(environment, merged, cwd) })
}

/**
 * Takes the secrets out of the process's own environment once they are read, so that no child or report inherits them.
 */
export function forgetSecrets(environment: Record<string, string | undefined>, config: Config): void {
  const names = config.configuredProviders.flatMap((provider) => provider.apiKeyEnv ?? [])
  for (const name of [...ownSecretNames(), ...Object.values(BUILT_IN_KEYS), ...names]) delete environment[name]
}

interface Reader {
  readonly warnings: string[]
  /** The value of a setting that has a default. */
  read<Name extends SettingName>(name: Name): SettingValue<Name>
  readOptional<Name extends SettingName>(name: Name): SettingValue<Name> | null
  /** Runs a step that may throw WrongValue; the fault is noted under the variable's name and `otherwise` stands in. */
  attempt<Value>(name: string, otherwise: Value, step: () => Value, example?: string): Value
  readToken(name: string): Secret | null
  /** Reads the settings nobody asked for, so that their faults and warnings are told too. */
  checkTheRest(): void
  refuseIfFaulty(): void
}

function createReader(environment: Environment, cwd: string): Reader {
  const faults: string[] = []
  const warnings: string[] = []
  const done = new Set<string>()

  function attempt<Value>(name: string, otherwise: Value, step: () => Value, example?: string): Value {
    try {
      return step()
    } catch (error) {
      if (!(error instanceof WrongValue)) throw error
      const right = example ?? (SETTINGS as Record<string, Setting>)[name]?.example
      faults.push(`${name}: ${error.message}.${right === undefined ? '' : ` Example: ${name}=${right}`}`)
      return otherwise
    }
  }

  function readOptional<Name extends SettingName>(name: Name): SettingValue<Name> | null {
    const setting: Setting = SETTINGS[name]
    done.add(name)
    return attempt(name, null, () => {
      const given = setting.secret ? readSecretText(environment, name, cwd) : readSetting(environment, name)
      if (given !== null && setting.planned && given !== setting.default) {
        warnings.push(`${name} is set but not used in this release.`)
      }
      return given === null ? null : (setting.kind.parse(given) as SettingValue<Name>)
    })
  }

  return {
    warnings,
    attempt,
    readOptional,
    read<Name extends SettingName>(name: Name): SettingValue<Name> {
      const setting: Setting = SETTINGS[name]
      return readOptional(name) ?? (setting.kind.parse(setting.default ?? '') as SettingValue<Name>)
    },
    readToken: (name) =>
      attempt(
        name,
        null,
        () => {
          const text = readSecretText(environment, name, cwd)
          return text === null ? null : headerToken.parse(text)
        },
        'the key as the provider shows it',
      ),
    checkTheRest() {
      for (const name of SETTING_NAMES) {
        if (!done.has(name) && !READ_WITH_THE_DATABASE.has(name)) readOptional(name)
      }
      warnings.push(...listUnknown(environment))
    },
    refuseIfFaulty() {
      if (faults.length === 0) return
      throw new StartRefused(
        `UniRoute cannot start with this configuration; nothing was changed.\n${[...new Set(faults)].map((fault) => `  ${fault}`).join('\n')}`,
      )
    },
  }
}

/** Read by resolveSecrets: what is right for them depends on what the database holds. */
const READ_WITH_THE_DATABASE: ReadonlySet<string> = new Set<SettingName>([
  'PROVIDER_KEY_ENCRYPTION_KEY',
  'PROVIDER_KEY_ENCRYPTION_KEYS_OLD',
  'JWT_SECRET',
])

/** UniRoute's own secrets: every secret but the keys that are meant for a provider. */
function ownSecretNames(): Set<string> {
  const meantForProviders = new Set<string>(Object.values(BUILT_IN_KEYS))
  return new Set(SETTING_NAMES.filter((name) => (SETTINGS[name] as Setting).secret && !meantForProviders.has(name)))
}

function readAdmin({ readOptional, attempt }: Reader): Config['admin'] {
  const email = readOptional('UNIROUTE_ADMIN_EMAIL')
  const password = readOptional('UNIROUTE_ADMIN_PASSWORD')
  if (email !== null && password !== null) return { email, password }
  if (email === null && password === null) return null
  const missing = email === null ? 'UNIROUTE_ADMIN_EMAIL' : 'UNIROUTE_ADMIN_PASSWORD'
  const given = email === null ? 'UNIROUTE_ADMIN_PASSWORD' : 'UNIROUTE_ADMIN_EMAIL'
  return attempt(missing, null, () => {
    throw new WrongValue(`this is missing, or not right, while ${given} is given; set both or neither`)
  })
}

function readOidc({ read, readOptional, attempt }: Reader): Config['oidc'] {
  const [issuer, clientId] = [readOptional('OIDC_ISSUER'), readOptional('OIDC_CLIENT_ID')]
  const clientSecret = readOptional('OIDC_CLIENT_SECRET')
  const [roleClaim, adminRoles] = [readOptional('OIDC_ROLE_CLAIM'), readOptional('OIDC_ADMIN_ROLES') ?? []]
  if (issuer === null && clientId === null) return null
  if (issuer === null || clientId === null) {
    return attempt(issuer === null ? 'OIDC_ISSUER' : 'OIDC_CLIENT_ID', null, () => {
      throw new WrongValue('this is missing, or not right; OIDC_ISSUER and OIDC_CLIENT_ID stand together')
    })
  }
  if ((roleClaim === null) !== (adminRoles.length === 0)) {
    return attempt(roleClaim === null ? 'OIDC_ROLE_CLAIM' : 'OIDC_ADMIN_ROLES', null, () => {
      throw new WrongValue('this is missing; OIDC_ROLE_CLAIM and OIDC_ADMIN_ROLES stand together')
    })
  }
  return { issuer, clientId, clientSecret, name: read('OIDC_NAME'), scopes: read('OIDC_SCOPES'), roleClaim, adminRoles }
}

function readTraces({ read, readOptional }: Reader): Config['traces'] {
  const endpoint = readOptional('OTEL_EXPORTER_OTLP_ENDPOINT')
  const headers = readOptional('OTEL_EXPORTER_OTLP_HEADERS') ?? []
  return endpoint === null ? null : { endpoint, headers, serviceName: read('OTEL_SERVICE_NAME') }
}

function readServerKeys(reader: Reader, providers: readonly ConfiguredProvider[]): Config['serverKeys'] {
  const builtIn = Object.entries(BUILT_IN_KEYS).map(([id, name]) => [id, reader.readOptional(name)] as const)
  const further = providers.map((provider) => {
    if (provider.apiKeyEnv === null) return [provider.id, null] as const
    const key = reader.readToken(provider.apiKeyEnv)
    if (key === null) {
      reader.warnings.push(
        `${provider.apiKeyEnv}, the key of "${provider.id}" in PROVIDERS_FILE, is not set: the server has no key for it.`,
      )
    }
    return [provider.id, key] as const
  })
  return withoutPrototype([...builtIn, ...further])
}

function listUnknown(environment: Environment): string[] {
  const known = new Set<string>([...SETTING_NAMES, 'UNIROUTE_RECORDINGS'])
  return Object.keys(environment)
    .filter((name) => name.startsWith('UNIROUTE_') && !known.has(name.replace(/_FILE$/, '')))
    .map((name) => `${name} is not a setting of UniRoute; see docs/configuration.md.`)
}

function withoutPrototype<Value>(entries: (readonly [string, Value | null])[]): Record<string, Value> {
  const record = Object.create(null) as Record<string, Value>
  for (const [name, value] of entries) if (value !== null) record[name] = value
  return record
}

function freezeDeep<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || value instanceof Secret) return value
  for (const part of Object.values(value)) freezeDeep(part)
  return Object.freeze(value)
}
