internal import Glibc

/// A line chart as inline SVG: two axes with ticks, lines with their names at the end, marks that a pointer explains.
/// Colours are classes, so that the page's style decides them for light and dark.
struct SVGChart {
    enum Scale {
        case linear
        /// Ticks at powers of ten.
        case logarithmic
    }

    struct Tick {
        var value: Double
        var text: String
    }

    struct Line {
        var name: String
        /// A class of the page's style.
        var style: String
        var points: [(x: Double, y: Double)]
        /// Shows each point, with this text for the pointer.
        var dots: [(style: String, text: String)] = []
    }

    var title: String
    var xTitle: String
    var yTitle: String
    var xRange: ClosedRange<Double>
    var yRange: ClosedRange<Double>
    var yScale = Scale.linear
    var xTicks: [Tick]
    var yTicks: [Tick]
    var lines: [Line] = []
    /// Marks: where, what it is, what a pointer is told. A tall one goes down to the axis and has its name above it,
    /// unless that would cover the name of one that comes before in this list.
    var marks: [(x: Double, name: String, text: String, isTall: Bool)] = []
    /// A part of the x axis in the background.
    var shade: (ClosedRange<Double>, String)?

    private let width = 920.0
    private var height: Double { top + 234 }
    private let left = 78.0
    private let right = 96.0
    private var top: Double { marks.isEmpty ? 26 : 40 }
    private let bottom = 42.0

    func render() -> String {
        var svg = "<svg viewBox=\"0 0 \(Units.plain(width)) \(Units.plain(height))\" role=\"img\" "
        svg += "aria-label=\"\(HTMLText.escaped(title))\">\n"
        if let (range, text) = shade, range.upperBound > range.lowerBound {
            svg += "<rect class=\"shade\" x=\"\(number(x(range.lowerBound)))\" y=\"\(number(top))\" "
            svg += "width=\"\(number(x(range.upperBound) - x(range.lowerBound)))\" "
            svg += "height=\"\(number(height - top - bottom))\"><title>\(HTMLText.escaped(text))</title></rect>\n"
        }
        for tick in yTicks {
            let y = number(y(tick.value))
            svg +=
                "<line class=\"grid\" x1=\"\(number(left))\" x2=\"\(number(width - right))\" y1=\"\(y)\" y2=\"\(y)\"/>"
            svg += text(left - 8, self.y(tick.value) + 4, tick.text, "end")
        }
        for tick in xTicks {
            svg += "<line class=\"axis\" x1=\"\(number(x(tick.value)))\" x2=\"\(number(x(tick.value)))\" "
            svg += "y1=\"\(number(height - bottom))\" y2=\"\(number(height - bottom + 4))\"/>"
            svg += text(x(tick.value), height - bottom + 17, tick.text, "middle")
        }
        svg += "<line class=\"axis\" x1=\"\(number(left))\" x2=\"\(number(width - right))\" "
        svg += "y1=\"\(number(height - bottom))\" y2=\"\(number(height - bottom))\"/>\n"
        svg += text((left + width - right) / 2, height - 6, xTitle, "middle", style: "title")
        svg += text(left - 70, 14, yTitle, "start", style: "title")
        var named: [ClosedRange<Double>] = []
        for mark in marks {
            let at = self.x(mark.x)
            let x = number(at)
            svg += "<g class=\"mark\">"
            if mark.isTall {
                svg += "<line x1=\"\(x)\" x2=\"\(x)\" y1=\"\(number(top))\" y2=\"\(number(height - bottom))\"/>"
            }
            svg += "<circle cx=\"\(x)\" cy=\"\(number(top))\" r=\"\(mark.isTall ? 4 : 2)\"/>"
            // More than letters of this size take.
            let half = Double(mark.name.count) * 3.5 + 2
            let room = (at - half)...(at + half)
            if mark.isTall, !named.contains(where: { $0.overlaps(room) }) {
                named.append(room)
                svg += text(at, top - 8, mark.name, "middle")
            }
            svg += "<title>\(HTMLText.escaped(mark.text))</title></g>\n"
        }
        var labels: [(y: Double, Line)] = []
        for line in lines {
            svg += path(line)
            if let last = line.points.last { labels.append((y(last.y), line)) }
        }
        // Names that would cover each other move apart.
        labels.sort { $0.y < $1.y }
        var floor = -Double.infinity
        for (y, line) in labels {
            let place = max(y, floor + 14)
            floor = place
            svg += text(width - right + 8, place + 4, line.name, "start", style: "name \(line.style)")
        }
        return svg + "</svg>\n"
    }

    private func path(_ line: Line) -> String {
        guard !line.points.isEmpty else { return "" }
        let points = line.points.map { "\(number(x($0.x))),\(number(y($0.y)))" }
        var svg = "<polyline class=\"line \(line.style)\" points=\"\(points.joined(separator: " "))\"/>\n"
        for (point, dot) in zip(line.points, line.dots) {
            svg +=
                "<circle class=\"dot \(dot.style)\" cx=\"\(number(x(point.x)))\" cy=\"\(number(y(point.y)))\" r=\"4\">"
            svg += "<title>\(HTMLText.escaped(dot.text))</title></circle>\n"
        }
        return svg
    }

    private func text(
        _ x: Double, _ y: Double, _ text: String, _ anchor: String, style: String = "tick"
    ) -> String {
        "<text class=\"\(style)\" x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">"
            + HTMLText.escaped(text) + "</text>\n"
    }

    private func number(_ value: Double) -> String { Units.plain((value * 10).rounded() / 10) }

    private func x(_ value: Double) -> Double {
        let span = xRange.upperBound - xRange.lowerBound
        let share = span > 0 ? (value - xRange.lowerBound) / span : 0
        return left + min(max(share, 0), 1) * (width - left - right)
    }

    private func y(_ value: Double) -> Double {
        let share: Double
        switch yScale {
        case .linear: share = (value - yRange.lowerBound) / max(yRange.upperBound - yRange.lowerBound, 1e-9)
        case .logarithmic:
            let low = log10(yRange.lowerBound)
            share = (log10(max(value, yRange.lowerBound)) - low) / max(log10(yRange.upperBound) - low, 1e-9)
        }
        return height - bottom - min(max(share, 0), 1) * (height - top - bottom)
    }

    // MARK: Axes

    /// About five round numbers from 0 on, and the range that they span.
    static func linearAxis(to highest: Double, _ text: (Double) -> String) -> (ClosedRange<Double>, [Tick]) {
        let highest = max(highest, 1)
        let rough = highest / 5
        let power = pow(10, log10(rough).rounded(.down))
        let step = [1, 2, 2.5, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? power * 10
        let count = Int((highest / step).rounded(.up))
        return (
            0...Double(count) * step, (0...count).map { Tick(value: Double($0) * step, text: text(Double($0) * step)) }
        )
    }

    /// Durations in nanoseconds, from the power of ten below the lowest to the one above the highest.
    static func durationAxis(_ lowest: Double, _ highest: Double) -> (ClosedRange<Double>, [Tick]) {
        let low = Int(log10(max(lowest, 1000)).rounded(.down))
        let high = max(low + 1, Int(log10(max(highest, 1000)).rounded(.up)))
        let ticks = (low...high).map { power in
            let value = pow(10, Double(power))
            let names = ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s", "1000 s"]
            return Tick(value: value, text: 3...12 ~= power ? names[power - 3] : Units.duration(UInt64(value)))
        }
        return (pow(10, Double(low))...pow(10, Double(high)), ticks)
    }
}

enum HTMLText {
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
