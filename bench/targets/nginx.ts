// nginx with `proxy_pass` and a key map, as the limit to compare with: run from a folder of its own, in the foreground,
// as the current user, with one worker. Nothing of an installed service is read or touched.
import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stopProcess, watchOutput } from '../processes.ts'
import type { Target, TargetSetting } from '../target.ts'
import { accepts, findFreePort } from './ports.ts'

const CLIENT_KEY = 'Bearer ur_bench_nginx'
/** Where systems put it outside an ordinary user's PATH. */
const USUAL_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin']
const LONGEST_START_MS = 10_000

export const nginx: Target = {
  id: 'nginx',
  summary: 'proxy_pass with a key map, one worker',
  findObstacle: () => (findNginx() === null ? 'nginx is not installed' : null),
  async start(setting) {
    const { folder } = setting
    const port = await findFreePort()
    writeFileSync(join(folder, 'nginx.conf'), writeConfig(setting, port))
    const words = ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')]
    const child = spawn(findNginx()!, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    const output = watchOutput(child)
    const deadline = performance.now() + LONGEST_START_MS
    while (!(await accepts(port))) {
      if (child.exitCode !== null || performance.now() > deadline) {
        await stopProcess(child)
        throw new Error(`nginx did not start: ${output.text()}`)
      }
      await sleep(20)
    }
    return { pid: child.pid!, port, credential: CLIENT_KEY, stop: () => stopProcess(child) }
  },
}

function findNginx(): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...USUAL_FOLDERS]
  return folders.map((folder) => join(folder, 'nginx')).find((path) => existsSync(path)) ?? null
}

function writeConfig({ folder, upstreamPort, providerKey, scenario }: TargetSetting, port: number): string {
  // Workers of a master that root started change to `nobody`, who may not enter our folder.
  const user = process.getuid?.() === 0 ? `user ${userInfo().username} root;` : ''
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
${user}
daemon off;
pid ${folder}/nginx.pid;
worker_processes 1;
events { worker_connections 24000; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  map_hash_bucket_size 256;
  map $http_authorization $provider_key {
    default "";
    "${CLIENT_KEY}" "Bearer ${providerKey}";
  }
  upstream provider {
    server 127.0.0.1:${upstreamPort};
    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000000;
    client_max_body_size 64m;
    client_body_buffer_size 1m;
    location / {
      if ($provider_key = "") { return 401; }
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization $provider_key;
      proxy_buffering ${scenario.answer.pieces.length > 1 ? 'off' : 'on'};
      proxy_read_timeout 600s;
    }
  }
}
`
}
