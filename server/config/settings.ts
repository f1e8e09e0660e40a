// Every setting of UniRoute, in one table: docs/configuration.md is generated from it, and loadConfig reads by it.
// A setting whose feature is still to come says so (`planned`); setting it then gives a warning at start, so that
// nobody relies on what is not there.
import { FALLBACK_REASONS } from '../../contract/common.ts'
import * as kinds from './kinds.ts'
import { OIDC } from './settings-oidc.ts'

export interface Setting<Value = unknown> {
  readonly kind: kinds.Kind<Value>
  /** As one would write it in the environment; null when there is none. */
  readonly default: string | null
  /** What holds without it, for the reader, where `default` does not say it. */
  readonly absent?: string
  /** A right value, shown when a wrong one is refused. */
  readonly example: string
  readonly meaning: string
  /** Has a `_FILE` form, is never shown, and is taken out of the process's environment after reading. */
  readonly secret?: true
  /** What it will do, in a release to come. */
  readonly planned?: true
}

const LISTENING = {
  PORT: {
    kind: kinds.wholeNumber(0, 65535),
    default: '8084',
    example: '8084',
    meaning: 'The port to listen on; `0` picks a free one.',
  },
  HOST: {
    kind: kinds.hostName,
    default: '127.0.0.1',
    example: '127.0.0.1',
    meaning: 'The address to listen on. A public one without TLS in front gives a warning.',
  },
  PUBLIC_URL: {
    kind: kinds.publicUrl,
    default: null,
    absent: 'from `HOST` and `PORT`',
    example: 'https://uniroute.example.com',
    meaning: 'Where people reach this server: the only source of links.',
  },
  TRUST_PROXY: {
    kind: kinds.addressRanges,
    default: null,
    absent: 'nobody',
    example: '127.0.0.1,10.0.0.0/8',
    meaning: 'The proxies whose `X-Forwarded-*` headers are believed.',
  },
} as const satisfies Record<string, Setting>

const DATA = {
  DATA_DIR: {
    kind: kinds.folder,
    default: './data',
    example: './data',
    meaning: 'Holds the embedded database, generated secrets and the usage journal.',
  },
  DATABASE_URL: {
    kind: kinds.secretUrl('postgres:', 'postgresql:'),
    default: null,
    absent: 'SQLite in `DATA_DIR`',
    example: 'postgres://uniroute@127.0.0.1:5432/uniroute',
    meaning: 'Switches from SQLite to PostgreSQL; `?sslmode=verify-full` speaks TLS.',
    secret: true,
  },
  REDIS_URL: {
    kind: kinds.secretUrl('redis:', 'rediss:'),
    default: null,
    example: 'redis://127.0.0.1:6379',
    meaning:
      'Redis or Valkey, for limits, breakers and invalidation shared by several instances ([operations.md](operations.md)); `rediss://` speaks TLS. While it does not answer, instances go on without it.',
    secret: true,
  },
  WORKERS: {
    kind: kinds.wholeNumber(1, 64),
    default: '1',
    example: '1',
    meaning: 'Processes sharing the port on one machine ([operations.md](operations.md)).',
  },
  DRAIN_SECONDS: {
    kind: kinds.wholeNumber(0, 86_400),
    default: '600',
    example: '600',
    meaning: 'The longest wait for requests in flight at shutdown.',
  },
} as const satisfies Record<string, Setting>

const SECRETS = {
  PROVIDER_KEY_ENCRYPTION_KEY: {
    kind: kinds.secretText,
    default: null,
    absent:
      '`JWT_SECRET` if that is given (not in production); with neither, generated as `DATA_DIR/master.key` on the first run with SQLite',
    example: 'the output of: openssl rand -base64 32',
    meaning: 'Seals the provider keys; at least 32 characters. Losing it loses every stored key.',
    secret: true,
  },
  PROVIDER_KEY_ENCRYPTION_KEYS_OLD: {
    kind: kinds.secretText,
    default: null,
    example: 'the former PROVIDER_KEY_ENCRYPTION_KEY',
    meaning: 'Former secrets, separated by commas: they open what they sealed, and seal nothing new.',
    secret: true,
  },
  JWT_SECRET: {
    kind: kinds.secretText,
    default: null,
    absent: 'generated as `DATA_DIR/jwt.key`, by the same rules',
    example: 'the output of: openssl rand -base64 32',
    meaning: 'Signs the tokens of signed-in users; at least 32 characters.',
    secret: true,
  },
} as const satisfies Record<string, Setting>

const ACCOUNTS = {
  UNIROUTE_ADMIN_EMAIL: {
    kind: kinds.emailAddress,
    default: null,
    example: 'owner@example.com',
    meaning: 'With `UNIROUTE_ADMIN_PASSWORD`: the first administrator. Ignored once one exists.',
  },
  UNIROUTE_ADMIN_PASSWORD: {
    kind: kinds.secretText,
    default: null,
    example: 'a long passphrase',
    meaning: "The first administrator's password.",
    secret: true,
  },
  REGISTRATION: {
    kind: kinds.oneOf('closed', 'invite', 'open'),
    default: 'closed',
    example: 'invite',
    meaning: 'Who may create an account.',
  },
  PASSWORD_MIN_LENGTH: {
    kind: kinds.wholeNumber(8, 128),
    default: '8',
    example: '15',
    meaning: 'The fewest characters of a password; set-up asks for 15.',
  },
  PASSWORD_CONTEXT_WORDS: {
    kind: kinds.words,
    default: null,
    absent: 'none of your own',
    example: 'acme,sales desk',
    meaning:
      'Words that guessers of your house would try: its names, products, places. A password that is too short or too common without them is refused; likewise with the name and address of the person and the host of `PUBLIC_URL`.',
  },
  SESSION_IDLE: {
    kind: kinds.idleTime,
    default: '7d',
    example: '12h',
    meaning:
      'A sign-in that nobody used for so long is over; every one is after 30 days. At least `20m`, since use is noted when a token is renewed, each quarter of an hour.',
  },
} as const satisfies Record<string, Setting>

const PROVIDERS = {
  OPENAI_API_KEY: {
    kind: kinds.headerToken,
    default: null,
    example: 'sk-…',
    meaning: "The server's own OpenAI key.",
    secret: true,
  },
  ANTHROPIC_API_KEY: {
    kind: kinds.headerToken,
    default: null,
    example: 'sk-ant-…',
    meaning: "The server's own Anthropic key.",
    secret: true,
  },
  GOOGLE_API_KEY: {
    kind: kinds.headerToken,
    default: null,
    example: 'AIza…',
    meaning: "The server's own Google key.",
    secret: true,
  },
  OPENAI_BASE_URL: {
    kind: kinds.endpoint,
    default: null,
    absent: 'https://api.openai.com/v1',
    example: 'https://api.openai.com/v1',
    meaning:
      'Another address for OpenAI. A path is kept; private addresses are allowed, since only the operator sets it.',
  },
  ANTHROPIC_BASE_URL: {
    kind: kinds.endpoint,
    default: null,
    absent: 'https://api.anthropic.com/v1',
    example: 'https://api.anthropic.com',
    meaning: 'Another address for Anthropic.',
  },
  GOOGLE_BASE_URL: {
    kind: kinds.endpoint,
    default: null,
    absent: 'https://generativelanguage.googleapis.com/v1beta',
    example: 'https://generativelanguage.googleapis.com',
    meaning: 'Another address for Google.',
  },
  OLLAMA_BASE_URL: {
    kind: kinds.endpoint,
    default: null,
    example: 'http://127.0.0.1:11434',
    meaning: 'An Ollama server.',
  },
  VLLM_BASE_URL: {
    kind: kinds.endpoint,
    default: null,
    example: 'http://127.0.0.1:8000/v1',
    meaning: 'A vLLM server.',
  },
  PROVIDERS_FILE: {
    kind: kinds.file,
    default: null,
    example: './providers.json',
    meaning:
      'A JSON list of further providers: `{"id", "name", "base_url", "api_key_env"?, "dialect"?, "user_keys"?}`. Their models are asked for as `<id>/<model>`.',
  },
  USER_KEYS_FOR: {
    kind: kinds.someOf(['ollama', 'vllm']),
    default: 'never',
    example: 'vllm',
    meaning:
      'Which of the servers that need no key users may bring keys for all the same. Entries of `PROVIDERS_FILE` say so themselves (`user_keys`); the three vendors always take them.',
  },
  USER_BASE_URLS: {
    kind: kinds.onOff,
    default: 'off',
    example: 'off',
    meaning: 'Whether users may add keys for OpenAI-compatible https endpoints of their own (provider `custom`).',
  },
} as const satisfies Record<string, Setting>

const MEDIA = {
  MEDIA_FETCH: {
    kind: kinds.onOff,
    default: 'on',
    example: 'on',
    meaning:
      'Whether pictures and files that a request names by their address are fetched for models that want their bytes (Gemini; documents for OpenAI-compatible chat servers). Off, such a request is a 400.',
  },
  MEDIA_FETCH_MAX_MB: {
    kind: kinds.wholeNumber(1, 100),
    default: '20',
    example: '20',
    meaning: 'The most that the files fetched for one request may have together, in MiB.',
  },
  MEDIA_FETCH_SECONDS: {
    kind: kinds.wholeNumber(1, 300),
    default: '20',
    example: '20',
    meaning: 'The longest wait for the files fetched for one request, together.',
  },
  MEDIA_FETCH_ORIGINS: {
    kind: kinds.origins,
    default: null,
    absent: 'none: public addresses over https only',
    example: 'http://files.internal:9000',
    meaning:
      'Servers of your own from which files may be fetched although their addresses are private or speak plain http. Anyone with an API key can then make UniRoute fetch any path there.',
  },
} as const satisfies Record<string, Setting>

const PAYERS = {
  SERVER_FALLBACK: {
    kind: kinds.someOf(FALLBACK_REASONS),
    default: 'no_key,invalid,outage',
    example: 'no_key,invalid,outage',
    meaning: "The reasons for which the server's keys may serve users.",
  },
  INVALID_GRACE: {
    kind: kinds.duration,
    default: '24h',
    example: '24h',
    meaning: "How long a rejected key may lean on the server's keys.",
  },
  SERVER_ALLOWANCE_USD_PER_DAY: {
    kind: kinds.usdAmount,
    default: null,
    absent: 'unlimited',
    example: '2.50',
    meaning:
      "What the server's keys may cost, per user and day (UTC). Models whose price nobody knows are not served on them then; an override tells it.",
  },
} as const satisfies Record<string, Setting>

const OPERATION = {
  API_KEY_CONCURRENCY: {
    kind: kinds.wholeNumber(1, 100_000),
    default: '10000',
    example: '500',
    meaning:
      'The most requests of one API key at once in each process, streams included; more are refused with a 429. A user who calls without a key counts as one.',
  },
  UPSTREAM_CLIENT: {
    kind: kinds.oneOf('own', 'undici'),
    default: 'own',
    example: 'undici',
    meaning: 'What speaks HTTP to providers: the client of UniRoute, or that of the package undici.',
  },
  LOG_LEVEL: {
    kind: kinds.oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    example: 'info',
    meaning: 'The least level that is logged.',
  },
  NODE_ENV: {
    kind: kinds.anyText,
    default: null,
    example: 'production',
    meaning: '`production` makes weak or missing secrets fatal.',
  },
  METRICS_TOKEN: {
    kind: kinds.headerToken,
    default: null,
    absent: '`/metrics` is open on loopback only',
    example: 'a random token',
    meaning: 'The bearer token that `/metrics` asks for.',
    secret: true,
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    kind: kinds.httpUrl,
    default: null,
    absent: 'no traces',
    example: 'http://127.0.0.1:4318',
    meaning:
      'An OpenTelemetry collector that takes OTLP over HTTP: traces of requests go to `<this>/v1/traces` ([operations.md](operations.md#watching-it)).',
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    kind: kinds.headerPairs,
    default: null,
    example: 'authorization=Bearer%20token',
    meaning: 'Headers for that collector: `name=value`, separated by commas, values percent-encoded.',
    secret: true,
  },
  OTEL_SERVICE_NAME: {
    kind: kinds.anyText,
    default: 'uniroute',
    example: 'uniroute-eu',
    meaning: 'What this installation is called in traces.',
  },
  SMTP_URL: {
    kind: kinds.smtpUrl,
    default: null,
    absent: 'no mail; links are copied by an administrator',
    example: 'smtps://uniroute%40example.com:password@mail.example.com',
    meaning:
      'The mail server for reset links, invitations and notices ([mail.md](mail.md)). `smtp://` wants STARTTLS unless the server is this machine or `?tls=off` is given.',
    secret: true,
  },
  STORE_CONTENT: {
    kind: kinds.offOrDays,
    default: 'off',
    example: 'off',
    meaning: 'Keeps bodies, content state and idempotent answers for so many days.',
    planned: true,
  },
} as const satisfies Record<string, Setting>

/** In the order of the documentation. */
export const SETTING_GROUPS: readonly { title: string; settings: Readonly<Record<string, Setting>> }[] = [
  { title: 'Listening', settings: LISTENING },
  { title: 'Data and processes', settings: DATA },
  { title: 'Secrets', settings: SECRETS },
  { title: 'Accounts', settings: ACCOUNTS },
  { title: 'Signing in with a provider', settings: OIDC },
  { title: "Providers and the server's keys", settings: PROVIDERS },
  { title: 'Pictures and files by address', settings: MEDIA },
  { title: 'Who pays', settings: PAYERS },
  { title: 'Operation', settings: OPERATION },
]

export const SETTINGS = {
  ...LISTENING,
  ...DATA,
  ...SECRETS,
  ...ACCOUNTS,
  ...OIDC,
  ...PROVIDERS,
  ...MEDIA,
  ...PAYERS,
  ...OPERATION,
}

export type SettingName = keyof typeof SETTINGS
export type SettingValue<Name extends SettingName> = ReturnType<(typeof SETTINGS)[Name]['kind']['parse']>

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]
