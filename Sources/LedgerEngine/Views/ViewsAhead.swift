internal import LedgerCore

/// The views of a start: while the journal is replayed, a thread of its own makes memory ready for those users and
/// passports that a snapshot knows of. Clearing it takes the system longer than filling it takes us.
final class ViewsAhead {
    let views: Views
    private let job = BackgroundJob()

    init(_ state: borrowing StateMachine) {
        let (views, job) = (Views(of: state), job)
        let (users, passports) = (state.userCount, state.passportCount)
        self.views = views
        job.start("views", nice: 0) {
            views.reserve(users: users, passports: passports) { job.isWanted }
        }
    }

    /// What is not ready yet, whoever fills it will find.
    deinit { job.stop() }
}

extension Views {
    convenience init(of state: borrowing StateMachine) {
        self.init(seed: state.names.hash(Names.Space.key, ["views"]).high)
    }
}
