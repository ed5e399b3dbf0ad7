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
                meaning(of: slot.kind, bytes(field), names)
                    == standard.withUnsafeBytes({ meaning(of: slot.kind, $0, names) })
            {
                continue
            }
            if slot.token == .none {
                hasher.combine(UInt64(field))
            } else {
                hasher.combine(slot.token.low)
                hasher.combine(slot.token.high)
            }
            if slot.kind == .limitValue, let value = limitValue {
                // What a value means depends on the limit that it is for.
                hasher.combine(1)
                hasher.combine(UInt64(bitPattern: value))
            } else {
                combine(slot.kind, bytes(field), into: &hasher)
            }
        }
        return hasher.finish()
    }

    private func meaning(of kind: FieldKind, _ bytes: UnsafeRawBufferPointer, _ names: Names) -> Hash128 {
        var hasher = names.hasher(.arguments)
        combine(kind, bytes, into: &hasher)
        return hasher.finish()
    }

    /// Called for fields that were read before, so every value is known to be well-formed.
    private func combine(_ kind: FieldKind, _ bytes: UnsafeRawBufferPointer, into hasher: inout SipHash128) {
        var number: Int64?
        switch kind {
        case .flag: number = 1
        case .amount, .signedAmount, .cents, .price, .gigabytes, .hours:
            number = Money(parsing: bytes, signed: true)?.nanos
        case .time: number = TimeText(bytes).time?.nanoseconds
        case .lifetime, .heartbeat, .overlap: number = TimeSpan(parsing: bytes)?.nanoseconds
        case .gigabytesWhole, .count, .cursor, .rate, .version, .lsn:
            number = Decimal.parse(bytes).map { Int64(bitPattern: $0) }
        case .permissions:
            number = Permissions(text: String(decoding: bytes, as: UTF8.self)).map { Int64($0.rawValue) }
        case .userType, .userState, .tier, .storageKind, .grantKind, .permission, .scope, .keyPolicy, .status, .reserve,
            .yesNo,
            .ruleName, .limitName:
            hasher.combine(UInt64(bytes.count) &<< 8 | 2)
            for byte in bytes { hasher.combine(byte: CommandIndex.folded(byte)) }
            return
        case .user, .session, .resource, .space, .instance, .reference, .label, .word, .wordList, .category, .key,
            .email,
            .person, .personName, .text, .timeout, .secret, .passport, .hold, .chargeOrSession, .entry,
            .limitValue, .source, .bytes, .words:
            break
        }
        if let number {
            hasher.combine(1)
            hasher.combine(UInt64(bitPattern: number))
        } else {
            hasher.combine(UInt64(bytes.count) &<< 8 | 3)
            hasher.combine(bytes)
        }
    }
}
