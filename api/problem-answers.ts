/** Turns whatever a route throws into an RFC 9457 problem. The only place that maps errors to HTTP. */
import type { Context, Middleware } from 'koa'
import { AppError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import { methodNotAllowed, RequestRejected, unknownRoute } from './problems.ts'

interface Problem {
  status: number
  title: string
  code: string
  detail: string
  members?: Readonly<Record<string, unknown>>
}

const retryAfterSeconds = 1

/** `nearestPath` names the route that a wrong path may have meant. */
export function problemAnswers(parts: {
  log: Logger
  nearestPath: (path: string) => string | null
}): Middleware {
  const { log, nearestPath } = parts
  return async (ctx, next) => {
    try {
      await next()
      if (ctx.status === 404 && !ctx.body) throw unknownRoute(ctx.path, nearestPath(ctx.path))
      if (ctx.status === 405 || ctx.status === 501) {
        throw methodNotAllowed(ctx.method, ctx.response.get('allow') || 'GET')
      }
    } catch (error) {
      const problem = problemOf(error)
      if (problem.status === 500) log.error('request failed', { path: ctx.path, error })
      if (problem.status === 503) log.warn('request could not be served', { path: ctx.path, error })
      answer(ctx, problem)
    }
  }
}

function problemOf(error: unknown): Problem {
  if (error instanceof RequestRejected) {
    const { status, title, code, message, members } = error
    return { status, title, code, detail: message, members }
  }
  if (error instanceof AppError && error.remedy === 'retry') {
    const detail = 'a store that the answer needs is unavailable for now; try again'
    return { status: 503, title: 'Service unavailable', code: error.code, detail }
  }
  // The one thing to be set up that the product itself says how to mend, without any secret in it.
  if (error instanceof AppError && error.code === 'BUCKET_MISSING') {
    return { status: 503, title: 'Service unavailable', code: error.code, detail: error.message }
  }
  if (isBadRequest(error)) {
    return { status: 400, title: 'Bad request', code: 'BAD_REQUEST', detail: error.message }
  }
  const detail = 'the request failed on the server; its log says more'
  return { status: 500, title: 'Internal server error', code: 'INTERNAL', detail }
}

function answer(ctx: Context, { status, title, code, detail, members }: Problem): void {
  ctx.status = status
  if (status === 503) ctx.set('retry-after', String(retryAfterSeconds))
  const type = `urn:dataflow:problem:${code.toLowerCase().replaceAll('_', '-')}`
  ctx.body = JSON.stringify({ type, title, status, code, detail, ...members })
  ctx.type = 'application/problem+json'
}

/** What koa and its router throw at a URL that cannot be decoded. */
function isBadRequest(error: unknown): error is Error {
  return error instanceof URIError || (error instanceof Error && 'status' in error && error.status === 400)
}
