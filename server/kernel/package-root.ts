// Where this program's own files lie. The sources are a tree; a built package has its code in a few files elsewhere, so
// nothing but this module looks for a file relative to itself.
import { existsSync, readFileSync } from 'node:fs'

/** The folder that holds package.json, as a `file:` URL ending in a slash. */
export const PACKAGE_ROOT: URL = findPackageRoot(new URL('./', import.meta.url))

/**
 * The entry of a program of its own (a thread), named without its ending: TypeScript in the sources, built otherwise.
 */
export function entryUrl(path: string): URL {
  return new URL(`${path}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, PACKAGE_ROOT)
}

/** The version of this program, as in package.json. */
export function readPackageVersion(): string {
  const text = readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function findPackageRoot(folder: URL): URL {
  if (existsSync(new URL('package.json', folder))) return folder
  const parent = new URL('../', folder)
  if (parent.href === folder.href) throw new Error('package.json of UniRoute is missing: the installation is damaged.')
  return findPackageRoot(parent)
}
