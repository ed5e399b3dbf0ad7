/// The protocol reference in the documentation, made from the command table. A test compares it with the page in the
/// repository; run that test with `FLORIN_WRITE_REFERENCE=1` to write the page anew.
package enum ReferencePage {
    package static var markdown: String {
        ([opening, notation, errors].joined(separator: "\n") + CommandSpec.Group.allCases.map(chapter).joined() + absent
            + glossary)
    }

    private static let opening = """
        # Protocol reference

        Every command of the line protocol: its arguments, who may ask, and what is answered.

        <!-- Made from the command table. Run the tests with FLORIN_WRITE_REFERENCE=1 to write this page anew. -->

        ## Overview

        Florin speaks RESP2, RESP3 (`HELLO 3`) and plain lines on one TCP port, by default 7411: `redis-cli`, any Redis
        client library, or `nc` will do. Requests may be pipelined; answers come in the order of the requests. A write is answered
        when it is on disk, and a connection reads its own writes.

        A connection begins with `AUTH <passport>` (or `AUTH default <passport>`, `HELLO 3 AUTH default <passport>`; a client given
        `redis://:<passport>@host` sends one of these). Each command then asks for permissions that the passport must have: `read`,
        `write`, `billing`, `monitor` and `admin` stand side by side, none contains another. A passport of scope `own` reads its own
        user's data and nothing else, whatever its permissions; everything that moves money, meters or changes the ledger needs scope
        `all`. `monitor` sees how the server is (`INFO`, `DBSIZE`, `SLOWLOG LEN`), whatever its scope, and nobody's account.

        """

    private static let notation = """
        ## Notation

        Commands and options are case-insensitive; ids, sources and texts are not. Positional arguments come first, in order; options
        follow in any order, each at most once. `[…]` may be left out.

        - Amounts are decimal text in USD with at most nine fraction digits: `25`, `0.0375`. No exponent, no sign (but in
          `CREDIT ADJUST`), no blanks. Answers show at least two fraction digits: `25.00`.
        - Durations are a decimal number and a unit: `500ms`, `90s`, `10m`, `1.5h`, `30d`.
        - Times are RFC 3339 (`2026-11-23T09:30:00Z`, `2026-11-23`, `…+02:00`) or unix seconds, from 1980 to 2199 (any
          other number is refused: it was hardly meant as a time). `9999-12-31` means never. Answers are RFC 3339 in UTC.
        - Hours (`SESSION QUOTE`) are decimal text with at most nine fraction digits: `2`, `1.5`.
        - Ranges include FROM and exclude TO.
        - Ids of users, sessions and resources, and references, have 1 to 64 printable bytes; free text has at most 1024 bytes.
          A name that is kept must not contain `fl_`, nor free text a whole passport: neither may be recorded.
        - The ledger's own ids say what they are: `c_` charge, `e_` entry, `h_` hold, `i_` instance of a space, `l_` lot,
          `p_` purchase, `r_` resource, `s_` session.

        **Receipts** of writes are maps (flat arrays of keys and values in RESP2). Each begins with `lsn`, `time`, `replayed` and `id`.
        Fields are added in later versions, never changed. What is not set is null. Flags are the integers 0 and 1.

        **Lists** answer `[cursor, [row, …]]`, newest first. Give the cursor back with `CURSOR` for the next page; cursor `0` means that
        there is no more. `COUNT` is the most rows of a page, default 100, and may be up to 10,000; only `CREDIT HISTORY` gives that many,
        every other list at most 1,000.

        **KEY** makes a write idempotent: asked again by the same passport with the same command, key and arguments, it answers the
        first receipt with `replayed` 1. Arguments are compared by meaning: `25` and `25.00` are the same, and so are options in
        another order. Reads take no KEY. Other arguments under the same key are refused with `KEYREUSED`. Keys are kept for at least 24 hours.
        Some refusals are remembered, too (`INSUFFICIENT`, `CLOSED`, `EXISTS`): their text says so, and since when. A server that runs with
        `--require-keys`, and a passport that was issued with `KEYS required`, refuse commands that change money without a KEY.

        **LABELS** tell a platform's bills apart: `LABELS team=ml,job=render/81`, at most 8, in whatever order, no key twice; keys and
        values have 1 to 64 letters, digits, `.`, `_`, `:`, `/` or `-`. What is charged for a session, a hold or a resource later has
        the labels that it began with, a refund those of its charge; they cannot be changed. Under a KEY they are arguments as others are.
        Labels are never personal data: unlike names, addresses and free text they are journaled in the clear, and stay when a user is
        gone. Do not put a person's name into one.

        """

    private static let codes: [(String, String)] = [
        ("ERR", "the request is malformed, unknown, or makes no sense in this state"),
        ("NOAUTH", "the connection has shown no passport yet"),
        ("WRONGPASS", "the passport shown is unknown, revoked, expired or mistyped"),
        ("NOPERM", "the passport lacks a permission or the scope"),
        ("NOPROTO", "HELLO asked for a protocol other than 2 and 3"),
        ("LOADING", "the ledger is being recovered"),
        ("NOTFOUND", "no such user, charge, hold, session, …"),
        ("EXISTS", "the id, e-mail address or reference was used before"),
        ("FROZEN", "the user is suspended, banned, closed or deleted"),
        ("LIMIT", "a limit of the user's type, or the hourly requests"),
        ("CAP", "a passport's spend cap (a later version)"),
        ("DEBT", "the user owes; credit must be purchased first"),
        ("RULE", "no active rule, or the rule failed: nothing is ever priced 0 for that"),
        ("INSUFFICIENT", "available credit does not cover it"),
        (
            "CLOSED",
            "the hold or session ended before, the passport is no longer good, the charge was refunded in full, the user was deleted before"
        ),
        ("KEYREUSED", "the KEY was used with other arguments"),
        ("BUSY", "too much is waiting; ask again"),
        ("READONLY", "nothing is written now, and why; reads go on"),
        ("EXECABORT", "EXEC after a MULTI that was refused: none of the commands between was run"),
        ("UNKNOWN", "the journal failed, and this may have been carried out or not; with the same KEY, ask again"),
        ("NOSCRIPT", "no such script (a later version)"),
    ]

    private static var errors: String {
        """
        ## Errors

        An error is one line, `-CODE text`. Nothing was applied, and the connection goes on; only with `UNKNOWN` the
        outcome is not known, and the server is about to end.

        | code | means |
        | --- | --- |

        """ + codes.map { "| `\($0.0)` | \($0.1) |\n" }.joined()
    }

    private static func chapter(_ group: CommandSpec.Group) -> String {
        "\n## \(title(group))\n" + CommandTable.specs.filter { $0.group == group }.map(section).joined()
    }

    private static func title(_ group: CommandSpec.Group) -> String {
        switch group {
        case .connection: "The connection"
        case .user: "Users"
        case .passport: "Passports"
        case .credit: "Credit"
        case .hold: "Holds"
        case .session: "Sessions"
        case .storage: "Storage"
        case .space: "Spaces"
        case .meter: "Meters"
        case .prices: "Prices and limits"
        case .looking: "Looking ahead, back and on"
        case .operations: "Operations"
        case .script: "Scripts and transactions"
        case .fork: "Forks"
        }
    }

    private static func section(_ spec: CommandSpec) -> String {
        var text = "\n### \(spec.name)\n\n```\n\(spec.usage)\n```\n\n\(spec.summary)\n"
        for note in spec.notes { text += "\n\(note)\n" }
        text += "\n- Needs: \(spec.access.text). Since \(spec.since). \(spec.lane.cost)\n"
        for field in spec.fields where !field.explanation.isEmpty {
            text += "- `\(field.token ?? field.name)`: \(field.explanation)\n"
        }
        text += "- Answer: \(reply(spec.reply))\n"
        text += "\n```\n" + spec.examples.map { "> \($0)\n" }.joined() + "```\n"
        return text
    }

    private static func reply(_ reply: CommandSpec.Reply) -> String {
        let fields = reply.fields.map { "`\($0)`" }.joined(separator: " ")
        return switch reply {
        case .receipt: "a receipt: \(fields)"
        case .map: "a map: \(fields)"
        case .page: "a list of maps: \(fields)"
        case .list: "an array of maps: \(fields)"
        case .other(let text): text
        }
    }

    private static var absent: String {
        "\n## Not in this version\n\nThese answer a clear error: "
            + CommandTable.absent.map { "`\($0.name)`" }.joined(separator: ", ")
            + ".\n"
    }

    // MARK: Fields of answers

    /// What the fields of answers mean. A test holds it against the table: every field is here, and nothing else.
    static let meanings: [(String, String)] = [
        ("accepted", "the ledger's time after CLOCK ACCEPT"),
        ("accrued", "used but not posted yet"), ("activation", "when the version became active, or will"),
        ("active", "1 for the version that prices now"), ("agrees", "1 when the rule gives the journaled answer again"),
        ("sessions_exhausted", "sessions that ended for want of credit"), ("users", "users, or how many there are"),
        ("users_changed", "users with events of their own since a fork began"),
        (
            "admit",
            "with ADMIT, what became of the commands: a map of counts, sums and lists, as above, with `through` (the last event that was decided), `timers` (events that time brought), `exhausted_old` and `exhausted_new` (users of whom a session ended for want of credit), `owed_old` and `owed_new` (what of all charges became debt), `loading` and `deciding` (seconds) and `events_a_second`; null without"
        ),
        ("amount", "the amount of this command; of a session: its whole cost"), ("answer", "what the rule answered"),
        ("arithmetic", "from the answer to the amount, step by step"), ("at", "from when on it prices"),
        ("author_share", "what of a space's price went to its creator"),
        ("available", "what can be spent: unexpired lots less holds less usage that is not posted"),
        ("available_for", "the same with the lots that pay for this source only"),
        ("billed", "what was charged"), ("billed_answer", "what the rule answered then"),
        ("burn_rate", "what runs and is stored uses now, in USD per hour"),
        ("after", "the account at the second moment, as AT shows it"),
        ("before", "the same at the first; null: there was no such user yet"),
        ("began", "what the fork's clock showed when it was made"),
        ("change", "what the amounts of the account changed by"),
        ("books", "account → what it changes by"),
        ("bonus", "credit given on top"), ("category", "the space's category"), ("changed", "what was changed"),
        ("charge", "the id of the charge, for EXPLAIN and CREDIT REFUND"),
        ("charges", "the ids of all charges, oldest first"), ("closed", "when the hold ended"),
        ("captured", "what was charged from the hold"), ("cost", "the list price"),
        ("cut", "1 where more steps ran than are shown"), ("created", "when it was created"),
        ("creator", "the user who made it"),
        ("credits_by_source", "source → count, amount of what came in"),
        ("debits_by_source", "source → count, amount of what went out"),
        ("credits", "credit that was bought, debt repaid included"), ("current_balance", "available, now"),
        ("deadline", "when an exhausting session is stopped"), ("debt", "what the user owes"),
        ("description", "free text"), ("difference", "new less old"),
        ("deviation_seconds", "the wall clock less the ledger's"),
        ("effective", "when it may first be spent"),
        ("email", "the user's e-mail address"),
        ("empty_at", "when credit runs out if nothing changes"), ("ended", "when the session ended"),
        ("ending_sessions", "sessions whose time to live ends by CLOCK ACCEPT"),
        ("enough", "1 when available covers the amount"), ("entries", "how many entries were counted"),
        ("error", "why the rule gives no answer"),
        ("expired", "of that, credit whose lot has expired: it is gone"),
        ("expiring_credit", "what those lots have left, at most"), ("expiring_holds", "holds that end by CLOCK ACCEPT"),
        ("expiring_lots", "lots that end by CLOCK ACCEPT"),
        ("expires", "until when, exclusive; null: without end"), ("final", "1 when the hold has ended"),
        ("failed", "parts that the rule did not price again: in no other sum"),
        ("failed_revenue", "what those parts cost"),
        ("first_failure", "the charge of the first of them, and why"),
        ("expiring", "how much ends then that nothing is held of"),
        ("first_expiry", "when the first credit ends by itself; null: none does"),
        ("findings", "what is wrong; nothing is good"), ("forgiven", "debt that the refund took away"),
        ("forfeited", "bought credit that was given up"),
        ("from", "when it counts from"), ("gb", "size in GB (1e9 bytes)"), ("heartbeat", "seconds of silence allowed"),
        (
            "groups",
            "maps: `group` (a type, tier, kind of storage, space or user), `parts`, `unaffected`, `revenue_old`, `revenue_new`, `difference`"
        ),
        ("held", "credit that is reserved"), ("higher", "parts that would cost more"), ("hold", "the hold's id"),
        ("id", "what this made or ended"),
        ("inputs", "what the rule was given"), ("instance", "the instance's name"),
        ("labels", "a map of what LABELS said"),
        ("keys", "required when the passport changes no money without a KEY, else optional"),
        ("kind", "what kind it is"),
        ("lapsed", "credit that was not bought, and ended with the user"),
        ("last_four", "the secret's last four characters"), ("last_heard", "the last heartbeat"),
        ("last_used", "the last AUTH, VERIFY or ADMIT with it: a hint, null when unknown"),
        ("lease_until", "until when credit is held for it"), ("limit", "the limit's name"),
        ("list", "the list rate, a memo"),
        ("list_rate", "the rate of the price list, a memo"), ("loaded", "when the version was journaled"),
        ("lot", "the lot's id"), ("lower", "parts that would cost less"),
        ("meter", "the meter's name"), ("lots", "what was burned"), ("lsn", "the number of the event"),
        ("median_change", "half of the parts changed by at most so many percent"),
        ("method", "how it was paid"), ("mode", "standalone; of the clock: ok, deviating, read-only"),
        ("modules", "none"), ("more_events", "how many more than are shown"), ("name", "its name"),
        ("note", "what else to know"), ("notes", "what is worth knowing, and no mistake"),
        ("order", "place in the order in which lots burn, from 1"), ("original", "what was held first"),
        ("overdraft", "the most that can be spent beyond credit"),
        ("unpaid_since", "since when what accrues becomes debt; null: it is paid for"),
        ("delete_due", "since when it may be deleted for want of payment, or when at the latest"),
        ("storage_status", "how the user's storage stands: `active`, `unpaid` or `delete_due`"),
        ("storage_unpaid_since", "as `unpaid_since` of STORAGE LIST"),
        ("storage_delete_due", "as `delete_due` of STORAGE LIST"),
        ("cap_day", "what may be spent a UTC day; null: no cap"),
        ("cap_month", "what may be spent a UTC month; null: no cap"),
        ("spent_day", "charged, used and held in this UTC day"),
        ("spent_month", "charged, used and held in this UTC month"),
        ("spent", "of a user's cap: charged, used and held in its day or month"), ("resets", "when a cap begins anew"),
        ("who", "whose allowance: a user's id, or type: and a type"),
        ("events", "what would be recorded, each as a map; of a fork: how many since it began"),
        ("every", "day, week or month, of the UTC calendar"),
        ("rollover", "how much of an allowance that is left goes on into the next period"),
        ("granted", "what an allowance gave at once; null where each of a type is given its own"),
        ("next", "when the next lot of an allowance comes; null where many are concerned"),
        ("downtime_per_hour", "what each hour may add to `overdraft` in which the ledger is away"),
        ("owed", "the part of the amount that became debt"),
        ("p95_change", "95 of 100 parts changed by at most so many percent"), ("paid", "lots that were bought"),
        ("parts", "what was priced again: each is a charge, or a part of one of a session or of storage"),
        ("parent", "the lot whose fate it shares"),
        ("passes", "1 when it may be activated"),
        ("passport", "the passport's public id"), ("permissions", "like read,write"), ("pinned", "held of the lot"),
        ("placed", "when the hold was placed"), ("posted", "charged in all its life"),
        ("prices", "type → what → price"),
        ("priority", "smaller burns first"), ("promo", "lots that were not bought"), ("proof", "asking the rule again"),
        ("proto", "2 or 3"), ("public", "1 when everybody may buy it"), ("purchased", "when it was bought"),
        ("purchases", "how many there were"), ("quantity", "how much was used, in the meter's unit"),
        ("rate", "USD per hour, or per GB-month; of a passport: requests per hour"),
        (
            "reason",
            "why it ended: stopped, lost, ttl, funds, banned, cancelled; voided, expired; of the clock: what is wrong"
        ),
        ("receipt", "what the command would answer; null where it is refused"),
        ("refused", "code and text of the refusal; null where there is none"),
        ("recomputed", "the amount, computed again from its fraction"), ("reference", "the caller's reference"),
        ("released", "credit that is held no more"), ("remaining", "what is left of the lot, or of the hold"),
        ("repaid", "debt that it repaid"), ("replaced_until", "until when the old secret is good"),
        ("replaces", "the passport it replaces"), ("replayed", "1 when this was answered before"),
        ("resource", "the resource's name"), ("revenue_new", "what all parts together would have cost"),
        ("revenue_old", "what they cost, as it is in the books"), ("revoked", "1 when it was revoked"),
        ("role", "master"),
        ("rule", "the rule's name"), ("running", "1 while it still counts"),
        ("scale", "how many fraction digits the meter counts"),
        ("scope", "own or all; of a lot: what it may be spent on"),
        ("seconds", "how long, exact"), ("secret", "the passport's secret: shown here once"),
        ("scoped", "credit besides that pays for certain sources only"),
        ("seconds_left", "from `time` to `empty_at`; null: never"),
        ("session_rate", "the part of open sessions"), ("storage_gb", "what is stored and accrues, in GB"),
        ("storage_rate", "the part of what is stored, in this month"),
        ("segments", "postings of the session, each a charge"), ("server", "florin"),
        ("since", "when it began; of a fork: the last event that it and the ledger both have"),
        ("session", "the session's id"),
        ("sessions", "open sessions"), ("sessions_by_tier", "tier → count, seconds, amount"),
        ("sha256", "the rule's identity"),
        ("share", "percent for the creator of what buyers pay with bought credit"),
        ("source", "the revenue account, or where credit came from; of a rule: its text"),
        ("space", "the space's id"), ("spent_by_source", "source → count, amount"),
        ("spent_by_label", "the label's value → count, amount"), ("started", "when it began"),
        ("state", "active, suspended, banned, closed or deleted"),
        ("status", "active, exhausting, closed; of a hold: open, captured, voided, expired"),
        ("step_seconds", "how far CLOCK ACCEPT would step the ledger's time"),
        ("steps", "maps: `line`, `source` (the line), `locals` (a map, before it runs)"),
        ("storage", "the resource's name"), ("tier", "small, medium, large or gpu"), ("time", "when it was recorded"),
        ("through", "the last event that was read"), ("to", "until when it counts"), ("total", "all together"),
        ("total_adjusted", "adjustments, with their sign"),
        ("total_earned", "shares of spaces that others bought, less what was taken back"),
        ("total_expired", "credit that expired"),
        ("total_granted", "credit given: sign-up, bonus, promo, compensation"),
        ("total_purchased", "credit bought"), ("total_refunded", "charges given back"),
        ("total_transferred", "received from other users, less what was sent to them"), ("total_spent", "charges"),
        ("ttl_end", "when it ends at the latest"), ("type", "the user's type; of a row: credit or debit"),
        ("unaffected", "parts that cost the same"), ("unit", "what the meter counts"),
        ("until", "when it ends; null: when it is ended"),
        ("usage", "the id of the usage record"),
        ("usage_by_meter", "meter → count, quantity, amount"), ("user", "the user's id"), ("value", "the new value"),
        ("version", "the version's number"),
        ("wall", "the wall clock's time"),
        ("workspace", "the workspace"), ("worst_difference", "what that user would pay more"),
        ("worst_user", "who would pay the most more; null: nobody more"),
        ("worst_instructions", "the most that one question cost"),
    ]

    private static var glossary: String {
        "\n## Fields of answers\n\n| field | means |\n| --- | --- |\n"
            + meanings.sorted { $0.0 < $1.0 }.map { "| `\($0.0)` | \($0.1) |\n" }.joined()
    }
}
