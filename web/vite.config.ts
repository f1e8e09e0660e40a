// How the dashboard is built: hashed assets below `dist/web/assets`, nothing inlined (the content security policy
// allows no data: address), paths relative to the page so that it can be served under a prefix.
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import { compileMessages } from './compile-messages.ts'
import { writePseudo } from './pseudo-locale.ts'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: at('.'),
  base: './',
  publicDir: false,
  // A build for looking at texts (pseudo-locale.ts) is asked for by its name.
  plugins: [
    compileMessages(process.env['UNIROUTE_TEXTS'] === 'pseudo' ? writePseudo : undefined),
    vue(),
    tailwindcss(),
  ],
  // The build of vue-i18n without a message compiler.
  resolve: { alias: { 'vue-i18n': 'vue-i18n/dist/vue-i18n.runtime.mjs' } },
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  build: {
    outDir: at('../dist/web'),
    emptyOutDir: true,
    manifest: true,
    // What the package's own list of licences takes up.
    license: { fileName: '.vite/licenses.json' },
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The first that know light-dark().
    target: ['chrome123', 'firefox120', 'safari17.5'],
    reportCompressedSize: false,
  },
})
