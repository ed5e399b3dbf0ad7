/// Bytes that never change, in as little memory as an object can take: 20 bytes beside them, where an array has 32.
/// Copies share them: a row's for a savepoint, for a capture. No bytes take no memory.
///
/// Unchecked Sendable: what is in the buffer is written before anybody else has it, and never again.
struct SharedBytes: @unchecked Sendable {
    private typealias Buffer = ManagedBuffer<UInt32, UInt8>

    /// The header is the number of bytes.
    private let buffer: Buffer?

    /// Traps beyond four gigabytes.
    init(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else {
            buffer = nil
            return
        }
        let count = UInt32(bytes.count)
        let buffer = Buffer.create(minimumCapacity: bytes.count) { _ in count }
        buffer.withUnsafeMutablePointerToElements { place in
            bytes.withUnsafeBufferPointer { place.initialize(from: $0.baseAddress!, count: $0.count) }
        }
        self.buffer = buffer
    }

    var isEmpty: Bool { buffer == nil }

    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        guard let buffer else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return buffer.withUnsafeMutablePointers { count, bytes in
            body(UnsafeRawBufferPointer(start: bytes, count: Int(count.pointee)))
        }
    }

    var array: [UInt8] { withBytes { [UInt8]($0) } }
}

extension SharedBytes: Equatable {
    static func == (a: SharedBytes, b: SharedBytes) -> Bool {
        a.buffer === b.buffer || a.withBytes { a in b.withBytes { a.elementsEqual($0) } }
    }
}
