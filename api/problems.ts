import { AppError } from '../runtime/errors.ts'

/** What is wrong with one part of a request. */
export interface ParameterError {
  /** Name of the query parameter. */
  parameter: string
  detail: string
}

/** A request that is answered with a client error. Its message is the problem's `detail`. */
export class RequestRejected extends AppError {
  readonly status: number
  readonly title: string
  /** Members of the problem besides the standard ones, as they go on the wire. */
  readonly members: Readonly<Record<string, unknown>>

  constructor(problem: {
    status: 400 | 404 | 405
    code: string
    title: string
    detail: string
    members?: Record<string, unknown>
  }) {
    super(problem.detail, { code: problem.code, remedy: 'reject' })
    this.status = problem.status
    this.title = problem.title
    this.members = problem.members ?? {}
  }
}

export function invalidParameters(errors: readonly ParameterError[]): RequestRejected {
  return new RequestRejected({
    status: 400,
    code: 'INVALID_PARAMETER',
    title: 'Invalid request parameter',
    detail: errors.map(({ parameter, detail }) => `${parameter}: ${detail}`).join('; '),
    members: { errors },
  })
}

export function unknownEventType(eventType: string, nearestTypes: readonly string[]): RequestRejected {
  const hint = nearestTypes.length > 0 ? `; did you mean ${nearestTypes.join(', ')}?` : ''
  return new RequestRejected({
    status: 404,
    code: 'UNKNOWN_EVENT_TYPE',
    title: 'Unknown event type',
    detail: `no event of type ${eventType} has been counted${hint}`,
    members: { nearest_types: nearestTypes },
  })
}

export function unknownRoute(path: string, nearestPath: string | null): RequestRejected {
  const hint = nearestPath === null ? 'GET / lists what there is' : `did you mean ${nearestPath}?`
  return new RequestRejected({
    status: 404,
    code: 'NOT_FOUND',
    title: 'Not found',
    detail: `there is nothing at ${path}; ${hint}`,
  })
}

export function methodNotAllowed(method: string, allowed: string): RequestRejected {
  return new RequestRejected({
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
    title: 'Method not allowed',
    detail: `${method} is not offered here; use ${allowed}`,
  })
}
