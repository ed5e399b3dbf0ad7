internal import LedgerCore
package import RESP

/// Two price lists side by side, as RULE CHECK gives them: user type → what → price. Pure.
package struct PriceComparison: Hashable, Sendable {
    package struct Row: Hashable, Sendable {
        package var type: String
        /// A tier, a kind of storage, a space, an amount that is bought, a quantity.
        package var subject: String
        /// Nil: there is none.
        package var was: String?
        package var now: String?

        package var isChanged: Bool { was != now }

        /// `+0.0125`, where both are amounts alone.
        package var change: String? {
            guard let was = was.flatMap({ Money($0) }), let now = now.flatMap({ Money($0) }) else { return nil }
            let change = now - was
            return (change > .zero ? "+" : "") + change.description
        }

        /// `+16.6 %`, cut to tenths; nothing where it was free.
        package var percent: String? {
            guard let was = was.flatMap({ Money($0) }), let now = now.flatMap({ Money($0) }), was > .zero else {
                return nil
            }
            let tenths = (Int128(now.nanos) - Int128(was.nanos)) * 1000 / Int128(was.nanos)
            let sign = now < was ? "-" : "+"
            return "\(sign)\(tenths.magnitude / 10).\(tenths.magnitude % 10) %"
        }
    }

    package var rows: [Row]

    package init(was: RESPValue?, now: RESPValue?) {
        var rows: [Row] = []
        var places: [[String]: Int] = [:]
        func each(_ list: RESPValue?, _ body: (String, String, String) -> Void) {
            for type in list?.pairs ?? [] {
                for price in type.value.pairs ?? [] {
                    body(type.key.string ?? "", price.key.string ?? "", price.value.string ?? "")
                }
            }
        }
        each(now) { type, subject, price in
            places[[type, subject]] = rows.count
            rows.append(Row(type: type, subject: subject, was: nil, now: price))
        }
        each(was) { type, subject, price in
            if let place = places[[type, subject]] {
                rows[place].was = price
            } else {
                rows.append(Row(type: type, subject: subject, was: price, now: nil))
            }
        }
        self.rows = rows
    }

    /// The prices that change, and how many do not.
    package func text(_ rendering: Rendering) -> String {
        let changed = rows.filter(\.isChanged)
        let same = rows.count - changed.count
        let prices = same == 1 ? "1 price stays as it is" : "\(same) prices stay as they are"
        guard !changed.isEmpty else { return "no price of the list changes: " + prices + "\n" }
        var table = AlignedRows()
        table.rows.append(
            ["user type", "for", "was", "now", "change", ""].enumerated().map { place, name in
                .init(name, isRight: place > 1, .faint)
            })
        for row in changed {
            let isDearer = row.change?.hasPrefix("+") ?? false
            let style = isDearer ? Style.number : row.change == nil ? .plain : .string
            table.rows.append([
                .init(DisplayText.sanitized(row.type)), .init(DisplayText.sanitized(row.subject)),
                .init(DisplayText.sanitized(row.was ?? "none"), isRight: true),
                .init(DisplayText.sanitized(row.now ?? "none"), isRight: true),
                .init(row.change ?? "", isRight: true, style), .init(row.percent ?? "", isRight: true, style),
            ])
        }
        return table.text(rendering) + (same > 0 ? "  " + prices + "\n" : "")
    }
}
