internal import Glibc

/// Random bytes for keys and nonces, from the system's generator, which is asked for many at once: each question is a
/// call of the kernel. What was given out is zeroed here.
struct RandomBytes {
    private var bytes = [UInt8](repeating: 0, count: 1024)
    private var used = 1024

    mutating func take(_ count: Int) -> [UInt8] {
        precondition(count <= bytes.count, "more random bytes at once than are kept")
        if bytes.count - used < count { refill() }
        let taken = [UInt8](bytes[used..<used + count])
        for index in used..<used + count { bytes[index] = 0 }
        used += count
        return taken
    }

    private mutating func refill() {
        bytes.withUnsafeMutableBytes { buffer in
            // No more than 256 bytes a question: so many are given whole (getentropy(3)).
            for start in stride(from: 0, to: buffer.count, by: 256) {
                let code = getentropy(buffer.baseAddress! + start, 256)
                precondition(code == 0, "the system gives no random bytes")
            }
        }
        used = 0
    }
}
