/// The words of one request as they lie in the connection's buffer: nothing is copied. A view is good only inside the
/// call that hands it out.
package struct Words {
    /// Where a word lies: bytes from the base.
    package struct Slice: Sendable {
        package var offset: UInt32
        package var count: UInt32
    }

    private let base: UnsafeRawPointer?
    private let slices: UnsafeBufferPointer<Slice>

    /// `slices` address bytes from `base`; both must outlive the view.
    package init(base: UnsafeRawPointer?, slices: UnsafeBufferPointer<Slice>) {
        self.base = base
        self.slices = slices
    }

    package var count: Int { slices.count }
    /// Of all words together. Cost: a look at each.
    package var byteCount: Int { slices.reduce(0) { $0 + Int($1.count) } }

    /// The words behind the first `count`, which lie where they lay.
    package func dropFirst(_ count: Int) -> Words {
        Words(base: base, slices: UnsafeBufferPointer(rebasing: slices.dropFirst(count)))
    }

    package subscript(index: Int) -> UnsafeRawBufferPointer {
        let slice = slices[index]
        return UnsafeRawBufferPointer(start: base.map { $0 + Int(slice.offset) }, count: Int(slice.count))
    }
}

extension Words {
    /// A request that was put together in this process: the prompt, the importer, tests.
    package static func with<R, E: Error>(_ words: [[UInt8]], _ body: (Words) throws(E) -> R) throws(E) -> R {
        var bytes: [UInt8] = []
        var slices: [Slice] = []
        for word in words {
            slices.append(
                Slice(offset: UInt32(truncatingIfNeeded: bytes.count), count: UInt32(truncatingIfNeeded: word.count)))
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
