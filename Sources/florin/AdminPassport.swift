internal import Glibc
internal import LedgerEngine

/// The first passport of a new ledger, and how its owner gets to see it.
enum AdminPassport {
    /// Shows it once, or leaves it where only the owner of the directory finds it. Never to a log.
    static func present(_ secret: PassportSecret, of data: String) throws(Failure) {
        // Whoever set it knows it.
        if environment("FLORIN_ADMIN_PASSPORT") != nil { return }
        if isatty(STDOUT_FILENO) == 1 {
            writeLine("The admin passport of this new ledger, shown this once:\n\n    \(secret.text)\n")
        } else {
            try writeFile("\(data)/admin-passport", secret.text + "\n")
        }
    }
}
