internal import LedgerCore

/// A curve of steps in a terminal, of dots within braille characters, or of asterisks where there is no Unicode. All of
/// its arithmetic is on whole nano-dollars and nanoseconds.
package struct Plot: Sendable {
    package struct Point: Hashable, Sendable {
        package var time: Int64
        package var value: Int64

        /// Nanoseconds since 1970, nano-dollars.
        package init(time: Int64, value: Int64) {
            self.time = time
            self.value = value
        }
    }

    /// In the order of their times.
    package var points: [Point]
    package var usesUnicode: Bool
    /// The times are numbers, 1 and so on: of values that were given without any.
    package var isNumbered = false

    package init(_ points: [Point], usesUnicode: Bool) {
        self.points = points
        self.usesUnicode = usesUnicode
    }

    /// Lines of at most `columns`, and `rows` of them with the axis. Empty where there is nothing to draw.
    package func text(columns: Int, rows: Int) -> String {
        guard let first = points.first, let last = points.last else { return "" }
        let low = min(points.map(\.value).min()!, 0)
        let high = max(points.map(\.value).max()!, low + 1)
        let height = max(rows - 2, 3)
        let labels = [
            0: amount(high), height - 1: amount(low), (height - 1) / 2: amount(Int64((Int128(low) + Int128(high)) / 2)),
        ]
        let margin = labels.values.map(\.count).max()!
        let width = max(columns - margin - 2, 8)
        let grid = dots(width: width, height: height, first.time, last.time, low, high)
        var text = ""
        for row in 0..<height {
            let label = labels[row] ?? ""
            let tick = labels[row] == nil ? (usesUnicode ? "│" : "|") : (usesUnicode ? "┤" : "+")
            var line = String(repeating: " ", count: margin - label.count) + label + " " + tick
            line += String(grid[row])
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
        let from = time(first.time)
        let to = time(last.time)
        text +=
            String(repeating: " ", count: margin + 1) + (usesUnicode ? "└" : "+")
            + String(repeating: usesUnicode ? "─" : "-", count: width) + "\n"
        let gap = width - from.count - to.count
        text +=
            String(repeating: " ", count: margin + 2) + from
            + (gap > 0 ? String(repeating: " ", count: gap) : "  ") + to + "\n"
        return text
    }

    private func dots(width: Int, height: Int, _ from: Int64, _ to: Int64, _ low: Int64, _ high: Int64) -> [[Character]]
    {
        let (across, down) = usesUnicode ? (width * 2, height * 4) : (width, height)
        func place(_ value: Int64) -> Int {
            // From the top; rounded to the nearest dot.
            let span = Int128(high) - Int128(low)
            return Int(((Int128(high) - Int128(value)) * Int128(down - 1) * 2 + span) / (span * 2))
        }
        func column(_ time: Int64) -> Int {
            let span = Int128(to) - Int128(from)
            return span == 0 ? 0 : Int((Int128(time) - Int128(from)) * Int128(across - 1) / span)
        }
        // The highest and the lowest dot of each column of dots.
        var spans: [ClosedRange<Int>?] = Array(repeating: nil, count: across)
        func mark(_ x: Int, _ y: Int) {
            spans[x] = spans[x].map { min($0.lowerBound, y)...max($0.upperBound, y) } ?? y...y
        }
        var level = place(points[0].value)
        var x = 0
        for point in points {
            let next = column(point.time)
            while x < next {
                mark(x, level)
                x += 1
            }
            mark(x, level)
            level = place(point.value)
            mark(x, level)
        }
        if from == to { for x in 0..<across { mark(x, level) } }
        var bits = Array(repeating: Array(repeating: UInt32(0), count: width), count: height)
        let braille: [[UInt32]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
        for (x, span) in spans.enumerated() {
            for y in span ?? 0...0 where span != nil {
                if usesUnicode { bits[y / 4][x / 2] |= braille[y % 4][x % 2] } else { bits[y][x] = 1 }
            }
        }
        return bits.map { row in
            row.map { $0 == 0 ? " " : usesUnicode ? Character(Unicode.Scalar(0x2800 + $0)!) : "*" }
        }
    }

    private func amount(_ value: Int64) -> String {
        // To the cent where that is what the curve is about.
        let span = points.map(\.value.magnitude).max() ?? 0
        let unit: Int64 = span >= 1_000_000_000 ? 10_000_000 : 1
        return "\(Money(nanos: value / unit * unit))"
    }

    private func time(_ nanoseconds: Int64) -> String {
        if isNumbered { return "\(nanoseconds)" }
        let text = "\(Timestamp(nanoseconds: nanoseconds))"
        return text.prefix(10) + " " + text.dropFirst(11).prefix(8).prefix { $0 != "Z" && $0 != "." }
    }
}
