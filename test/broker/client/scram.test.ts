import { expect, it } from 'vitest'
import { createScramExchange } from '../../../broker/client/scram.ts'

// The worked example of RFC 7677, section 3.
const example = {
  hash: 'sha256',
  username: 'user',
  password: 'pencil',
  nonce: 'rOprNGfwEbeRWgbNEkqO',
} as const
const serverFirst = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'

it('speaks the example of RFC 7677 to the letter', () => {
  const exchange = createScramExchange(example)

  expect(exchange.firstMessage).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
  expect(exchange.finalMessage(serverFirst)).toBe(
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  )
  expect(() => exchange.verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).not.toThrow()
})

it('distrusts a server that does not know the password', () => {
  const exchange = createScramExchange(example)
  exchange.finalMessage(serverFirst)

  expect(() => exchange.verify('v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).toThrow(/did not prove/)
  expect(() => exchange.verify('')).toThrow(/did not prove/)
})

it('distrusts a server that did not see our nonce, or that would make guessing the password cheap', () => {
  const exchange = createScramExchange(example)

  expect(() => exchange.finalMessage('r=somebodyElse,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')).toThrow(
    /another exchange/,
  )
  expect(() => exchange.finalMessage(serverFirst.replace('i=4096', 'i=1'))).toThrow(/1 iterations/)
  expect(() => exchange.finalMessage(serverFirst.replace('i=4096', 'i=2000000000'))).toThrow(/iterations/)
})

it('says what the server said when the login is refused', () => {
  const exchange = createScramExchange(example)
  exchange.finalMessage(serverFirst)

  expect(() => exchange.verify('e=invalid-proof')).toThrow('Kafka refused the login: invalid-proof')
})

it('escapes the two characters that structure the message', () => {
  expect(createScramExchange({ ...example, username: 'a=b,c' }).firstMessage).toBe(
    'n,,n=a=3Db=2Cc,r=rOprNGfwEbeRWgbNEkqO',
  )
})

// The worked example of RFC 5802 is SHA-1; this one was computed with Python's hashlib from the same inputs.
it('computes the proof with SHA-512 as well', () => {
  const exchange = createScramExchange({ ...example, hash: 'sha512' })

  const final = exchange.finalMessage(serverFirst)

  expect(final).toBe(
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==',
  )
  expect(() =>
    exchange.verify(
      'v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==',
    ),
  ).not.toThrow()
})
