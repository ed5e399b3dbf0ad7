internal import LedgerCore

/// A ``CommandSpec`` as the parser reads it: plain memory, made once and never freed, so that the event loops share it
/// without touching a reference count.
struct Grammar {
    struct Slot {
        let kind: FieldKind
        let meaning: FieldKind.Meaning
        let isRequired: Bool
        /// The option's word; `none` for positional arguments.
        let token: Name
    }

    /// Most fields of any command.
    static let capacity = 16

    let access: CommandSpec.Access
    let lane: CommandSpec.Lane
    let changesMoney: Bool
    let nameWords: Int
    /// Positional arguments that must be there, and that may be there.
    let needed: Int
    let positional: Int
    let isVariadic: Bool
    let count: Int
    private let slots: UnsafeMutablePointer<Slot>
    /// The defaults of the fields; apart from the slots, which every request looks at.
    private let standards: UnsafeMutablePointer<[UInt8]?>

    subscript(index: Int) -> Slot { slots[index] }

    func standard(_ index: Int) -> [UInt8]? { standards[index] }

    static func of(_ id: CommandID) -> Grammar { all[Int(id.rawValue)] }

    /// The same where it lies.
    static func place(of id: CommandID) -> UnsafePointer<Grammar> { UnsafePointer(all + Int(id.rawValue)) }

    /// Reads the arguments of a command into what it asks.
    @inline(__always)
    static func parse(_ arguments: Arguments, _ context: ParseContext) throws(CommandError) -> ParsedCommand {
        try parsers[Int(arguments.id.rawValue)].parse(arguments, context)
    }

    // Apart from the grammars, which are copied for every request: these are only called.
    private nonisolated(unsafe) static let parsers: UnsafeMutablePointer<Parser> = {
        let all = UnsafeMutablePointer<Parser>.allocate(capacity: CommandID.allCases.count)
        for id in CommandID.allCases {
            (all + Int(id.rawValue)).initialize(to: Parser(parse: CommandTable.spec(id).parse))
        }
        return all
    }()

    /// A function alone as the element of a pointer is called by way of another that moves all it takes and gives.
    private struct Parser {
        let parse: CommandSpec.Parse
    }

    private nonisolated(unsafe) static let all: UnsafeMutablePointer<Grammar> = {
        let all = UnsafeMutablePointer<Grammar>.allocate(capacity: CommandID.allCases.count)
        for id in CommandID.allCases {
            (all + Int(id.rawValue)).initialize(to: Grammar(CommandTable.spec(id)))
        }
        return all
    }()

    private init(_ spec: CommandSpec) {
        precondition(spec.fields.count <= Self.capacity, "\(spec.name) has too many fields")
        access = spec.access
        lane = spec.lane
        changesMoney = spec.changesMoney
        nameWords = spec.words.count
        needed = spec.positional.filter(\.isRequired).count
        positional = spec.positional.count
        isVariadic = spec.positional.last?.kind == .words
        count = spec.fields.count
        slots = .allocate(capacity: max(count, 1))
        standards = .allocate(capacity: max(count, 1))
        for (index, field) in spec.fields.enumerated() {
            let slot = Slot(
                kind: field.kind, meaning: field.kind.row.meaning, isRequired: field.isRequired,
                token: field.token.map { Name($0) } ?? .none)
            (slots + index).initialize(to: slot)
            (standards + index).initialize(to: field.standard.map { Array($0.utf8) })
        }
    }
}
