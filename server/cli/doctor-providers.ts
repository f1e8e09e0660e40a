// Whether the providers can be reached from here: a connection to each is opened and closed; no request, no key.
import { connect } from 'node:net'
import type { Config } from '../config/config.ts'
import { createProviders } from '../providers/registry.ts'
import type { Finding } from './finding.ts'

const PATIENCE_MS = 5_000

export function checkProviders(config: Config): Promise<Finding[]> {
  const { all } = createProviders({
    endpoints: config.providerEndpoints,
    custom: config.configuredProviders,
    serverKeys: {},
    userBaseUrls: false,
  })
  return Promise.all(
    all.map(async ({ id, origin }): Promise<Finding> => {
      const fault = await tryConnecting(new URL(origin))
      const subject = 'provider'
      if (fault === null) return { level: 'ok', subject, message: `${id}: ${origin} accepts connections` }
      return {
        level: 'warn',
        subject,
        message: `${id}: ${origin} cannot be reached (${fault}); look at the network, a proxy or the address`,
      }
    }),
  )
}

/** The system's word for what failed, or null. */
function tryConnecting(url: URL): Promise<string | null> {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port })
    const end = (fault: string | null): void => {
      socket.destroy()
      resolve(fault)
    }
    socket.setTimeout(PATIENCE_MS, () => end('no answer'))
    socket.once('connect', () => end(null))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'failed'))
  })
}
