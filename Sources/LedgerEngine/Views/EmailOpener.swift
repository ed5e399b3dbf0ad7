internal import LedgerCore
internal import LedgerStorage

/// Opens the e-mails of users that were there at the start, in the background: a few microseconds each are too many to
/// wait for. Until a user's turn comes, a read of the address opens it (``ReadPath/email(_:)``).
final class EmailOpener: Sendable {
    private let userCount: Int
    private let reads: ReadPath
    private let job = BackgroundJob()

    init(userCount: Int, reads: ReadPath) {
        self.userCount = userCount
        self.reads = reads
    }

    func start() {
        guard userCount > 0 else { return }
        job.start("emails", nice: 15) { [self] in
            var isComplete = true
            for number in 0..<userCount where job.isWanted {
                let user = UserOrdinal(UInt32(number))
                do throws(StorageError) {
                    try reads.openEmail(user).withUnsafeBytes { reads.views.fill(email: $0, of: user) }
                } catch {
                    // A disk that could not be read now may be readable later: then a read of the address opens it.
                    if error.isOfTheSystem {
                        isComplete = false
                    } else {
                        reads.views.fill(email: UnsafeRawBufferPointer(start: nil, count: 0), of: user)
                    }
                }
            }
            if job.isWanted, isComplete { reads.views.releaseSealedEmails() }
        }
    }

    func stop() { job.stop() }
}
