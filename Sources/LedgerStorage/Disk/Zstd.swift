internal import CZstd

/// zstd, level 1: faster and smaller than 3 on our data. Owns one compression context; one thread at a time.
struct ZstdCompressor: ~Copyable {
    private let context: OpaquePointer
    static let level: Int32 = 1

    init() {
        guard let context = ZSTD_createCCtx() else { fatalError("no memory for a zstd context") }
        self.context = context
    }

    deinit { ZSTD_freeCCtx(context) }

    /// The compressed bytes of `input`. Cannot fail: the room is what zstd asks for.
    func compress(_ input: UnsafeRawBufferPointer) -> [UInt8] {
        let bound = ZSTD_compressBound(input.count)
        return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            let result = ZSTD_compressCCtx(
                context, buffer.baseAddress, bound, input.baseAddress, input.count, Self.level)
            precondition(ZSTD_isError(result) == 0, "zstd refused to compress into the room it asked for")
            count = result
        }
    }
}

/// Owns one decompression context; one thread at a time.
struct ZstdDecompressor: ~Copyable {
    private let context: OpaquePointer

    init() {
        guard let context = ZSTD_createDCtx() else { fatalError("no memory for a zstd context") }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Exactly `count` bytes out of `input`, or nil when it holds anything else.
    func decompress(_ input: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
        var complete = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            complete = decompress(input, into: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: count))
            initialized = complete ? count : 0
        }
        return complete ? bytes : nil
    }

    /// Fills `output` out of `input`; false when it holds anything else than as many bytes.
    func decompress(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
        let result = ZSTD_decompressDCtx(context, output.baseAddress, output.count, input.baseAddress, input.count)
        return ZSTD_isError(result) == 0 && result == output.count
    }
}
