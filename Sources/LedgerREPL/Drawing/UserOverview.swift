internal import LedgerCore
internal import RESP

/// `describe`: one user on one screen.
struct UserOverview {
    /// The questions, in the order of the answers that ``init(answers:)`` takes.
    static func commands(for user: String) -> [[String]] {
        [
            ["USER", "GET", user], ["CREDIT", "BALANCE", user], ["CREDIT", "LOTS", user, "COUNT", "1000"],
            ["HOLD", "LIST", user, "COUNT", "20"], ["SESSION", "LIST", "USER", user, "COUNT", "20"],
            ["STORAGE", "LIST", user, "COUNT", "20"], ["CREDIT", "HISTORY", user, "COUNT", "50"],
            ["RUNWAY", user],
        ]
    }

    /// Of each kind of thing.
    private static let mostRows = 20

    private static let names = ["user", "balance", "lots", "holds", "sessions", "storage", "history", "runway"]

    private var answers: [RESPValue]

    init(answers: [RESPValue]) { self.answers = answers }

    /// All of it as one value, for `.last`, `.export` and scripts.
    var value: RESPValue {
        .map(
            zip(Self.names, answers).map { name, answer in
                RESPPair(
                    .text(name),
                    answer.elements.flatMap { Rendering.page(of: $0) }.map { .array($0.rows.map { .map($0) }) }
                        ?? answer)
            })
    }

    /// Why there is nothing to draw.
    var error: RESPError? { answers[0].error }

    func text(_ rendering: Rendering) -> String {
        header(rendering) + lots(rendering) + holds(rendering) + sessions(rendering) + storage(rendering)
            + use(rendering) + charges(rendering)
    }

    // MARK: Parts

    private func header(_ rendering: Rendering) -> String {
        let user = answers[0]
        let dot = rendering.usesUnicode ? " · " : ", "
        let id = DisplayText.sanitized(user["user"]?.string ?? "")
        let rest = ["name", "email", "type", "state"].compactMap { field in
            user[field]?.string.map { DisplayText.sanitized($0) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        var text = id + dot + rest.joined(separator: dot)
        if let created = time(user["created"]) { text += dot + "since " + created }
        let amounts = ["available", "paid", "promo", "held", "debt"].compactMap { field in
            (answers[1][field] ?? user[field])?.string.map { "\(field) \($0)" }
        }
        var lines = DisplayText.wrapped(text, to: rendering.width, indent: 2)
        if rendering.usesColour, lines.hasPrefix(id) {
            lines = Style.command.applied(to: id) + lines.dropFirst(id.count)
        }
        // An amount stays beside its name.
        var rows = [""]
        for amount in amounts {
            let row = rows[rows.count - 1]
            let longer = row.isEmpty ? amount : row + "   " + amount
            if row.isEmpty || longer.count <= rendering.width ?? .max {
                rows[rows.count - 1] = longer
            } else {
                rows.append(amount)
            }
        }
        return lines + "\n" + rows.joined(separator: "\n") + "\n"
    }

    private func lots(_ rendering: Rendering) -> String {
        section("lots, in the order in which they burn", answers[2], none: "no credit", rendering) { lots in
            let ordered = lots.sorted { ($0["order"]?.integer ?? .max) < ($1["order"]?.integer ?? .max) }
            let most = ordered.compactMap { amount($0["remaining"]) }.max() ?? .zero
            return ordered.map { lot in
                let remaining = amount(lot["remaining"]) ?? .zero
                let pinned = amount(lot["pinned"]) ?? .zero
                var notes = [
                    time(lot["expires"]).map { "expires \($0)\(left(lot["expires"]))" } ?? "does not expire"
                ]
                if let scope = lot["scope"]?.string, scope != "*" {
                    notes.append("for \(DisplayText.sanitized(scope))")
                }
                if pinned > .zero { notes.append("\(pinned) held") }
                if let effective = timestamp(lot["effective"]), effective > now {
                    notes.append("from \(time(lot["effective"])!)")
                }
                return [
                    .init(lot["order"]?.string ?? "", isRight: true, .faint), .init(word(lot["lot"])),
                    .init(word(lot["kind"])), .init("\(remaining)", isRight: true),
                    .init(bar(remaining, pinned: pinned, of: most, rendering), .option),
                    .init(notes.joined(separator: ", ")),
                ]
            }
        }
    }

    private func holds(_ rendering: Rendering) -> String {
        section("holds", answers[3], none: nil, rendering) { holds in
            holds.map { hold in
                [
                    .init(word(hold["hold"])), .init(word(hold["remaining"] ?? hold["amount"]), isRight: true),
                    .init(word(hold["source"])),
                    .init(time(hold["expires"]).map { "until \($0)\(left(hold["expires"]))" } ?? ""),
                ]
            }
        }
    }

    private func sessions(_ rendering: Rendering) -> String {
        section("sessions", answers[4], none: nil, rendering) { sessions in
            sessions.map { session in
                var notes = [word(session["status"])]
                if let deadline = time(session["deadline"]) {
                    notes.append("ends \(deadline)\(left(session["deadline"]))")
                }
                let seconds = session["seconds"]?.string.flatMap { Int64($0.prefix { $0 != "." }) } ?? 0
                return [
                    .init(word(session["session"])), .init(word(session["tier"])),
                    .init("\(word(session["rate"])) an hour", isRight: true),
                    .init(SpanText.text(seconds: seconds), isRight: true),
                    .init(word(session["amount"]), isRight: true), .init(notes.joined(separator: ", ")),
                ]
            }
        }
    }

    /// What all sessions and all that is stored use together, and how long that can go on: the lists above may show
    /// some of them.
    private func use(_ rendering: Rendering) -> String {
        let runway = answers[7]
        guard runway.error == nil, let rate = amount(runway["burn_rate"]), rate > .zero else { return "" }
        let parts = [("sessions", "session_rate"), ("storage", "storage_rate")].compactMap { name, field in
            amount(runway[field]).flatMap { $0 > .zero ? "\(name) \($0)" : nil }
        }
        let shares = parts.count > 1 ? " (\(parts.joined(separator: ", ")))" : ""
        let until = time(runway["empty_at"]).map { "; credit lasts until \($0)\(left(runway["empty_at"]))" } ?? ""
        let text = "together \(rate) an hour\(shares)\(until)"
        return "\n" + DisplayText.wrapped(text, to: rendering.width, indent: 2) + "\n"
    }

    private func storage(_ rendering: Rendering) -> String {
        section("storage", answers[5], none: nil, rendering) { resources in
            resources.map { resource in
                [
                    .init(word(resource["resource"])), .init(word(resource["kind"])),
                    .init("\(word(resource["gb"])) GB", isRight: true),
                    .init("\(word(resource["accrued"])) this month", isRight: true), .init(word(resource["status"])),
                ]
            }
        }
    }

    private func charges(_ rendering: Rendering) -> String {
        section("last charges", answers[6], none: "no charges yet", rendering) { entries in
            entries.filter { $0["type"]?.string == "debit" }.prefix(6).map { entry in
                let about = ["description", "session", "storage"].lazy.compactMap { entry[$0]?.string }.first ?? ""
                return [
                    .init(word(entry["id"])), .init(time(entry["time"]) ?? ""),
                    .init(word(entry["amount"]), isRight: true),
                    .init(word(entry["source"])), .init(DisplayText.sanitized(about), .faint),
                ]
            }
        }
    }

    // MARK: Pieces

    /// A title and rows below it; nothing where there are no rows, unless that is worth a word.
    private func section(
        _ title: String, _ answer: RESPValue, none: String?, _ rendering: Rendering,
        _ cells: ([RESPValue]) -> [[AlignedRows.Cell]]
    ) -> String {
        let heading = "\n" + (rendering.usesColour ? Style.command.applied(to: title) : title) + "\n"
        if let error = answer.error { return heading + "  " + DisplayText.sanitized(error.text) + "\n" }
        let page = answer.elements.flatMap { Rendering.page(of: $0) }
        let rows = cells(page?.rows.map { .map($0) } ?? answer.elements ?? [])
        guard !rows.isEmpty else { return none.map { heading + "  " + $0 + "\n" } ?? "" }
        let text = heading + AlignedRows(rows: Array(rows.prefix(Self.mostRows))).text(rendering)
        // The journal is no list of what there is: its last rows are all that is meant.
        let isMore = rows.count > Self.mostRows || page?.more != nil && !title.hasPrefix("last")
        return isMore ? text + "  and more\n" : text
    }

    private func bar(_ amount: Money, pinned: Money, of most: Money, _ rendering: Rendering) -> String {
        guard most > .zero, amount > .zero else { return "" }
        let room = Int128(min(max((rendering.width ?? 80) / 8, 6), 24))
        func cells(_ part: Money) -> Int {
            part > .zero ? Int(max(Int128(part.nanos) * room / Int128(most.nanos), 1)) : 0
        }
        let all = cells(amount)
        let held = min(cells(pinned), all)
        return String(repeating: rendering.usesUnicode ? "▒" : "=", count: held)
            + String(repeating: rendering.usesUnicode ? "█" : "#", count: all - held)
    }

    private func word(_ value: RESPValue?) -> String { value?.string.map { DisplayText.sanitized($0) } ?? "" }
    private func amount(_ value: RESPValue?) -> Money? { value?.string.flatMap { Money($0, signed: true) } }
    private func timestamp(_ value: RESPValue?) -> Timestamp? { value?.string.flatMap { Timestamp($0) } }

    /// `2026-11-29 12:00`, a midnight as the day alone.
    private func time(_ value: RESPValue?) -> String? {
        guard let text = value?.string, timestamp(value) != nil, text.count >= 16 else { return nil }
        let clock = text.dropFirst(11).prefix(5)
        return clock == "00:00" ? String(text.prefix(10)) : text.prefix(10) + " " + clock
    }

    /// The ledger's time, not this machine's.
    private var now: Timestamp { timestamp(answers[1]["time"]) ?? .distantPast }

    /// ` (in 27d 3h)`
    private func left(_ value: RESPValue?) -> String {
        guard let instant = timestamp(value), now != .distantPast, instant > now else { return "" }
        return " (in \(SpanText.text(seconds: (instant - now).nanoseconds / 1_000_000_000)))"
    }
}
