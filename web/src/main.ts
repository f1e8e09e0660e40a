// The dashboard starts: stores, texts, addresses, then the page.
import { PiniaColada } from '@pinia/colada'
import { createApp } from 'vue'
import App from './app.vue'
import { i18n } from './i18n.ts'
import { createDashboardRouter } from './router.ts'
import { createStores } from './stores/createStores.ts'
import './styles/main.css'

createApp(App).use(createStores()).use(PiniaColada, {}).use(i18n).use(createDashboardRouter()).mount('#app')
