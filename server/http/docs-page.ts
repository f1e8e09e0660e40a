// The readable form of the OpenAPI document: one HTML page without a script, so that it works under the strictest
// policy and in any browser. Everything in it comes from the document and is escaped.
import type { OpenApiDocument } from './openapi.ts'

type Json = Record<string, unknown>

/** Text as HTML text or attribute value. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A whole page in the plain look of the server's own pages. `base` leads from the page to the root. */
export function renderPage(page: { title: string; main: string; head?: string }): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(page.title)}</title>
${page.head ?? ''}<link rel="stylesheet" href="static/page.css">
</head>
<body>
<main>
${page.main}
</main>
</body>
</html>
`
}

export function renderDocsPage(document: OpenApiDocument): string {
  const groups = new Map<string, string[]>()
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = (operation['tags'] as string[])[0] ?? 'open'
      groups.set(tag, [...(groups.get(tag) ?? []), renderOperation(method.toUpperCase(), path, operation)])
    }
  }
  const sections = [...groups].map(([tag, parts]) => `<h2>${escapeHtml(tag)}</h2>\n${parts.join('\n')}`)
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) =>
      `<details id="${escapeHtml(name)}"><summary>${escapeHtml(name)}</summary>${renderJson(schema)}</details>`,
  )
  return renderPage({
    title: `${document.info.title} API`,
    main: `<h1>${escapeHtml(document.info.title)} API</h1>
<p>Version ${escapeHtml(document.info.version)}. The same as <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).
Sign in with <code>POST /auth/login</code>; traffic takes a UniRoute API key, <code>ur_…</code>.</p>
${sections.join('\n')}
<h2>Shapes</h2>
${schemas.join('\n')}`,
  })
}

function renderOperation(method: string, path: string, operation: Json): string {
  const security = (operation['security'] as Json[]).map((one) => Object.keys(one)[0]!)
  const parameters = (operation['parameters'] ?? []) as { name: string; in: string; required: boolean; schema: Json }[]
  const rows = parameters.map(
    ({ name, in: place, required, schema }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(place)}${required ? ', required' : ''}</td><td>${renderJson(schema)}</td></tr>`,
  )
  const body = (operation['requestBody'] as { content?: Record<string, { schema: Json }> } | undefined)?.content?.[
    'application/json'
  ]?.schema
  const responses = Object.entries((operation['responses'] ?? {}) as Record<string, Json>).map(([status, answer]) => {
    const schema = (answer['content'] as Record<string, { schema: Json }> | undefined)?.['application/json']?.schema
    return `<dt>${escapeHtml(status)}</dt><dd>${escapeHtml(String(answer['description']))}${schema ? renderJson(schema) : ''}</dd>`
  })
  const note = operation['description'] === undefined ? '' : ` ${escapeHtml(String(operation['description']))}`
  return `<details>
<summary><b>${method}</b> <code>${escapeHtml(path)}</code> <span>${escapeHtml(String(operation['summary']))}</span></summary>
<p>${security.length > 0 ? `Needs: ${escapeHtml(security.join(' or '))}.` : 'Open.'}${note}</p>
${rows.length > 0 ? `<table>${rows.join('')}</table>` : ''}
${body ? `<p>Body:</p>${renderJson(body)}` : ''}
<dl>${responses.join('')}</dl>
</details>`
}

function renderJson(value: unknown): string {
  return `<pre>${escapeHtml(JSON.stringify(value, null, 2))}</pre>`
}
