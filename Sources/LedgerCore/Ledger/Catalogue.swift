/// The catalogue: every type of command and of event there is. A new one is a line in each of its parts here, and the
/// compiler asks for all of them; what it *is* stands in one file of its family's folder.

// MARK: - Commands

/// What a client asks of the ledger: a wish. It names users, sessions and the like by their keyed hash (``Names``), so
/// a command is a small value; only texts that the ledger must remember travel with it. Large and rare ones lie beside
/// the value, so that the frequent ones stay small.
package enum Command: Sendable {
    indirect case userCreate(UserCreate)
    case userSet(UserSet)
    case userDelete(UserDelete)
    indirect case passportCreate(PassportCreate)
    case passportSet(PassportSet)
    case passportRevoke(PassportRevoke)
    indirect case passportRotate(PassportRotate)
    indirect case creditPurchase(CreditPurchase)
    indirect case creditGrant(CreditGrant)
    case creditCharge(CreditCharge)
    case creditAdjust(CreditAdjust)
    indirect case creditRefund(CreditRefund)
    indirect case creditTransfer(CreditTransfer)
    case holdPlace(HoldPlace)
    case holdCapture(HoldCapture)
    case holdVoid(HoldVoid)
    case sessionStart(SessionStart)
    case sessionHeartbeat(SessionHeartbeat)
    case sessionStop(SessionStop)
    case sessionCancel(SessionCancel)
    case sessionRetier(SessionRetier)
    case sessionRecord(SessionRecord)
    indirect case storageCreate(StorageCreate)
    case storageResize(StorageResize)
    case storageDelete(StorageDelete)
    indirect case spaceAdd(SpaceAdd)
    indirect case spaceGrant(SpaceGrant)
    indirect case spaceRevoke(SpaceRevoke)
    indirect case spacePurchase(SpacePurchase)
    indirect case meterAdd(MeterAdd)
    indirect case usageRecord(UsageRecord)
    indirect case ruleLoad(RuleLoad)
    indirect case ruleActivate(RuleActivate)
    case ruleRollback(RuleRollback)
    case limitSet(LimitSet)
    case userLimitSet(UserLimitSet)
    case clockAccept(ClockAccept)
    indirect case engineStart(EngineStart)
}

extension Command {
    @inline(__always)
    package func visit<V: CommandVisitor>(_ visitor: inout V) throws(V.Failure) -> V.Result {
        switch self {
        case .userCreate(let it): try visitor.visit(it)
        case .userSet(let it): try visitor.visit(it)
        case .userDelete(let it): try visitor.visit(it)
        case .passportCreate(let it): try visitor.visit(it)
        case .passportSet(let it): try visitor.visit(it)
        case .passportRevoke(let it): try visitor.visit(it)
        case .passportRotate(let it): try visitor.visit(it)
        case .creditPurchase(let it): try visitor.visit(it)
        case .creditGrant(let it): try visitor.visit(it)
        case .creditCharge(let it): try visitor.visit(it)
        case .creditAdjust(let it): try visitor.visit(it)
        case .creditRefund(let it): try visitor.visit(it)
        case .creditTransfer(let it): try visitor.visit(it)
        case .holdPlace(let it): try visitor.visit(it)
        case .holdCapture(let it): try visitor.visit(it)
        case .holdVoid(let it): try visitor.visit(it)
        case .sessionStart(let it): try visitor.visit(it)
        case .sessionHeartbeat(let it): try visitor.visit(it)
        case .sessionStop(let it): try visitor.visit(it)
        case .sessionCancel(let it): try visitor.visit(it)
        case .sessionRetier(let it): try visitor.visit(it)
        case .sessionRecord(let it): try visitor.visit(it)
        case .storageCreate(let it): try visitor.visit(it)
        case .storageResize(let it): try visitor.visit(it)
        case .storageDelete(let it): try visitor.visit(it)
        case .spaceAdd(let it): try visitor.visit(it)
        case .spaceGrant(let it): try visitor.visit(it)
        case .spaceRevoke(let it): try visitor.visit(it)
        case .spacePurchase(let it): try visitor.visit(it)
        case .meterAdd(let it): try visitor.visit(it)
        case .usageRecord(let it): try visitor.visit(it)
        case .ruleLoad(let it): try visitor.visit(it)
        case .ruleActivate(let it): try visitor.visit(it)
        case .ruleRollback(let it): try visitor.visit(it)
        case .limitSet(let it): try visitor.visit(it)
        case .userLimitSet(let it): try visitor.visit(it)
        case .clockAccept(let it): try visitor.visit(it)
        case .engineStart(let it): try visitor.visit(it)
        }
    }

    package mutating func change<V: CommandChanger>(_ changer: inout V) throws(V.Failure) {
        switch self {
        case .userCreate(var it):
            try changer.change(&it)
            self = .userCreate(it)
        case .userSet(var it):
            try changer.change(&it)
            self = .userSet(it)
        case .userDelete(var it):
            try changer.change(&it)
            self = .userDelete(it)
        case .passportCreate(var it):
            try changer.change(&it)
            self = .passportCreate(it)
        case .passportSet(var it):
            try changer.change(&it)
            self = .passportSet(it)
        case .passportRevoke(var it):
            try changer.change(&it)
            self = .passportRevoke(it)
        case .passportRotate(var it):
            try changer.change(&it)
            self = .passportRotate(it)
        case .creditPurchase(var it):
            try changer.change(&it)
            self = .creditPurchase(it)
        case .creditGrant(var it):
            try changer.change(&it)
            self = .creditGrant(it)
        case .creditCharge(var it):
            try changer.change(&it)
            self = .creditCharge(it)
        case .creditAdjust(var it):
            try changer.change(&it)
            self = .creditAdjust(it)
        case .creditRefund(var it):
            try changer.change(&it)
            self = .creditRefund(it)
        case .creditTransfer(var it):
            try changer.change(&it)
            self = .creditTransfer(it)
        case .holdPlace(var it):
            try changer.change(&it)
            self = .holdPlace(it)
        case .holdCapture(var it):
            try changer.change(&it)
            self = .holdCapture(it)
        case .holdVoid(var it):
            try changer.change(&it)
            self = .holdVoid(it)
        case .sessionStart(var it):
            try changer.change(&it)
            self = .sessionStart(it)
        case .sessionHeartbeat(var it):
            try changer.change(&it)
            self = .sessionHeartbeat(it)
        case .sessionStop(var it):
            try changer.change(&it)
            self = .sessionStop(it)
        case .sessionCancel(var it):
            try changer.change(&it)
            self = .sessionCancel(it)
        case .sessionRetier(var it):
            try changer.change(&it)
            self = .sessionRetier(it)
        case .sessionRecord(var it):
            try changer.change(&it)
            self = .sessionRecord(it)
        case .storageCreate(var it):
            try changer.change(&it)
            self = .storageCreate(it)
        case .storageResize(var it):
            try changer.change(&it)
            self = .storageResize(it)
        case .storageDelete(var it):
            try changer.change(&it)
            self = .storageDelete(it)
        case .spaceAdd(var it):
            try changer.change(&it)
            self = .spaceAdd(it)
        case .spaceGrant(var it):
            try changer.change(&it)
            self = .spaceGrant(it)
        case .spaceRevoke(var it):
            try changer.change(&it)
            self = .spaceRevoke(it)
        case .spacePurchase(var it):
            try changer.change(&it)
            self = .spacePurchase(it)
        case .meterAdd(var it):
            try changer.change(&it)
            self = .meterAdd(it)
        case .usageRecord(var it):
            try changer.change(&it)
            self = .usageRecord(it)
        case .ruleLoad(var it):
            try changer.change(&it)
            self = .ruleLoad(it)
        case .ruleActivate(var it):
            try changer.change(&it)
            self = .ruleActivate(it)
        case .ruleRollback(var it):
            try changer.change(&it)
            self = .ruleRollback(it)
        case .limitSet(var it):
            try changer.change(&it)
            self = .limitSet(it)
        case .userLimitSet(var it):
            try changer.change(&it)
            self = .userLimitSet(it)
        case .clockAccept(var it):
            try changer.change(&it)
            self = .clockAccept(it)
        case .engineStart(var it):
            try changer.change(&it)
            self = .engineStart(it)
        }
    }
}

// MARK: - Events

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
    case meterAdded = 95
    case usageRecorded = 96
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
    case meterAdded(MeterAdded)
    indirect case usageRecorded(UsageRecorded)
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
        case .meterAdded(let event): try visitor.visit(event)
        case .usageRecorded(let event): try visitor.visit(event)
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
        case .meterAdded: try visitor.visit(MeterAdded.self)
        case .usageRecorded: try visitor.visit(UsageRecorded.self)
        }
    }
}
