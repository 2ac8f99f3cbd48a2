import Router from '@koa/router'

/** What can be asked, in the order in which a newcomer would. Unknown paths are matched against it, too. */
export const endpoints = [
  { path: '/analytics/types', query: '?from=&to=', answer: 'totals of every event type' },
  {
    path: '/analytics/events',
    query: '?event_type=click&from=&to=',
    answer: 'how many events of a type there were',
  },
  { path: '/healthz', query: '', answer: 'whether the server runs' },
] as const

/** GET / → 200 { name, endpoints } · GET /healthz → 200 { status: 'ok' }, without asking the table's store */
export function homeRoutes(): Router {
  const router = new Router()
  router.get('/', (ctx) => {
    ctx.body = {
      name: 'DataFlow',
      endpoints: endpoints.map(({ path, query, answer }) => ({ get: path + query, answer })),
      times: 'RFC 3339; intervals are [from, to) and fall on the windows of the table',
    }
  })
  router.get('/healthz', (ctx) => {
    ctx.body = { status: 'ok' }
  })
  return router
}
