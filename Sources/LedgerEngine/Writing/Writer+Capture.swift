internal import LedgerCore
internal import LedgerStorage

/// The writer's part in a snapshot: it hands out the rows of one instant, between its other work.
extension Writer {
    /// So long at a time, beside other work and without.
    private static let busyNanoseconds: UInt64 = 100_000
    private static let idleNanoseconds: UInt64 = 400_000
    private static let rowsAtOnce = 128
    /// Where a log makes units durable later, a capture waits for that without keeping the writer.
    private static let retryNanoseconds: UInt64 = 1_000_000

    /// Goes on with a snapshot that is wanted. After so many nanoseconds it is to be called again, if nothing else is
    /// to be done; nil: when it is poked.
    func goOnCapturing(isIdle: Bool) -> UInt64? {
        switch parts.desk.wish {
        case .nothing: return nil
        case .begin: return beginCapture() ? 0 : Self.retryNanoseconds
        case .end:
            endCapture()
            return nil
        case .goOn: break
        }
        guard var capture = self.capture.take() else { preconditionFailure("a capture goes on that did not begin") }
        let end = MonotonicTime.now &+ (isIdle ? Self.idleNanoseconds : Self.busyNanoseconds)
        repeat {
            if let rows = state.advance(&capture, limit: Self.rowsAtOnce) { parts.desk.add(rows) }
            guard !capture.isDone else {
                self.capture = consume capture
                endCapture()
                return nil
            }
            guard case .goOn = parts.desk.wish else {
                self.capture = consume capture
                return nil
            }
        } while MonotonicTime.now < end
        self.capture = consume capture
        return 0
    }

    /// Begins at the end of what is durable: everything decided has to be, which may take a sync.
    private func beginCapture() -> Bool {
        guard parts.committer.becomeQuiet() else {
            if parts.committer.hasFailed { parts.desk.cancel() }
            return false
        }
        let head = parts.journal.head
        guard head.lastLSN == state.lastLSN, !head.lastLSN.isNone else { return false }
        capture = state.beginCapture()
        parts.desk.begun(at: head, booksSum: state.booksSum)
        return true
    }

    private func endCapture() {
        parts.desk.ended(state.endCapture(capture.take()))
    }
}
