/// Where something is in a log, for messages.
struct LogLine {
    /// The file's name without its directory.
    var name: String
    /// From 1.
    var number: Int

    func mistake(_ text: String, _ kind: ImportError.Kind) -> ImportError {
        ImportError(kind, "\(name), line \(number): \(text)")
    }
}

/// The Standard Workload Format of the Parallel Workloads Archive: one job a line, 18 columns of integers separated by
/// blanks, -1 for "unknown"; comments begin with `;`, and those of the header name values, such as
/// `; UnixStartTime: 0`.
///
/// Reads plain or gzipped files, one job after the other, in constant memory. Every error names the line.
package final class SWFReader {
    /// The fields of a job, in the order of its values: the columns, then the header's UnixStartTime.
    package static let columns: [StaticString] = [
        "id", "submit", "wait", "run", "procs", "cpu", "mem", "req_procs", "req_time", "req_mem", "status", "user",
        "group",
        "app", "queue", "partition", "prev", "think", "epoch",
    ]
    private static let count = 18

    /// The file's name without its directory, for messages.
    package let name: String
    /// The number of the line that was read last, from 1.
    package private(set) var line = 0
    /// The current job's values, in the order of ``columns``.
    package private(set) var job = [Int64](repeating: 0, count: 19)

    private let source: LineSource
    private var epoch: Int64?

    package init(path: String) throws(ImportError) {
        name = String(path.split(separator: "/").last ?? "")
        source = try LineSource(path: path)
    }

    /// Moves to the next job; false at the end of the file.
    package func next() throws(ImportError) -> Bool {
        while true {
            let kind: Line
            do throws(LineSource.Failure) {
                guard
                    let read = try source.next(body: { bytes in
                        job.withUnsafeMutableBufferPointer { read(bytes, into: $0) }
                    })
                else { return false }
                kind = read
            } catch {
                throw error.isSystem
                    ? ImportError(.file, "\(name): \(error.text)")
                    : ImportError(.file, "\(name), line \(line + 1): \(error.text)")
            }
            line += 1
            switch kind {
            case .blank: continue
            case .start(let value): epoch = value
            case .mistake(let text): throw mistake(text)
            case .job:
                guard let epoch else {
                    throw mistake(
                        "a job before the header has said '; UnixStartTime: ...', without which its times mean nothing")
                }
                job[Self.count] = epoch
                return true
            }
        }
    }

    /// An error about the current line.
    package func mistake(_ text: String) -> ImportError { LogLine(name: name, number: line).mistake(text, .file) }

    private enum Line {
        case blank
        case start(Int64)
        case job
        case mistake(String)
    }

    private func read(_ bytes: UnsafeRawBufferPointer, into job: UnsafeMutableBufferPointer<Int64>) -> Line {
        var index = 0
        skipBlanks(bytes, &index)
        guard index < bytes.count else { return .blank }
        if bytes[index] == UInt8(ascii: ";") { return comment(UnsafeRawBufferPointer(rebasing: bytes[(index + 1)...])) }
        var column = 0
        while index < bytes.count {
            let start = index
            let value = integer(bytes, &index)
            if column < Self.count {
                guard let value else {
                    let text = String(decoding: bytes[start..<Swift.min(index, start + 40)], as: UTF8.self)
                    return .mistake("column \(column + 1) (\(Self.columns[column])) is '\(text)', not an integer")
                }
                job[column] = value
            }
            column += 1
            skipBlanks(bytes, &index)
        }
        guard column == Self.count else { return .mistake("\(column) columns; a job has \(Self.count)") }
        return .job
    }

    private func comment(_ bytes: UnsafeRawBufferPointer) -> Line {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let colon = text.firstIndex(of: ":") else { return .blank }
        guard trimmed(text[..<colon]) == "UnixStartTime" else { return .blank }
        let value = trimmed(text[text.index(after: colon)...])
        guard let seconds = Int64(value) else {
            return .mistake("UnixStartTime is '\(value.prefix(40))', not an integer")
        }
        return .start(seconds)
    }

    /// Goes over one column; nil unless it is an integer of at most 18 digits.
    private func integer(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Int64? {
        let negative = bytes[index] == UInt8(ascii: "-")
        if negative { index += 1 }
        let first = index
        var value: Int64 = 0
        var isInteger = true
        while index < bytes.count, !isBlank(bytes[index]) {
            let digit = bytes[index] &- UInt8(ascii: "0")
            isInteger = isInteger && digit <= 9
            value = value &* 10 &+ Int64(digit)
            index += 1
        }
        guard isInteger, 1...18 ~= index - first else { return nil }
        return negative ? -value : value
    }

    private func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    private func skipBlanks(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) {
        while index < bytes.count, isBlank(bytes[index]) { index += 1 }
    }

    private func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
        return text
    }
}
