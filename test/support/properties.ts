/** How often every property is tried: 500 times in `npm test`, 10,000 in `npm run test:nightly` (PROPERTY_RUNS). */
export const RUNS = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 500) }
