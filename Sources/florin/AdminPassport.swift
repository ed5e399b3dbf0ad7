internal import Glibc
internal import LedgerEngine
internal import LedgerStorage

/// The first passport of a new ledger, and how its owner gets to see it: at the terminal once, or without a terminal in
/// a file that only they can read. Never in a log.
enum AdminPassport {
    /// What the owner wants it to be. Set to nothing is as good as not set.
    static var wish: String? {
        guard let text = environment("FLORIN_ADMIN_PASSPORT"), !text.isEmpty else { return nil }
        return text
    }

    private static var hasTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Before the ledger begins with it: leaves the file, durably. A start that is cut short afterwards has left a
    /// passport that never was; the one that begins again replaces it.
    static func keep(_ secret: PassportSecret, in data: String) throws(EngineError) {
        let path = Engine.adminPassportFile(in: data)
        guard unlink(path) == 0 || errno == ENOENT else {
            throw refusal("\(path): \(String(cString: strerror(errno)))")
        }
        guard wish == nil, !hasTerminal else { return }
        do throws(Failure) { try writeFile(path, secret.text + "\n") } catch { throw refusal(error.description) }
        do throws(StorageError) { try PosixDisk().syncDirectory(data) } catch { throw refusal("\(error)") }
    }

    /// Once the ledger has begun. One that was wished for is known already.
    static func show(_ secret: PassportSecret) {
        guard wish == nil, hasTerminal else { return }
        writeLine("The admin passport of this new ledger, shown this once:\n\n    \(secret.text)\n")
    }

    private static func refusal(_ reason: String) -> EngineError {
        EngineError(
            .adminPassport, "the admin passport could not be left for its owner, so no ledger was begun: \(reason)")
    }
}
