/// Every command by its place in the table. Numbers appear in no file and on no wire.
package enum CommandID: UInt8, CaseIterable, Sendable {
    // connection
    case ping, echo, auth, hello, quit, reset, select, time
    case clientSetName, clientGetName, clientSetInfo, clientID, clientInfo, clientList
    case configGet
    case command, commandCount, commandInfo, commandDocs, commandList, help
    // users and passports
    case userCreate, userGet, userSet, userDelete, userList, userFind, userSummary
    case passportCreate, passportVerify, passportList, passportSet, passportRevoke, passportRotate
    // credit
    case creditPurchase, creditGrant, creditCharge, creditAdjust, creditRefund, creditTransfer
    case creditBalance, creditLots, creditHistory
    case allowanceSet, allowanceRemove, allowanceList
    case holdPlace, holdCapture, holdVoid, holdGet, holdList
    // sessions
    case sessionQuote, sessionAdmit, sessionStart, sessionHeartbeat, sessionRetier, sessionStop, sessionGet
    case sessionCancel, sessionRecord, sessionList
    // storage and spaces
    case storageCreate, storageResize, storageDelete, storageList
    case spaceAdd, spaceGrant, spaceRevoke, spaceList, spacePurchase, spaceOwned
    // meters
    case meterAdd, meterList, usageRecord, usageQuote
    // prices and limits
    case priceInfo, explain
    case ruleLoad, ruleList, ruleShow, ruleCheck, ruleActivate, ruleRollback
    case ruleBacktest, ruleShadow, ruleDiff, ruleStep
    case limitList, limitSet
    // operations
    case info, slowlogGet, slowlogLen, slowlogReset, latencyLatest, latencyRecent, latencyHistogram, dbsize, snapshot,
        clock
    case clockAccept, clockSet, wait, shutdown
    // several commands as one
    case eval, evalSHA, scriptLoad, scriptExists, scriptFlush, scriptKill, multi, exec, discard, watch, unwatch
    // other worlds
    case forkNew, forkRun, forkAdvance, forkDiff, forkList, forkDrop
}
