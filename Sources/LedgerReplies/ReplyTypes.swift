package import LedgerCore

/// The texts a receipt shows besides what its event holds: about `event.user`, and nobody else.
package struct ReceiptNames: Hashable, Sendable {
    /// The user's id; empty for events of the ledger itself.
    package var user: ShortText
    /// The user's e-mail in the clear; nil when its key is gone. Read only where ``needsEmail(_:)``.
    package var email: [UInt8]?
    /// The name of the event's passport in the clear; nil when the user's key is gone.
    package var passport: [UInt8]?
    /// The name or the e-mail address that a user was given, in the clear; nil when the name was taken away, or the
    /// user's key is gone.
    package var name: [UInt8]?

    package init(user: ShortText, email: [UInt8]? = nil, passport: [UInt8]? = nil, name: [UInt8]? = nil) {
        self.user = user
        self.email = email
        self.passport = passport
        self.name = name
    }

    /// Whether an event's receipt shows more than the user's id.
    package static func needsTexts(_ event: borrowing Event) -> Bool {
        switch event.body {
        case .userCreated, .sessionStarted, .passportCreated, .userChanged: true
        case .ledgerCreated, .engineStarted, .clockAccepted, .ruleLoaded, .ruleScheduled, .ruleActivated, .limitsSet,
            .userLimitSet, .passportRevoked, .userDeleted, .passportChanged, .creditPurchased, .creditGranted,
            .creditCharged, .creditAdjusted, .creditRefunded, .lotExpired, .lotEffective, .creditSent, .creditReceived,
            .holdPlaced, .holdCaptured, .holdReleased, .sessionHeard, .leaseRenewed, .sessionExhausting,
            .sessionPosted, .sessionClosed, .sessionRecorded, .sessionRepriced, .sessionRetiered, .storageCreated,
            .storageResized, .storagePosted, .storageDeleted, .storageDeleteDue, .storageResumed, .spaceAdded,
            .spacePurchased, .spaceGranted, .spaceRevoked, .shareEarned, .shareReturned, .refused, .answered,
            .allowanceChanged, .typeAllowanceSet, .allowanceGranted, .allowanceRoundAdvanced, .meterAdded,
            .usageRecorded, .scriptRan:
            false
        }
    }

    /// Whether an event's receipt shows an e-mail address; decrypt none otherwise.
    package static func needsEmail(_ event: Event) -> Bool {
        if case .userCreated = event.body { return true }
        if case .sessionStarted = event.body { return true }
        return false
    }
}

/// A connection as `CLIENT INFO` and `HELLO` show it.
package struct ClientReply: Sendable {
    package var id: UInt64
    package var address: String
    package var localAddress: String
    package var name: ShortText
    package var library: ShortText
    package var libraryVersion: ShortText
    /// Seconds since it was opened, and since its last command.
    package var age: Int64
    package var idle: Int64
    /// The user of its passport; empty before AUTH.
    package var user: ShortText

    package init(
        id: UInt64, address: String, localAddress: String, name: ShortText = ShortText(),
        library: ShortText = ShortText(), libraryVersion: ShortText = ShortText(), age: Int64, idle: Int64,
        user: ShortText = ShortText()
    ) {
        self.id = id
        self.address = address
        self.localAddress = localAddress
        self.name = name
        self.library = library
        self.libraryVersion = libraryVersion
        self.age = age
        self.idle = idle
        self.user = user
    }
}

/// What the edge counts, for INFO.
package struct ServerFigures: Sendable {
    package var version = ""
    package var process: Int32 = 0
    package var port = 0
    package var eventLoops = 0
    package var clients = 0
    package var maxClients = 0
    package var opened: UInt64 = 0
    package var refused: UInt64 = 0
    package var dropped: UInt64 = 0
    package var authenticationFailures: UInt64 = 0
    package var requests: UInt64 = 0
    package var errors: UInt64 = 0
    package var bytesIn: UInt64 = 0
    package var bytesOut: UInt64 = 0
    /// Bytes of memory that answers take which wait for their clients, and what is queued for EXEC.
    package var answersWaiting = 0
    /// Scripts that EVALSHA knows.
    package var scripts = 0
    /// Forks, and bytes of memory set aside for them.
    package var forks = 0
    package var forkBytes = 0
    package var heldForks: [HeldFork] = []
    /// The event up to which a past is loaded, none where none is, and bytes of memory set aside for it.
    package var pastLSN = LSN.none
    package var pastBytes = 0
    /// A fork, and the connection that holds it.
    package struct HeldFork: Sendable {
        package var name: ShortText
        package var client: UInt64
        package var address: String
        /// Of the passport that asked for it; empty: the owner of the directory.
        package var user: ShortText
        /// Seconds since it was asked for.
        package var age: Int64
        /// Memory set aside for it, and what it has taken since it began.
        package var bytes: Int
        package var grown: Int

        package init(
            name: ShortText, client: UInt64, address: String, user: ShortText, age: Int64, bytes: Int, grown: Int
        ) {
            (self.name, self.client, self.address, self.user) = (name, client, address, user)
            (self.age, self.bytes, self.grown) = (age, bytes, grown)
        }
    }
    /// Requests that were answered BUSY for want of room for answers.
    package var busy: UInt64 = 0
    /// Requests by command that were refused before the ledger saw them.
    package var rejected: [(name: String, count: UInt64)] = []

    package init() {}
}
