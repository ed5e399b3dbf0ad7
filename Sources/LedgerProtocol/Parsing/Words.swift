package import RESP

/// The words of one request as they lie in the connection's buffer: nothing is copied. A view is good only inside the
/// call that hands it out.
package struct Words {
    private let base: UnsafeRawPointer?
    private let slices: UnsafeBufferPointer<RequestParser.Slice>

    /// `slices` address bytes from `base`; both must outlive the view.
    package init(base: UnsafeRawPointer?, slices: UnsafeBufferPointer<RequestParser.Slice>) {
        self.base = base
        self.slices = slices
    }

    package var count: Int { slices.count }

    package subscript(index: Int) -> UnsafeRawBufferPointer {
        let slice = slices[index]
        return UnsafeRawBufferPointer(start: base.map { $0 + Int(slice.offset) }, count: Int(slice.count))
    }
}

extension RequestParser {
    /// The request just answered by ``next(in:limits:)``, as words. `bytes` is the buffer it was found in.
    package borrowing func withWords<R, E: Error>(
        in bytes: UnsafeRawBufferPointer, _ body: (Words) throws(E) -> R
    ) throws(E) -> R {
        // Inline lines with quotes lie in the parser's own scratch space: its address shows through the first word.
        var base = bytes.baseAddress
        if count > 0, let first = argument(0, in: bytes).baseAddress { base = first - Int(slices[0].offset) }
        let found = base
        return try slices.withUnsafeBufferPointer { slices throws(E) -> R in
            try body(Words(base: found, slices: slices))
        }
    }
}

extension Words {
    /// A request that was put together in this process: the prompt, the importer, tests.
    package static func with<R, E: Error>(_ words: [[UInt8]], _ body: (Words) throws(E) -> R) throws(E) -> R {
        var bytes: [UInt8] = []
        var slices: [RequestParser.Slice] = []
        for word in words {
            slices.append(RequestParser.Slice(offset: bytes.count, count: word.count))
            bytes.append(contentsOf: word)
        }
        return try bytes.withUnsafeBufferPointer { bytes throws(E) -> R in
            try slices.withUnsafeBufferPointer { slices throws(E) -> R in
                try body(Words(base: UnsafeRawPointer(bytes.baseAddress), slices: slices))
            }
        }
    }

    package static func with<R, E: Error>(_ words: [String], _ body: (Words) throws(E) -> R) throws(E) -> R {
        try with(words.map { Array($0.utf8) }, body)
    }
}
