internal import LedgerCommands
internal import RESP

extension RequestParser {
    /// The request just answered by ``next(in:limits:)``, as words. `bytes` is the buffer it was found in.
    borrowing func withWords<R, E: Error>(
        in bytes: UnsafeRawBufferPointer, _ body: (Words) throws(E) -> R
    ) throws(E) -> R {
        // Inline lines with quotes lie in the parser's own scratch space: its address shows through the first word.
        var base = bytes.baseAddress
        if count > 0, let first = argument(0, in: bytes).baseAddress { base = first - Int(slices[0].offset) }
        let found = base
        return try slices.withUnsafeBufferPointer { slices throws(E) -> R in
            // Two 32-bit integers either way: neither module knows the other.
            try slices.withMemoryRebound(to: Words.Slice.self) { slices throws(E) -> R in
                try body(Words(base: found, slices: slices))
            }
        }
    }
}
