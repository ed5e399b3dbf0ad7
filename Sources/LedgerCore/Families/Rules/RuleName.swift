/// The prices that are rules: the ledger's own, and one for each meter.
package enum RuleName: Hashable, Sendable {
    case sessionRuntime
    case storage
    case spacePurchase
    case purchaseBonus
    /// Of the meter with this name; written `meter:NAME`.
    case meter(ShortText)

    /// The ledger's own.
    package static let builtIn: [RuleName] = [.sessionRuntime, .storage, .spacePurchase, .purchaseBonus]

    package var text: String {
        switch self {
        case .sessionRuntime: "session_runtime"
        case .storage: "storage"
        case .spacePurchase: "space_purchase"
        case .purchaseBonus: "purchase_bonus"
        case .meter(let name): Self.meterPrefix + name.string
        }
    }

    package static let meterPrefix = "meter:"

    /// Journaled: never change one, never use one again. A meter's name follows its code.
    package var code: UInt8 {
        switch self {
        case .sessionRuntime: 0
        case .storage: 1
        case .spacePurchase: 2
        case .purchaseBonus: 3
        case .meter: 4
        }
    }
}

extension RuleName: Comparable {
    /// By code, meters by name.
    package static func < (a: RuleName, b: RuleName) -> Bool { a.code == b.code ? a.text < b.text : a.code < b.code }
}

extension RuleName: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var code = code
        try c.small(&code)
        if code != self.code {
            guard code <= RuleName.meter(ShortText()).code else {
                return try c.fail("a rule is unknown to this version")
            }
            self = Int(code) < Self.builtIn.count ? Self.builtIn[Int(code)] : .meter(ShortText())
        }
        guard case .meter(var name) = self else { return }
        try c.text(&name)
        self = .meter(name)
    }
}
