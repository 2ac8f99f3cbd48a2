import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createLineCursor, type LineCursorOptions } from '../../producers/lines.ts'

interface Line {
  line: number
  text: string
  tooLong: boolean
  nextByte: number
}

function linesOf(chunks: readonly Uint8Array[], options: LineCursorOptions = {}): Line[] {
  const cursor = createLineCursor(options)
  const lines: Line[] = []
  const takeAll = (): void => {
    while (cursor.next()) {
      const { line, tooLong, nextByte, buffer, start, end } = cursor
      lines.push({ line, text: buffer.toString('latin1', start, end), tooLong, nextByte })
    }
  }
  for (const chunk of chunks) {
    cursor.push(chunk)
    takeAll()
  }
  cursor.finish()
  takeAll()
  return lines
}

function textsOf(text: string): string[] {
  return linesOf([Buffer.from(text)]).map((line) => line.text)
}

it('hands out each line without its break, and counts its bytes', () => {
  expect(linesOf([Buffer.from('{"a":1}\n{"b":22}\n')])).toEqual([
    { line: 1, text: '{"a":1}', tooLong: false, nextByte: 8 },
    { line: 2, text: '{"b":22}', tooLong: false, nextByte: 17 },
  ])
})

it('takes the last line though it lacks its break', () => {
  expect(textsOf('one\ntwo')).toEqual(['one', 'two'])
})

it('takes \\r\\n as one break, and leaves a \\r inside a line alone', () => {
  expect(textsOf('one\r\nt\rwo\r\nthree\r')).toEqual(['one', 't\rwo', 'three'])
})

it('passes over blank lines but counts them', () => {
  const lines = linesOf([Buffer.from('\n\none\n \t\r\n\ntwo\n\n')])

  expect(lines.map(({ line, text }) => [line, text])).toEqual([
    [3, 'one'],
    [6, 'two'],
  ])
})

it('counts trailing blank lines as consumed, so that going on does not number them again', () => {
  const cursor = createLineCursor()
  cursor.push(Buffer.from('one\n\n\n'))
  while (cursor.next());

  expect([cursor.line, cursor.nextByte]).toEqual([3, 6])
})

it('leaves a byte order mark out, at the beginning of the object only', () => {
  expect(textsOf('\ufeffone\n\ufefftwo')).toEqual(['one', '\u00ef\u00bb\u00bftwo'])
})

it('keeps only the head of a line that is too long, and goes on behind it', () => {
  const text = `short\n${'x'.repeat(5_000)}\nend\n`

  const lines = linesOf([Buffer.from(text)], { maxLineBytes: 4_000 })

  expect(lines.map(({ line, text, tooLong }) => [line, text.length, tooLong])).toEqual([
    [1, 5, false],
    [2, 1_024, true],
    [3, 3, false],
  ])
})

it('takes a line of just the longest length whole', () => {
  const lines = linesOf([Buffer.from(`${'x'.repeat(4_000)}\n`)], { maxLineBytes: 4_000 })

  expect(lines).toEqual([{ line: 1, text: 'x'.repeat(4_000), tooLong: false, nextByte: 4_001 }])
})

it('goes on where an earlier cursor left off', () => {
  const lines = linesOf([Buffer.from('three\n')], { from: { line: 2, nextByte: 100 } })

  expect(lines).toEqual([{ line: 3, text: 'three', tooLong: false, nextByte: 106 }])
})

it('never holds more of a long line than it may have, however long it is', () => {
  const cursor = createLineCursor({ maxLineBytes: 10_000 })
  const before = process.memoryUsage().arrayBuffers
  const chunk = Buffer.alloc(1_000_000, 'x')

  for (let pushed = 0; pushed < 200; pushed++) {
    cursor.push(chunk)
    expect(cursor.next()).toBe(false)
  }

  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000)
  cursor.finish()
  expect(cursor.next()).toBe(true)
  expect([cursor.tooLong, cursor.nextByte]).toEqual([true, 200_000_000])
})

it('gives the same lines however the bytes are cut into chunks', () => {
  const piece = fc.constantFrom(
    '\n',
    '\r\n',
    '\r',
    ' ',
    '\ufeff',
    'a',
    'bc',
    '{"x":1}',
    'long'.repeat(8),
    '\n\n',
  )
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join('')))
  const cuts = fc.array(fc.nat(400), { maxLength: 30 })
  fc.assert(
    fc.property(text, cuts, (bytes, at) => {
      const options = { maxLineBytes: 20 }
      const edges = [0, ...at.map((edge) => Math.min(edge, bytes.length)).sort((a, b) => a - b), bytes.length]
      const chunks = edges.slice(1).map((edge, index) => Buffer.from(bytes.subarray(edges[index], edge)))

      expect(linesOf(chunks, options)).toEqual(linesOf([bytes], options))
    }),
    { numRuns: 500 },
  )
})

it('agrees with splitting the whole text at once', () => {
  const piece = fc.constantFrom('\n', '\r\n', 'a', 'bc', ' d', '\t')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join('')
      const expected = text
        .split('\n')
        .map((line, index) => ({ line: index + 1, text: line.replace(/\r$/, '') }))
        .filter((line) => line.text.trim() !== '')

      expect(linesOf([Buffer.from(text)]).map(({ line, text }) => ({ line, text }))).toEqual(expected)
    }),
  )
})
