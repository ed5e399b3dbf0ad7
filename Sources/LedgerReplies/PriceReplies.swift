internal import LedgerCore
internal import RESP

/// Prices as people read them: user type → what → price.
extension ReplyEncoder {
    /// `PRICE INFO`.
    func priceBooks(_ rows: [PriceBookRow], _ writer: inout some AnswerWriter) {
        writer.map { writer in
            for row in rows {
                writer.key(row.rule.name.text)
                writer.map { writer in
                    writer.pair("version", integer: Int64(row.rule.version))
                    writer.pair("sha256", row.rule.identity)
                    writer.pair("since", row.rule.activation)
                    writer.pair("unit", row.rule.name.unit)
                    writer.key("prices")
                    prices(row.book, &writer)
                }
            }
        }
    }

    /// User type → what it asks for → the price.
    func prices(_ book: PriceBook, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            for type in UserType.allCases {
                let rows = book.rows.filter { $0.query.userType == type }
                guard !rows.isEmpty else { continue }
                writer.key(type.text)
                writer.map { writer in
                    for row in rows {
                        writer.key(row.query.subject)
                        writer.bulk(row.answer.text)
                    }
                }
            }
        }
    }

    /// The inputs that a rule was given, by name.
    func inputs(_ query: PriceQuery, _ writer: inout some AnswerWriter) {
        switch query {
        case .sessionRuntime(let type, let tier, let seconds):
            writer.map { writer in
                writer.pair("user_type", type.text)
                writer.pair("tier", tier.text)
                writer.pair("seconds_this_month", integer: seconds)
            }
        case .storage(let type, let kind, let megabytes):
            writer.map { writer in
                writer.pair("user_type", type.text)
                writer.pair("kind", kind.text)
                writer.pair("gigabytes", integer: megabytes / 1000)  // what the rule is given: whole ones
            }
        case .spacePurchase(let type, let space, let listPrice, let gigabytes):
            writer.map { writer in
                writer.pair("user_type", type.text)
                writer.pair("space", space)
                writer.pair("list_price", listPrice)
                writer.pair("size_gb", integer: gigabytes)
            }
        case .purchaseBonus(let type, let amount):
            writer.map { writer in
                writer.pair("user_type", type.text)
                writer.pair("amount", amount)
            }
        case .usage(_, let type, let quantity, let thisMonth):
            writer.map { writer in
                writer.pair("user_type", type.text)
                writer.pair("quantity", integer: quantity.count)
                writer.pair("quantity_this_month", integer: thisMonth)
            }
        }
    }
}

extension RuleName {
    var unit: String {
        switch self {
        case .sessionRuntime: "USD per hour"
        case .storage: "USD per GB-month"
        case .spacePurchase: "USD"
        case .purchaseBonus: "USD of bonus"
        case .meter: "USD"
        }
    }
}

extension PriceAnswer {
    /// `0.05`, or `0.05, from hour 2 0.04`.
    var text: String {
        switch self {
        case .amount(let amount): amount.description
        case .tariff(let tariff):
            tariff.steps.reduce(Money(nanos: tariff.rate).description) { text, step in
                let hours = Money(nanos: step.from.nanoseconds / 3600)
                return "\(text), from hour \(hours) \(Money(nanos: step.rate))"
            }
        }
    }
}
