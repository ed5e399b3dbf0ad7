internal import CZlib
internal import Glibc

/// The lines of a file, plain or gzipped; which of the two, its first two bytes tell. Owns the descriptor and the
/// decompressor, holds one line and two buffers.
final class LineSource {
    struct Failure: Error {
        var text: String
        /// A file that cannot be opened or read, rather than one that holds the wrong bytes.
        var isSystem: Bool
    }

    private static let bufferSize = 64 << 10
    private static let longestLine = 64 << 10

    private let file: Int32
    private var stream: UnsafeMutablePointer<z_stream>?
    /// What was read from the file; all of it was handed to zlib already where the file is gzipped.
    private var raw = [UInt8](repeating: 0, count: bufferSize)
    /// Text; `text[start..<end]` has not been given out.
    private var text: [UInt8] = []
    private var start = 0
    private var end = 0
    private var isAtEnd = false
    private var isBetweenMembers = false

    init(path: String) throws(ImportError) {
        file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw ImportError(.file, "\(path): \(String(cString: strerror(errno)))") }
        text = [UInt8](repeating: 0, count: 2 * Self.bufferSize)
        var status = stat()
        guard fstat(file, &status) != 0 || status.st_mode & S_IFMT != S_IFDIR else {
            throw ImportError(.file, "\(path): is a directory, expected a log")
        }
        do throws(Failure) {
            let count = try readRaw()
            if count >= 2, raw[0] == 0x1F, raw[1] == 0x8B {
                let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
                stream.initialize(to: z_stream())
                self.stream = stream
                // 16: a gzip header; 15: the largest window.
                guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
                    throw Failure(text: "zlib does not start", isSystem: true)
                }
                pending = 0..<count
            } else {
                guard !raw[..<count].contains(where: Self.isNoText) else {
                    throw Failure(text: "not gzip and not text", isSystem: true)
                }
                text.replaceSubrange(0..<count, with: raw[..<count])
                end = count
                isAtEnd = count == 0
            }
        } catch {
            throw ImportError(.file, "\(path): \(error.text)")
        }
    }

    /// Bytes that no text of any encoding close to ASCII has, but nearly every other file.
    private static func isNoText(_ byte: UInt8) -> Bool { byte < 0x07 || (0x0E..<0x1A).contains(byte) }

    /// The part of `raw` that zlib has not consumed.
    private var pending = 0..<0

    deinit {
        if let stream {
            inflateEnd(stream)
            stream.deallocate()
        }
        if file >= 0 { close(file) }
    }

    /// Shows the next line, without its end, to `body`; nil after the last one.
    func next<Result>(body: (UnsafeRawBufferPointer) -> Result) throws(Failure) -> Result? {
        var searched = start
        while true {
            let newline = text.withUnsafeBytes { bytes -> Int? in
                guard searched < end, let found = memchr(bytes.baseAddress! + searched, 0x0A, end - searched) else {
                    return nil
                }
                return UnsafeRawPointer(found) - bytes.baseAddress!
            }
            if let newline {
                let line = start..<newline
                start = newline + 1
                return text.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[line])) }
            }
            searched = end
            guard end - start <= Self.longestLine else {
                throw Failure(text: "a line longer than \(Self.longestLine) bytes", isSystem: false)
            }
            if isAtEnd {
                guard start < end else { return nil }
                let line = start..<end
                start = end
                return text.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[line])) }
            }
            searched -= start
            compact()
            try fill()
        }
    }

    /// Moves the unfinished line to the front.
    private func compact() {
        text.withUnsafeMutableBytes { bytes in
            _ = memmove(bytes.baseAddress!, bytes.baseAddress! + start, end - start)
        }
        end -= start
        start = 0
    }

    private func fill() throws(Failure) {
        guard stream != nil else {
            let count = try readRaw()
            text.replaceSubrange(end..<(end + count), with: raw[..<count])
            end += count
            isAtEnd = count == 0
            return
        }
        let before = end
        while end == before, !isAtEnd { try inflateSome() }
    }

    private func inflateSome() throws(Failure) {
        if pending.isEmpty {
            let count = try readRaw()
            guard count > 0 else {
                guard isBetweenMembers else { throw Failure(text: "the gzip data ends in the middle", isSystem: false) }
                isAtEnd = true
                return
            }
            pending = 0..<count
        }
        let stream = stream!
        if isBetweenMembers {  // gzip files may be concatenated
            guard raw[pending.lowerBound] == 0x1F else {
                throw Failure(text: "bytes that are no gzip data behind its end", isSystem: false)
            }
            inflateReset(stream)
            isBetweenMembers = false
        }
        let status = raw.withUnsafeMutableBufferPointer { input in
            text.withUnsafeMutableBufferPointer { output in
                stream.pointee.next_in = input.baseAddress! + pending.lowerBound
                stream.pointee.avail_in = UInt32(pending.count)
                stream.pointee.next_out = output.baseAddress! + end
                stream.pointee.avail_out = UInt32(output.count - end)
                return inflate(stream, Z_NO_FLUSH)
            }
        }
        pending = (pending.upperBound - Int(stream.pointee.avail_in))..<pending.upperBound
        end = text.count - Int(stream.pointee.avail_out)
        switch status {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isBetweenMembers = true
        default:
            let reason = stream.pointee.msg.map { String(cString: $0) } ?? "error \(status)"
            throw Failure(text: "the gzip data is damaged: \(reason)", isSystem: false)
        }
    }

    private func readRaw() throws(Failure) -> Int {
        while true {
            let count = raw.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
            if count >= 0 { return count }
            guard errno == EINTR else { throw Failure(text: String(cString: strerror(errno)), isSystem: true) }
        }
    }
}
