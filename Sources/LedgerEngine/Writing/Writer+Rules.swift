internal import LedgerCore
internal import LedgerRules

/// Rules, as the writer sees them: it asks the active ones, and decides about new ones that ``RuleExaminer`` has looked
/// at. It compiles nothing but what a timer or a rollback makes active after a restart.
extension Writer {
    func quote(_ user: Hash128, _ tier: Tier, _ duration: TimeSpan, at now: Timestamp) -> WorkResult {
        let result = state.read(.quote(user: user, tier: tier), at: now)
        guard case .quote(let query, let row) = result else { return .query(result) }
        do throws(RuleError) {
            let pricing = Pricing(query: query, priced: try rules.price(query))
            guard let quote = SessionQuote(pricing: pricing, duration: duration) else {
                return .query(.rejected(.invalid("the price does not fit in an amount")))
            }
            return .quote(quote, user: row)
        } catch {
            return .query(.rejected(.rule(error.text)))
        }
    }

    func quote(_ user: Hash128, _ meter: ShortText, _ billionths: Int64, at now: Timestamp) -> WorkResult {
        let result = state.read(.usageQuote(user: user, meter: meter, billionths: billionths), at: now)
        guard case .quote(let query, let row) = result else { return .query(result) }
        do throws(RuleError) {
            return .usageQuote(Pricing(query: query, priced: try rules.price(query)), user: row)
        } catch {
            return .query(.rejected(.rule(error.text)))
        }
    }

    func price(_ need: PriceNeed) -> PriceInput {
        do throws(RuleError) {
            switch need {
            case .none: return .none
            case .active(let query): return .priced(try rules.price(query))
            case .versions(let questions): return .several(try rules.price(questions, source: source))
            }
        } catch {
            return .failed(error.text)
        }
    }

    private func source(_ identity: RuleIdentity) -> String {
        String(decoding: state.ruleSource(identity)?.source ?? [], as: UTF8.self)
    }

    // MARK: - For programs, which cannot wait for the examiner or a reader of the journal

    /// What a version answers; what it fails to answer is left out.
    func prices(_ name: RuleName, _ version: UInt32, _ questions: [PriceQuery]) -> RuleVerdict {
        guard let identity = state.ruleIdentity(name, version: version) else { return .refused(.notFound(.rule)) }
        let rows = questions.compactMap { query -> PriceBook.Row? in
            guard case .success(let answer) = answer(query, of: identity) else { return nil }
            return PriceBook.Row(query: query, answer: answer)
        }
        return .priced(PriceBook(rows: rows))
    }

    /// Asks the rule again that gave a price.
    func explanation(_ pricing: Pricing) -> Explanation {
        let rule = pricing.priced.rule
        return Explanation(
            pricing.query, priced: pricing.priced, again: rule == .none ? nil : answer(pricing.query, of: rule))
    }

    private func answer(_ query: PriceQuery, of rule: RuleIdentity) -> Result<PriceAnswer, RuleError> {
        do throws(RuleError) {
            return .success(try rules.price([PriceQuestion(query: query, rule: rule)], source: source)[0].answer)
        } catch {
            return .failure(error)
        }
    }

    // MARK: - Changes

    /// A command that was carried out under its key before is answered as then, whatever is said of the rule now.
    func load(
        _ name: RuleName, _ source: [UInt8], _ verdict: RuleVerdict, _ actor: PassportOrdinal, _ key: IdempotencyKey?,
        _ unit: CommitUnit, _ refusal: String?
    ) -> Outcome {
        var load = RuleLoad(name: name, identity: .none, source: source)
        if case .loads(let identity) = verdict { load.identity = identity }
        let request = Request(actor: actor, key: key, command: .ruleLoad(load))
        if let known = state.remembered(request, at: unit.time) { return known }
        if let refusal { return .rejected(.readOnly(refusal)) }
        switch verdict {
        case .loads: return decide(request, unit, nil)
        case .refused(let rejection): return .rejected(rejection)
        case .checked, .priced, .backtested, .traced, .shadow:
            preconditionFailure("what is loaded was examined as such")
        }
    }

    func activate(
        _ name: RuleName, _ version: UInt32, _ at: Timestamp?, _ verdict: RuleVerdict, _ actor: PassportOrdinal,
        _ key: IdempotencyKey?, _ unit: CommitUnit, _ refusal: String?
    ) -> Outcome {
        var activate = RuleActivate(name: name, identity: .none, at: at, book: PriceBook())
        if case .checked(let check) = verdict { (activate.identity, activate.book) = (check.identity, check.book) }
        let request = Request(actor: actor, key: key, command: .ruleActivate(activate))
        if let known = state.remembered(request, at: unit.time) { return known }
        if let refusal { return .rejected(.readOnly(refusal)) }
        switch verdict {
        case .checked(let check):
            guard state.ruleIdentity(name, version: version) == check.identity else {
                return .rejected(.notFound(.rule))
            }
            if let finding = check.findings.first {
                let others = check.findings.count - 1
                let more = others > 0 ? " (and \(others) more: RULE CHECK lists them)" : ""
                return .rejected(.rule(finding.text + more))
            }
            if let compiled = check.compiled, !isTrial { rules.keep(compiled) }
            return decide(request, unit, nil)
        case .refused(let rejection): return .rejected(rejection)
        case .loads, .priced, .backtested, .traced, .shadow: preconditionFailure("what is activated was checked")
        }
    }

    /// Lets the rule book follow what the state says is active.
    func followActivations() {
        guard state.activations != followedActivations else { return }
        followedActivations = state.activations
        for name in state.activeRules {
            guard let identity = state.activeRule(name) else { continue }
            rules.activate(name, identity) { source(identity) }
        }
    }

    // MARK: - What a check needs

    func material(_ name: RuleName, _ version: UInt32?, at now: Timestamp) -> RuleMaterial {
        let identity = version.map { state.ruleIdentity(name, version: $0) } ?? state.activeRule(name)
        return RuleMaterial(
            source: identity.flatMap { state.ruleSource($0)?.source },
            catalogue: name == .spacePurchase ? state.spacesOnSale(at: now) : [], users: state.userCount,
            scale: state.scale(of: name))
    }

    func storageSizes(of users: Range<Int>) -> Set<StorageSize> {
        var sizes: Set<StorageSize> = []
        state.collectStorageSizes(of: users, into: &sizes)
        return sizes
    }
}
