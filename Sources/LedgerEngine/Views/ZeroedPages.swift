internal import Glibc

/// Whole pages from the system, all zeroes, which is what `Atomic(0)` initialises to: relied upon here alone, so that
/// memory which nobody touches is never backed.
enum ZeroedPages {
    /// Ends the process where there are none left; `what` says what they were for.
    static func map(_ bytes: Int, for what: StaticString) -> UnsafeMutableRawPointer {
        guard
            let pages = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            pages != MAP_FAILED
        else { fatalError("out of memory for \(what)") }
        return pages
    }

    static func unmap(_ pages: UnsafeMutableRawPointer, _ bytes: Int) { munmap(pages, bytes) }

    /// Gives the memory back and keeps the address: who still reads there finds zeroes.
    static func release(_ pages: UnsafeMutableRawPointer, _ bytes: Int) {
        // Where the system will not, the memory stays as it is.
        _ = madvise(pages, bytes, MADV_DONTNEED)
    }

    /// Bytes of a page.
    static let size = sysconf(Int32(_SC_PAGESIZE))
}
