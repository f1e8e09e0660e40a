// What Vite makes of files that are not TypeScript.
/// <reference types="vite/client" />
