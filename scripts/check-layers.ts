// Prints what breaks the rules of the house, and fails if anything does.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProblems } from './house-rules.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const paths = globSync('{server,contract,web/src,test,scripts,bench}/**/*.{ts,mts,vue}', {
  cwd: root,
  exclude: (path) => path.includes('node_modules'),
})
const files = paths.toSorted().map((path) => ({
  path: path.replaceAll('\\', '/'),
  text: readFileSync(join(root, path), 'utf8'),
}))
const problems = findProblems(files)
for (const { path, line, message } of problems) process.stdout.write(`${path}:${line}: ${message}\n`)
if (problems.length > 0) process.exitCode = 1
else process.stdout.write(`The rules of the house hold in ${files.length} files.\n`)
