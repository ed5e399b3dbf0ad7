internal import LedgerCore

extension Arguments {
    /// The identity of a keyed request. Its scope is the passport, the command and the key; its arguments are
    /// everything else that was asked, by meaning: `25` and `25.00` are one amount, the order of options says nothing,
    /// and neither does an option that is given its default.
    func key(_ context: ParseContext) throws(CommandError) -> IdempotencyKey? {
        guard let field = given("KEY") else { return nil }
        let bytes = bytes(field)
        guard bytes.count >= 1, bytes.count <= 255 else { throw refusal(field) }
        guard !Echo.looksSecret(bytes) else { throw secretRefusal(field) }
        var scope = context.names.hasher(.key)
        scope.combine(UInt64(context.actor.value))
        // The name, not its number: numbers may change between versions, and keys outlive an upgrade.
        for index in 0..<2 {
            let name = index < grammar.nameWords ? Name(words[index]) : .none
            scope.combine(name.low)
            scope.combine(name.high)
        }
        scope.combine(bytes)
        return IdempotencyKey(scope: scope.finish(), arguments: argumentsHash(context.names).low)
    }

    /// A hash over the meaning of every field but KEY. Fields are taken in the order of the table and named by their
    /// position or their option's word, so an option added later leaves the hashes of today as they are.
    func argumentsHash(_ names: Names) -> Hash128 {
        var hasher = names.hasher(.arguments)
        for field in 0..<grammar.count where has(field) && grammar[field].kind != .key {
            let slot = grammar[field]
            if let standard = grammar.standard(field),
                hash(slot.meaning, bytes(field), names)
                    == standard.withUnsafeBytes({ hash(slot.meaning, $0, names) })
            {
                continue
            }
            if slot.token == .none {
                hasher.combine(UInt64(field))
            } else {
                hasher.combine(slot.token.low)
                hasher.combine(slot.token.high)
            }
            combine(slot.meaning, bytes(field), into: &hasher)
        }
        return hasher.finish()
    }

    private func hash(_ meaning: FieldKind.Meaning, _ bytes: UnsafeRawBufferPointer, _ names: Names) -> Hash128 {
        var hasher = names.hasher(.arguments)
        combine(meaning, bytes, into: &hasher)
        return hasher.finish()
    }

    /// Called for fields that were read before, so every value is known to be well-formed.
    private func combine(
        _ meaning: FieldKind.Meaning, _ bytes: UnsafeRawBufferPointer, into hasher: inout SipHash128
    ) {
        let number: Int64? =
            switch meaning {
            case .flag: 1
            case .decimal: Money(parsing: bytes, signed: true)?.nanos
            case .cap: Money(parsing: bytes)?.nanos ?? Limits.none
            case .time: TimeText(bytes).time?.nanoseconds
            case .span: TimeSpan(parsing: bytes)?.nanoseconds
            case .integer: Decimal.parse(bytes).map { Int64(bitPattern: $0) }
            case .permissions:
                Permissions(text: String(decoding: bytes, as: UTF8.self)).map { Int64($0.rawValue) }
            case .limit: limitValue
            case .word, .limitSubject, .userOrType, .ruleName, .labels, .bytes: nil
            }
        // What is a name in it is compared as it is.
        let name: UnsafeRawBufferPointer? =
            switch meaning {
            case .limitSubject: Self.userName(bytes)
            case .userOrType: Self.typeName(bytes) == nil ? bytes : nil
            case .ruleName: Self.meterName(bytes)
            case .word, .bytes, .decimal, .cap, .integer, .time, .span, .permissions, .flag, .labels, .limit: nil
            }
        let isWord =
            switch meaning {
            case .word: true
            case .limitSubject, .userOrType, .ruleName: name == nil
            case .bytes, .decimal, .cap, .integer, .time, .span, .permissions, .flag, .labels, .limit: false
            }
        if let number {
            hasher.combine(1)
            hasher.combine(UInt64(bitPattern: number))
        } else if isWord {
            hasher.combine(UInt64(bytes.count) &<< 8 | 2)
            for byte in bytes { hasher.combine(byte: CommandIndex.folded(byte)) }
        } else if meaning == .labels, let labels = try? Labels(parsing: bytes) {
            hasher.combine(4)
            labels.text.withUnsafeBytes { hasher.combine($0) }
        } else {
            let bytes = name ?? bytes
            hasher.combine(UInt64(bytes.count) &<< 8 | 3)
            hasher.combine(bytes)
        }
    }
}
