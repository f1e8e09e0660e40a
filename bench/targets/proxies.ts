// The two proxies of this folder as targets: bytes unread, and the bare Node proxy.
import { startChild } from '../peers/child.ts'
import type { Target } from '../target.ts'

export const nullProxy: Target = {
  id: 'null-proxy',
  summary: 'bare TCP proxy, reads nothing',
  async start({ upstreamPort, providerKey }) {
    const child = await startChild<{ port: number }>(new URL('../null-proxy.ts', import.meta.url), [
      String(upstreamPort),
    ])
    const credential = `Bearer ${providerKey}`
    return { pid: child.pid, port: child.start.port, credential, stop: child.stop }
  },
}

export const nodeProxy: Target = {
  id: 'node-proxy',
  summary: 'bare node:http + undici proxy with a key map',
  async start({ upstreamPort, providerKey }) {
    const credential = 'Bearer ur_bench_node_proxy'
    const words = [String(upstreamPort), credential, `Bearer ${providerKey}`]
    const child = await startChild<{ port: number }>(new URL('../node-proxy.ts', import.meta.url), words)
    return { pid: child.pid, port: child.start.port, credential, stop: child.stop }
  },
}
