// The catalogue of commands: every type there is. A new one is a line in each part here, and the compiler asks for all
// of them; what it *is* stands in one file of its family's folder. Events: EventCatalogue.swift.

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
    indirect case allowanceSet(AllowanceSet)
    indirect case typeAllowanceSet(TypeAllowanceSet)
    case clockAccept(ClockAccept)
    indirect case engineStart(EngineStart)
    indirect case scriptRun(ScriptRun)
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
        case .allowanceSet(let it): try visitor.visit(it)
        case .typeAllowanceSet(let it): try visitor.visit(it)
        case .clockAccept(let it): try visitor.visit(it)
        case .engineStart(let it): try visitor.visit(it)
        case .scriptRun(let it): try visitor.visit(it)
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
        case .allowanceSet(var it):
            try changer.change(&it)
            self = .allowanceSet(it)
        case .typeAllowanceSet(var it):
            try changer.change(&it)
            self = .typeAllowanceSet(it)
        case .clockAccept(var it):
            try changer.change(&it)
            self = .clockAccept(it)
        case .engineStart(var it):
            try changer.change(&it)
            self = .engineStart(it)
        case .scriptRun(var it):
            try changer.change(&it)
            self = .scriptRun(it)
        }
    }
}
