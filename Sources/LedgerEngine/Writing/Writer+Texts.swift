internal import LedgerCore
internal import LedgerStorage
internal import Logging

/// Personal texts: sealed under their user's key just before a command is decided.
extension Writer {
    /// Encrypts what a command carries in the clear, under the key of the user it is about. Without a user, and for a
    /// deleted one, it will be refused anyway: the text goes nowhere.
    func seal(_ command: inout Command, _ unit: CommitUnit) throws(StorageError) {
        let subject = command.subject
        let user = state.user(of: subject).flatMap { state.isDeleted($0) ? nil : $0 }
        let clearEmail = command.clearEmail
        let (known, keys) = (HasText(of: user, state), parts.keys)
        try command.sealTexts { (text) throws(StorageError) in
            guard case .clear(let bytes) = text else { return }
            guard let user else {
                text = .none
                return
            }
            try keys.ensureKey(user, isNewUser: subject == .newUser, hasSealedText: known.hasText)
            text = PersonalText(sealed: try keys.seal(bytes, user))
        }
        guard let clearEmail, let user else { return }
        if subject == .newUser { freshEmails[user.value] = clearEmail } else { changedEmail = (user, clearEmail) }
    }

    /// Whether a user has sealed text already, looked up once and only where it is asked.
    private struct HasText {
        let hasText: Bool
        init(of user: UserOrdinal?, _ state: borrowing StateMachine) {
            hasText = user.map { state.hasSealedText($0) } ?? false
        }
    }

    func clear(_ text: PersonalText, _ user: UserOrdinal) -> [UInt8] {
        guard !text.isEmpty else { return [] }
        do throws(StorageError) {
            return try parts.keys.open(text.sealedBytes, user)
        } catch {
            parts.logger.error("a user's text cannot be opened", metadata: ["fault": "\(error)"])
            return []
        }
    }

    /// Nil when the key is gone.
    func open(_ text: PersonalText, _ user: UserOrdinal) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        do throws(StorageError) { return try parts.keys.open(text.sealedBytes, user) } catch { return nil }
    }

    func whyUnsealed(_ error: StorageError) -> Rejection {
        // Each command that comes meets it: one line a second says so.
        let now = MonotonicTime.now
        if now >= nextSealingLine {
            parts.logger.error("a text cannot be sealed", metadata: ["fault": "\(error)"])
            nextSealingLine = now + 1_000_000_000
        }
        return error.reason == .destroyedKey
            ? .invalid("the user's key was destroyed") : .readOnly("the text cannot be sealed: \(error)")
    }
}

extension Command {
    /// The address that it carries, in the clear: what readers will see.
    fileprivate var clearEmail: [UInt8]? {
        if case .userCreate(let create) = self, case .clear(let email) = create.email { return email }
        if case .userSet(let set) = self, case .email(.clear(let email), _) = set.change { return email }
        return nil
    }
}
