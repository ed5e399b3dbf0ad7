// The catalogue of events: every type there is. A new one is a line in each of four lists here, and the compiler asks
// for all of them; what it *is* stands beside the command that gives it. Commands: CommandCatalogue.swift.

/// Codes are journaled and never used again.
package enum EventCode: UInt8, CaseIterable, Sendable {
    case ledgerCreated = 1
    case engineStarted = 2
    case clockAccepted = 3
    case ruleLoaded = 10
    case ruleScheduled = 11
    case ruleActivated = 12
    case limitsSet = 13
    case userLimitSet = 14
    case userCreated = 20
    case userChanged = 21
    case passportCreated = 22
    case passportRevoked = 23
    case userDeleted = 24
    case passportChanged = 25
    case creditPurchased = 30
    case creditGranted = 31
    case creditCharged = 32
    case creditAdjusted = 33
    case creditRefunded = 34
    case lotExpired = 35
    case lotEffective = 36
    case creditSent = 37
    case creditReceived = 38
    case holdPlaced = 40
    case holdCaptured = 41
    case holdReleased = 42
    case sessionStarted = 50
    case sessionHeard = 51
    case leaseRenewed = 52
    case sessionExhausting = 53
    case sessionPosted = 54
    case sessionClosed = 55
    case sessionRecorded = 56
    case sessionRepriced = 57
    case sessionRetiered = 58
    case storageCreated = 60
    case storageResized = 61
    case storagePosted = 62
    case storageDeleted = 63
    case storageDeleteDue = 64
    case storageResumed = 65
    case spaceAdded = 70
    case spacePurchased = 71
    case spaceGranted = 72
    case spaceRevoked = 73
    case shareEarned = 74
    case shareReturned = 75
    case refused = 80
    case answered = 81
    case allowanceChanged = 90
    case typeAllowanceSet = 91
    case allowanceGranted = 92
    case allowanceRoundAdvanced = 93
    case meterAdded = 95
    case usageRecorded = 96
    case scriptRan = 98
}

/// An event's own part, of whatever type.
package enum EventBody: Sendable {
    // What is larger than most lies beside it, so that the others are cheap to pass on.
    case ledgerCreated(LedgerCreated)
    case engineStarted(EngineStarted)
    case clockAccepted(ClockAccepted)
    case ruleLoaded(RuleLoaded)
    case ruleScheduled(RuleScheduled)
    case ruleActivated(RuleActivated)
    case limitsSet(LimitSet)
    case userLimitSet(UserLimited)
    case userCreated(UserCreated)
    case userChanged(UserChanged)
    case passportCreated(PassportCreated)
    case passportRevoked(PassportRevoked)
    case userDeleted(UserDeleted)
    case passportChanged(PassportChanged)
    case creditPurchased(CreditPurchased)
    case creditGranted(CreditGranted)
    case creditCharged(CreditCharged)
    case creditAdjusted(CreditAdjusted)
    case creditRefunded(CreditRefunded)
    case lotExpired(LotExpired)
    case lotEffective(LotEffective)
    case creditSent(CreditSent)
    case creditReceived(CreditReceived)
    case holdPlaced(HoldPlaced)
    case holdCaptured(HoldCaptured)
    case holdReleased(HoldReleased)
    case sessionStarted(SessionStarted)
    case sessionHeard(SessionHeard)
    case leaseRenewed(LeaseRenewed)
    case sessionExhausting(SessionExhausting)
    indirect case sessionPosted(SessionPosted)
    indirect case sessionClosed(SessionClosed)
    indirect case sessionRecorded(SessionRecorded)
    case sessionRepriced(SessionRepriced)
    case sessionRetiered(SessionRetiered)
    case storageCreated(StorageCreated)
    indirect case storageResized(StorageResized)
    indirect case storagePosted(StoragePosted)
    indirect case storageDeleted(StorageDeleted)
    case storageDeleteDue(StorageDeleteDue)
    case storageResumed(StorageResumed)
    case spaceAdded(SpaceAdded)
    indirect case spacePurchased(SpacePurchased)
    case spaceGranted(SpaceGranted)
    case spaceRevoked(SpaceRevoked)
    indirect case shareEarned(ShareEarned)
    indirect case shareReturned(ShareReturned)
    case refused(Refused)
    case answered(Answered)
    indirect case allowanceChanged(AllowanceChanged)
    indirect case typeAllowanceSet(TypeAllowanceSet)
    indirect case allowanceGranted(AllowanceGranted)
    case allowanceRoundAdvanced(AllowanceRoundAdvanced)
    case meterAdded(MeterAdded)
    indirect case usageRecorded(UsageRecorded)
    indirect case scriptRan(ScriptRan)
}

extension EventBody {
    @inline(__always)
    package func visit<V: EventVisitor>(_ visitor: inout V) throws(V.Failure) -> V.Result {
        switch self {
        case .ledgerCreated(let event): try visitor.visit(event)
        case .engineStarted(let event): try visitor.visit(event)
        case .clockAccepted(let event): try visitor.visit(event)
        case .ruleLoaded(let event): try visitor.visit(event)
        case .ruleScheduled(let event): try visitor.visit(event)
        case .ruleActivated(let event): try visitor.visit(event)
        case .limitsSet(let event): try visitor.visit(event)
        case .userLimitSet(let event): try visitor.visit(event)
        case .userCreated(let event): try visitor.visit(event)
        case .userChanged(let event): try visitor.visit(event)
        case .passportCreated(let event): try visitor.visit(event)
        case .passportRevoked(let event): try visitor.visit(event)
        case .userDeleted(let event): try visitor.visit(event)
        case .passportChanged(let event): try visitor.visit(event)
        case .creditPurchased(let event): try visitor.visit(event)
        case .creditGranted(let event): try visitor.visit(event)
        case .creditCharged(let event): try visitor.visit(event)
        case .creditAdjusted(let event): try visitor.visit(event)
        case .creditRefunded(let event): try visitor.visit(event)
        case .lotExpired(let event): try visitor.visit(event)
        case .lotEffective(let event): try visitor.visit(event)
        case .creditSent(let event): try visitor.visit(event)
        case .creditReceived(let event): try visitor.visit(event)
        case .holdPlaced(let event): try visitor.visit(event)
        case .holdCaptured(let event): try visitor.visit(event)
        case .holdReleased(let event): try visitor.visit(event)
        case .sessionStarted(let event): try visitor.visit(event)
        case .sessionHeard(let event): try visitor.visit(event)
        case .leaseRenewed(let event): try visitor.visit(event)
        case .sessionExhausting(let event): try visitor.visit(event)
        case .sessionPosted(let event): try visitor.visit(event)
        case .sessionClosed(let event): try visitor.visit(event)
        case .sessionRecorded(let event): try visitor.visit(event)
        case .sessionRepriced(let event): try visitor.visit(event)
        case .sessionRetiered(let event): try visitor.visit(event)
        case .storageCreated(let event): try visitor.visit(event)
        case .storageResized(let event): try visitor.visit(event)
        case .storagePosted(let event): try visitor.visit(event)
        case .storageDeleted(let event): try visitor.visit(event)
        case .storageDeleteDue(let event): try visitor.visit(event)
        case .storageResumed(let event): try visitor.visit(event)
        case .spaceAdded(let event): try visitor.visit(event)
        case .spacePurchased(let event): try visitor.visit(event)
        case .spaceGranted(let event): try visitor.visit(event)
        case .spaceRevoked(let event): try visitor.visit(event)
        case .shareEarned(let event): try visitor.visit(event)
        case .shareReturned(let event): try visitor.visit(event)
        case .refused(let event): try visitor.visit(event)
        case .answered(let event): try visitor.visit(event)
        case .allowanceChanged(let event): try visitor.visit(event)
        case .typeAllowanceSet(let event): try visitor.visit(event)
        case .allowanceGranted(let event): try visitor.visit(event)
        case .allowanceRoundAdvanced(let event): try visitor.visit(event)
        case .meterAdded(let event): try visitor.visit(event)
        case .usageRecorded(let event): try visitor.visit(event)
        case .scriptRan(let event): try visitor.visit(event)
        }
    }
}

extension EventCode {
    @inline(__always)
    package func visit<V: EventTypeVisitor>(_ visitor: inout V) throws(V.Failure) -> V.Result {
        switch self {
        case .ledgerCreated: try visitor.visit(LedgerCreated.self)
        case .engineStarted: try visitor.visit(EngineStarted.self)
        case .clockAccepted: try visitor.visit(ClockAccepted.self)
        case .ruleLoaded: try visitor.visit(RuleLoaded.self)
        case .ruleScheduled: try visitor.visit(RuleScheduled.self)
        case .ruleActivated: try visitor.visit(RuleActivated.self)
        case .limitsSet: try visitor.visit(LimitSet.self)
        case .userLimitSet: try visitor.visit(UserLimited.self)
        case .userCreated: try visitor.visit(UserCreated.self)
        case .userChanged: try visitor.visit(UserChanged.self)
        case .passportCreated: try visitor.visit(PassportCreated.self)
        case .passportRevoked: try visitor.visit(PassportRevoked.self)
        case .userDeleted: try visitor.visit(UserDeleted.self)
        case .passportChanged: try visitor.visit(PassportChanged.self)
        case .creditPurchased: try visitor.visit(CreditPurchased.self)
        case .creditGranted: try visitor.visit(CreditGranted.self)
        case .creditCharged: try visitor.visit(CreditCharged.self)
        case .creditAdjusted: try visitor.visit(CreditAdjusted.self)
        case .creditRefunded: try visitor.visit(CreditRefunded.self)
        case .lotExpired: try visitor.visit(LotExpired.self)
        case .lotEffective: try visitor.visit(LotEffective.self)
        case .creditSent: try visitor.visit(CreditSent.self)
        case .creditReceived: try visitor.visit(CreditReceived.self)
        case .holdPlaced: try visitor.visit(HoldPlaced.self)
        case .holdCaptured: try visitor.visit(HoldCaptured.self)
        case .holdReleased: try visitor.visit(HoldReleased.self)
        case .sessionStarted: try visitor.visit(SessionStarted.self)
        case .sessionHeard: try visitor.visit(SessionHeard.self)
        case .leaseRenewed: try visitor.visit(LeaseRenewed.self)
        case .sessionExhausting: try visitor.visit(SessionExhausting.self)
        case .sessionPosted: try visitor.visit(SessionPosted.self)
        case .sessionClosed: try visitor.visit(SessionClosed.self)
        case .sessionRecorded: try visitor.visit(SessionRecorded.self)
        case .sessionRepriced: try visitor.visit(SessionRepriced.self)
        case .sessionRetiered: try visitor.visit(SessionRetiered.self)
        case .storageCreated: try visitor.visit(StorageCreated.self)
        case .storageResized: try visitor.visit(StorageResized.self)
        case .storagePosted: try visitor.visit(StoragePosted.self)
        case .storageDeleted: try visitor.visit(StorageDeleted.self)
        case .storageDeleteDue: try visitor.visit(StorageDeleteDue.self)
        case .storageResumed: try visitor.visit(StorageResumed.self)
        case .spaceAdded: try visitor.visit(SpaceAdded.self)
        case .spacePurchased: try visitor.visit(SpacePurchased.self)
        case .spaceGranted: try visitor.visit(SpaceGranted.self)
        case .spaceRevoked: try visitor.visit(SpaceRevoked.self)
        case .shareEarned: try visitor.visit(ShareEarned.self)
        case .shareReturned: try visitor.visit(ShareReturned.self)
        case .refused: try visitor.visit(Refused.self)
        case .answered: try visitor.visit(Answered.self)
        case .allowanceChanged: try visitor.visit(AllowanceChanged.self)
        case .typeAllowanceSet: try visitor.visit(TypeAllowanceSet.self)
        case .allowanceGranted: try visitor.visit(AllowanceGranted.self)
        case .allowanceRoundAdvanced: try visitor.visit(AllowanceRoundAdvanced.self)
        case .meterAdded: try visitor.visit(MeterAdded.self)
        case .usageRecorded: try visitor.visit(UsageRecorded.self)
        case .scriptRan: try visitor.visit(ScriptRan.self)
        }
    }
}
