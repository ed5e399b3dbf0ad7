internal import Glibc

/// A connection that sends any bytes it likes, and reads only when told to.
package final class RawSocket: Sendable {
    private let descriptor: Int32

    package struct Refused: Error {}

    package init(port: Int, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw Refused() }
    }

    deinit { close(descriptor) }

    /// False when the other side does not take it all.
    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Sends what the kernel takes at once; returns how much.
    package func sendSome(_ bytes: [UInt8]) -> Int {
        bytes.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
    }

    package func shutDownWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// What is there now: nil when there is nothing, empty when the other side has closed.
    package func readNow() -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        if count < 0 { return errno == EAGAIN ? nil : [] }
        return Array(chunk[..<count])
    }

    /// Everything until the other side closes.
    package func readAll() async -> String {
        var result: [UInt8] = []
        while true {
            guard let chunk = readNow() else {
                try? await Task.sleep(nanoseconds: 5_000_000)
                continue
            }
            if chunk.isEmpty { return String(decoding: result, as: UTF8.self) }
            result += chunk
        }
    }

    /// Until `text` has come (or the end).
    package func read(until text: String) async -> String {
        var result: [UInt8] = []
        while true {
            guard let chunk = readNow() else {
                try? await Task.sleep(nanoseconds: 5_000_000)
                continue
            }
            result += chunk
            let soFar = String(decoding: result, as: UTF8.self)
            if chunk.isEmpty || soFar.contains(text) { return soFar }
        }
    }
}
