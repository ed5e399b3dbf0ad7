internal import Glibc

/// A map, read whole: at most 1 MiB of UTF-8.
func readText(_ path: String) throws(ImportError) -> String {
    guard let file = fopen(path, "r") else { throw ImportError(.map, "\(path): \(String(cString: strerror(errno)))") }
    defer { fclose(file) }
    let limit = 1 << 20
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    let count = fread(&bytes, 1, bytes.count, file)
    guard ferror(file) == 0 || errno != EISDIR else {
        throw ImportError(.map, "\(path): is a directory, expected a map")
    }
    guard ferror(file) == 0 else { throw ImportError(.map, "\(path): it cannot be read") }
    guard count <= limit else { throw ImportError(.map, "\(path): longer than \(limit) bytes") }
    guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
        throw ImportError(.map, "\(path): not UTF-8")
    }
    return text
}
