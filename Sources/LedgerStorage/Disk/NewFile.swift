/// A file that is written beside the journal, and made durable a megabyte at a time: whoever syncs a batch meanwhile
/// waits for one portion, where one sync of a whole segment or snapshot keeps the disk for a tenth of a second and
/// more.
struct NewFile {
    private let file: any DiskFile
    private var unsynced = 0

    private static let portion = 1 << 20

    init(_ file: any DiskFile) { self.file = file }

    mutating func write(_ bytes: [UInt8], at offset: Int) throws(StorageError) {
        try file.write(bytes, at: offset)
        try wrote(bytes.count)
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        try file.write(bytes, at: offset)
        try wrote(bytes.count)
    }

    /// The whole file, in zeroes, durable.
    mutating func zeroFill(_ count: Int) throws(StorageError) {
        for start in stride(from: 0, to: count, by: Self.portion) {
            let size = min(Self.portion, count - start)
            try file.zeroFill(from: start, count: size)
            try wrote(size)
        }
        try sync()
    }

    /// What was written is durable when this returns.
    mutating func sync() throws(StorageError) {
        try file.sync()
        unsynced = 0
    }

    private mutating func wrote(_ count: Int) throws(StorageError) {
        unsynced += count
        if unsynced >= Self.portion { try sync() }
    }
}
