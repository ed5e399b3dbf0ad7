import LedgerREPL
import RESP

/// A few commands of the ledger, with every kind of argument and option.
let sampleCatalogue = CommandCatalogue([
    .init(
        ["USER", "CREATE"], arguments: [.init("email", note: "an e-mail address")],
        options: [
            .init("ID", .init("id")), .init("TYPE", .init("type", choices: ["free", "pro", "enterprise", "admin"])),
        ], summary: "Creates a user.", permission: "admin", examples: ["USER CREATE ann@example.com TYPE pro"]),
    .init(["USER", "GET"], arguments: [.init("user")], summary: "Shows a user."),
    .init(
        ["PASSPORT", "CREATE"],
        arguments: [
            .init("user"), .init("name"),
            .init("perms", choices: ["read", "write", "billing", "admin"], isList: true),
        ], options: [.init("SCOPE", .init("scope", choices: ["own", "all"]))], summary: "Issues a passport."),
    .init(
        ["CREDIT", "CHARGE"], arguments: [.init("user"), .init("amount"), .init("source")],
        options: [
            .init("DESCRIPTION", .init("text")), .init("OVER"), .init("KEY", .init("key")),
        ], summary: "Takes credit for something used.",
        examples: [#"CREDIT CHARGE u_1 0.25 api DESCRIPTION "one call""#]),
    .init(
        ["CREDIT", "GRANT"], arguments: [.init("user"), .init("amount")],
        options: [
            .init("KIND", .init("kind", choices: ["promo", "compensation"])),
            .init("REASON", .init("reason"), isRequired: true),
        ], summary: "Gives credit that was not bought."),
    .init(
        ["CREDIT", "REFUND"], arguments: [.init("charge"), .init("amount", isOptional: true)],
        options: [
            .init("REASON", .init("reason"), isRequired: true)
        ], summary: "Returns a charge to the lots that paid it."),
    .init(["PRICE", "INFO"], summary: "Prints the active price book."),
    .init(["EXPLAIN"], arguments: [.init("charge")], summary: "Shows how a charge came about."),
    .init(["PING"], summary: "Answers PONG."),
])

/// A map as a server sends it: all text, but nil is null.
func map(_ pairs: KeyValuePairs<String, String?>) -> RESPValue {
    .map(pairs.map { RESPPair(.text($0.key), $0.value.map { .text($0) } ?? .null) })
}

/// Answers by a closure and remembers what it was asked.
struct FakePort: CommandPort {
    var answer: @Sendable ([String]) throws -> RESPValue

    func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        try commands.map { try answer($0.map { String(decoding: $0, as: UTF8.self) }) }
    }
}
