/// The UTC calendar, as far as billing needs it: months, days, and RFC 3339 text.
///
/// Day arithmetic follows Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms" (days_from_civil and its
/// inverse), which are exact for the proleptic Gregorian calendar.
package enum Calendar {
    package static let nanosecondsPerDay: Int64 = 86_400 * 1_000_000_000

    /// Days since 1970-01-01 of a civil date.
    package static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The civil date of a number of days since 1970-01-01.
    package static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    static func floorDay(_ t: Timestamp) -> Int64 { split(t).day }

    /// The day of an instant, and the nanoseconds since its midnight. Total: the first day that 64 bits reach is cut,
    /// so its midnight is no ``Timestamp``.
    static func split(_ t: Timestamp) -> (day: Int64, nanoseconds: Int64) {
        let (day, rest) = t.nanoseconds.quotientAndRemainder(dividingBy: nanosecondsPerDay)
        return rest < 0 ? (day - 1, rest + nanosecondsPerDay) : (day, rest)
    }
}

/// A UTC month, numbered from January 1970 = 0.
package struct Month: Hashable, Comparable, Sendable {
    package var index: Int32

    package init(index: Int32) { self.index = index }

    package init(containing t: Timestamp) {
        let (year, month, _) = Calendar.civil(days: Calendar.floorDay(t))
        index = Int32((year - 1970) * 12 + month - 1)
    }

    package static func < (a: Month, b: Month) -> Bool { a.index < b.index }

    package var start: Timestamp {
        let years = Int64(index) >= 0 ? Int64(index) / 12 : (Int64(index) - 11) / 12
        let days = Calendar.days(year: 1970 + years, month: Int64(index) - years * 12 + 1, day: 1)
        let (nanoseconds, overflow) = days.multipliedReportingOverflow(by: Calendar.nanosecondsPerDay)
        return overflow ? (days < 0 ? .distantPast : .never) : Timestamp(nanoseconds: nanoseconds)
    }

    /// The first instant of the next month: exclusive end of this one.
    package var end: Timestamp { Month(index: index + 1).start }
    package var length: TimeSpan { end - start }
}

// MARK: - RFC 3339

extension Timestamp {
    /// Appends RFC 3339 in UTC: `2026-11-23T09:30:00Z`, with 3, 6 or 9 fraction digits where they are needed.
    package func append(to bytes: inout [UInt8]) {
        let (day, inDay) = Calendar.split(self)
        let (year, month, dayOfMonth) = Calendar.civil(days: day)
        let (seconds, fraction) = inDay.quotientAndRemainder(dividingBy: 1_000_000_000)
        func pad(_ value: Int64, _ width: Int) {
            var divisor: Int64 = 1
            for _ in 1..<width { divisor *= 10 }
            while divisor > 0 {
                bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
                divisor /= 10
            }
        }
        pad(year, 4)
        bytes.append(UInt8(ascii: "-"))
        pad(month, 2)
        bytes.append(UInt8(ascii: "-"))
        pad(dayOfMonth, 2)
        bytes.append(UInt8(ascii: "T"))
        pad(seconds / 3600, 2)
        bytes.append(UInt8(ascii: ":"))
        pad(seconds / 60 % 60, 2)
        bytes.append(UInt8(ascii: ":"))
        pad(seconds % 60, 2)
        if fraction > 0 {
            bytes.append(UInt8(ascii: "."))
            if fraction % 1_000_000 == 0 {
                pad(fraction / 1_000_000, 3)
            } else if fraction % 1000 == 0 {
                pad(fraction / 1000, 6)
            } else {
                pad(fraction, 9)
            }
        }
        bytes.append(UInt8(ascii: "Z"))
    }

    /// Reads RFC 3339 (`2026-11-23T09:30:00Z`, `…+02:00`, up to nine fraction digits; a bare date is midnight UTC) or
    /// unix seconds with up to nine fraction digits. Nil for anything else, and for years before 1678 or after 2261.
    package init?(parsing bytes: UnsafeRawBufferPointer) {
        if let seconds = Money(parsing: bytes, signed: true) {  // unix seconds: nanos of a second are nanoseconds
            self.nanoseconds = seconds.nanos
            guard self >= .earliest, self < .latest else { return nil }
            return
        }
        var index = 0
        func digits(_ count: Int) -> Int64? {
            guard index + count <= bytes.count else { return nil }
            var value: Int64 = 0
            for _ in 0..<count {
                let digit = bytes[index] &- UInt8(ascii: "0")
                guard digit <= 9 else { return nil }
                value = value * 10 + Int64(digit)
                index += 1
            }
            return value
        }
        func skip(_ options: StaticString) -> Bool {
            guard index < bytes.count else { return false }
            let found = options.withUTF8Buffer { $0.contains(bytes[index]) }
            if found { index += 1 }
            return found
        }
        guard let year = digits(4), skip("-"), let month = digits(2), skip("-"), let day = digits(2) else { return nil }
        guard (1678...2261).contains(year), (1...12).contains(month), day >= 1 else { return nil }
        let first = Calendar.days(year: year, month: month, day: 1)
        let next =
            month == 12
            ? Calendar.days(year: year + 1, month: 1, day: 1) : Calendar.days(year: year, month: month + 1, day: 1)
        guard day <= next - first else { return nil }
        var seconds = (first + day - 1) * 86_400
        var fraction: Int64 = 0
        if index < bytes.count {
            guard skip("Tt "), let hour = digits(2), skip(":"), let minute = digits(2), skip(":"),
                let second = digits(2),
                hour < 24, minute < 60, second < 60
            else { return nil }
            seconds += hour * 3600 + minute * 60 + second
            if skip(".") {
                var scale: Int64 = 100_000_000
                var read = 0
                while index < bytes.count, bytes[index] &- UInt8(ascii: "0") <= 9 {
                    guard read < 9 else { return nil }
                    fraction += Int64(bytes[index] &- UInt8(ascii: "0")) * scale
                    scale /= 10
                    read += 1
                    index += 1
                }
                guard read > 0 else { return nil }
            }
            if !skip("Zz") {
                guard index < bytes.count else { return nil }
                let sign: Int64 = bytes[index] == UInt8(ascii: "+") ? 1 : bytes[index] == UInt8(ascii: "-") ? -1 : 0
                index += 1
                guard sign != 0, let hours = digits(2), skip(":"), let minutes = digits(2), hours < 24, minutes < 60
                else { return nil }
                seconds -= sign * (hours * 3600 + minutes * 60)
            }
        }
        guard index == bytes.count else { return nil }
        self.nanoseconds = seconds * 1_000_000_000 + fraction
    }

    /// What people and programs may name: from 1678-01-01 until before 2262-01-01, the whole years that 64 bits of
    /// nanoseconds hold.
    package static let earliest = Timestamp(
        nanoseconds: Calendar.days(year: 1678, month: 1, day: 1) * 86_400_000_000_000)
    package static let latest = Timestamp(nanoseconds: Calendar.days(year: 2262, month: 1, day: 1) * 86_400_000_000_000)

    package init?(_ text: String) {
        var text = text
        guard let parsed = text.withUTF8({ Timestamp(parsing: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = parsed
    }
}

extension Timestamp: CustomStringConvertible {
    package var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
