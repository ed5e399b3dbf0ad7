import Glibc

extension [UInt8] {
    /// Whether these bytes lie somewhere in it. (Files of megabytes are searched for keys: `firstRange(of:)` takes
    /// seconds for each in a build for debugging.)
    package func holds(_ bytes: [UInt8]) -> Bool {
        withUnsafeBytes { all in
            bytes.withUnsafeBytes { bytes in
                var rest = all[...]
                while rest.count >= bytes.count,
                    let hit = memchr(all.baseAddress! + rest.startIndex, Int32(bytes[0]), rest.count)
                {
                    let place = UnsafeRawPointer(hit) - all.baseAddress!
                    guard all.count - place >= bytes.count else { return false }
                    if memcmp(hit, bytes.baseAddress!, bytes.count) == 0 { return true }
                    rest = all[(place + 1)...]
                }
                return false
            }
        }
    }
}
