// What operations cost, counted: the allocations and copies of the thread that does the work, and the instructions of
// the whole program. An allocation, a copy or a loop that comes in shows here.
//
//     operation-cost                allocations and copied bytes; exit code 1 where one costs more than it may
//     operation-cost instructions   the same of instructions, which valgrind counts

import CountedMemory
import Glibc

switch CommandLine.arguments.dropFirst().first {
case nil: exit(countMemory() ? 0 : 1)
case "instructions": exit(countInstructions(of: CommandLine.arguments[0]) ? 0 : 1)
case "marked": runMarked()
default:
    print("operation-cost [instructions]")
    exit(64)
}

/// A line of the table; whether it is within what it may cost.
func show(_ operation: Operation, _ figure: Double, _ unit: String, most: Double) -> Bool {
    let rounded = (figure * 100).rounded() / 100
    let isWithin = rounded <= most
    func shown(_ number: Double) -> String { Int(exactly: number).map { "\($0)" } ?? "\(number)" }
    print("\(operation.rawValue): \(shown(rounded)) \(unit), at most \(shown(most))\(isWithin ? "" : ": too many")")
    return isWithin
}

// MARK: Memory

func countMemory() -> Bool {
    let ledger = Ledger()
    defer { ledger.close() }
    var isWithin = true
    for operation in Operation.allCases {
        let count = 1000
        // Buffers and tables grow at first; then what a load costs besides is the same for one as for a thousand.
        for _ in 0..<4 { _ = ledger.run(operation, times: count) }
        let start = ledger.run(operation, times: 1)
        let one = ledger.run(operation, times: 1)
        let many = ledger.run(operation, times: count)
        func each(_ field: (counted_memory) -> UInt64) -> Double {
            (Double(field(many) - field(one)) - Double(field(one) - field(start))) / Double(count - 1)
        }
        let most = operation.most
        isWithin = show(operation, each(\.allocations), "allocations", most: most.allocations) && isWithin
        isWithin = show(operation, each(\.copied_bytes), "bytes copied", most: most.copiedBytes) && isWithin
    }
    return isWithin
}

// MARK: Instructions

/// What valgrind looks at: each operation between two marks.
func runMarked() -> Never {
    let ledger = Ledger()
    for operation in Operation.allCases {
        for _ in 0..<4 { _ = ledger.run(operation, times: Operation.counted) }
        counted_mark()
        _ = ledger.run(operation, times: Operation.counted)
        counted_mark()
    }
    ledger.close()
    exit(0)
}

/// The program runs in valgrind's callgrind, which writes a file at each mark: the instructions of all threads since
/// the one before. (Copies count as the plain loops that ``CountedMemory`` has in their place.)
func countInstructions(of program: String) -> Bool {
    let place = temporaryDirectory()
    defer { _ = system("rm -r '\(place)'") }
    // Without what is for debuggers: valgrind of Debian 12 does not know its version, and gives up.
    let copy = "strip -g -o '\(place)/program' '\(program)'"
    let valgrind = "valgrind --tool=callgrind --dump-before=counted_mark --callgrind-out-file='\(place)/counts'"
    guard system("{ \(copy) && \(valgrind) '\(place)/program' marked; } >'\(place)/log' 2>&1") == 0 else {
        _ = system("cat '\(place)/log' >&2")
        return false
    }
    var isWithin = true
    for (index, operation) in Operation.allCases.enumerated() {
        // The first of its two files has what came before it.
        guard let total = total(in: "\(place)/counts.\(index * 2 + 2)") else {
            print("\(operation.rawValue): valgrind counted nothing")
            return false
        }
        let each = Double(total / UInt64(Operation.counted))
        isWithin = show(operation, each, "instructions", most: operation.most.instructions) && isWithin
    }
    return isWithin
}

/// The sum that a file of callgrind ends with.
func total(in path: String) -> UInt64? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 4096)
    while fgets(&line, Int32(line.count), file) != nil {
        var text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard text.hasPrefix("totals: ") else { continue }
        text.removeFirst("totals: ".count)
        return UInt64(text.prefix { $0.isNumber })
    }
    return nil
}

func temporaryDirectory() -> String {
    var template = Array("/tmp/florin-cost-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no directory for temporary files") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
