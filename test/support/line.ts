// A network between a program and a server it uses, which a test can break: connections that lead nowhere any more, or
// are refused.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Line {
  readonly port: number
  /** Made through it so far. */
  readonly connections: number
  /** The connections there are now carry nothing any more; those to come do, unless `forGood`. */
  swallow(forGood?: boolean): void
  /** Connections are ended, and new ones end at once. */
  refuse(): void
  /** New connections are carried again; what leads nowhere goes on leading nowhere. */
  restore(): void
  close(): void
}

export async function startLine(to: number): Promise<Line> {
  let ends: Socket[] = []
  let mode: 'open' | 'silent' | 'refusing' = 'open'
  let connections = 0
  const server = createServer((near) => {
    connections++
    near.on('error', () => undefined)
    if (mode === 'refusing') return void near.destroy()
    ends.push(near)
    if (mode === 'silent') return void near.resume()
    const far = connect(to, '127.0.0.1')
    ends.push(far)
    far.on('error', () => undefined)
    near.pipe(far).pipe(near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  function endAll(): void {
    for (const end of ends) end.destroy()
    ends = []
  }

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections
    },
    swallow(forGood = false) {
      mode = forGood ? 'silent' : 'open'
      for (const end of ends) end.unpipe().resume()
    },
    refuse() {
      mode = 'refusing'
      endAll()
    },
    restore() {
      mode = 'open'
    },
    close() {
      server.close()
      endAll()
    },
  }
}
