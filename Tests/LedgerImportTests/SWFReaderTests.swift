import CZlib
import LedgerImport
import Testing

func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
        &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + 1024)
    let written = input.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(target.count)
            precondition(deflate(&stream, Z_FINISH) == Z_STREAM_END, "it must fit")
            return target.count - Int(stream.avail_out)
        }
    }
    return Array(output[..<written])
}

private func jobs(_ bytes: [UInt8]) throws -> [[Int64]] {
    let file = TemporaryFile(bytes)
    let reader = try SWFReader(path: file.path)
    var jobs: [[Int64]] = []
    while try reader.next() { jobs.append(reader.job) }
    return jobs
}

private func jobs(_ text: String) throws -> [[Int64]] { try jobs(Array(text.utf8)) }

private func refusal(_ bytes: [UInt8]) -> String {
    do {
        let jobs = try jobs(bytes)
        Issue.record("it was read as \(jobs.count) jobs")
        return ""
    } catch let error as ImportError {
        // The name of the temporary file is of no interest.
        return error.text.split(separator: " ", maxSplits: 1).last.map(String.init) ?? ""
    } catch { return "\(error)" }
}

private func refusal(_ text: String) -> String { refusal(Array(text.utf8)) }

private let header = "; UnixStartTime: 1000\n"
private let job = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18"
private let values: [Int64] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 1000]

@Suite struct SWFReaderTests {
    @Test func `columns come in their order, the epoch last`() throws {
        #expect(try jobs(header + job + "\n") == [values])
        #expect(SWFReader.columns.count == 19)
    }

    @Test(arguments: [
        "   1\t2   3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18  \r\n", "\n\n" + job,
        "; a comment\n" + job + "\n;another\n  \n",
        "  ; indented\n" + job, ";UnixStartTime:  1000 \r\n" + job, "; Note: a: b\n; UnixStartTime : 1000\n" + job,
    ])
    func `blanks, comments and line ends do not matter`(text: String) throws {
        #expect(try jobs(header + text) == [values])
    }

    @Test func `negative values are values`() throws {
        #expect(try jobs("; UnixStartTime: -5\n" + job.replacing("3 4", with: "-1 -4"))[0][2...3] == [-1, -4])
        #expect(try jobs("; UnixStartTime: -5\n" + job)[0][18] == -5)
    }

    @Test func `an empty file has no jobs`() throws {
        #expect(try jobs("") == [])
        #expect(try jobs(header) == [])
    }

    @Test func `gzipped files read the same, wherever zlib stops`() throws {
        var text = header
        for index in 0..<30_000 {
            text += "\(index) \(index * 7) -1 \(index % 977) 4 -1 -1 -1 -1 -1 -1 \(index % 13) 1 -1 -1 -1 -1 -1\n"
        }
        let plain = try jobs(text)
        #expect(plain.count == 30_000)
        #expect(plain[29_999][0...3] == [29_999, 209_993, -1, 29_999 % 977])
        #expect(try jobs(gzip(Array(text.utf8))) == plain)
    }

    @Test func `concatenated gzip members are one file`() throws {
        let bytes = gzip(Array(header.utf8)) + gzip(Array((job + "\n").utf8)) + gzip(Array(job.utf8))
        #expect(try jobs(bytes) == [values, values])
    }

    private static let mistakes: [(text: String, message: String)] = [
        (header + "1 2 3\n", "line 2: 3 columns; a job has 18"),
        (header + job + "\n\n" + job + " 19\n", "line 4: 19 columns; a job has 18"),
        (header + job.replacing(" 6 ", with: " 6.5 "), "line 2: column 6 (cpu) is '6.5', not an integer"),
        (header + job.replacing(" 6 ", with: " 1e3 "), "line 2: column 6 (cpu) is '1e3', not an integer"),
        (header + job.replacing(" 6 ", with: " - "), "line 2: column 6 (cpu) is '-', not an integer"),
        (header + job.replacing(" 6 ", with: " +6 "), "line 2: column 6 (cpu) is '+6', not an integer"),
        (
            header + job.replacing(" 6 ", with: " 9999999999999999999 "),
            "line 2: column 6 (cpu) is '9999999999999999999', not an integer"
        ),
        (header + job.replacing(" 18", with: " NaN"), "line 2: column 18 (think) is 'NaN', not an integer"),
        (job, "line 1: a job before the header has said '; UnixStartTime: ...', without which its times mean nothing"),
        (
            "; StartTime: 5\n" + job,
            "line 2: a job before the header has said '; UnixStartTime: ...', without which its times mean nothing"
        ),
        ("; UnixStartTime: 5.5\n" + job, "line 1: UnixStartTime is '5.5', not an integer"),
        ("; UnixStartTime:\n" + job, "line 1: UnixStartTime is '', not an integer"),
        (header + "<html>\n", "line 2: column 1 (id) is '<html>', not an integer"),
        (header + String(repeating: "1", count: 70_000), "line 2: a line longer than 65536 bytes"),
    ]

    @Test(arguments: mistakes)
    func `what is no job is an error with its line`(text: String, message: String) {
        #expect(refusal(text) == message)
    }

    @Test func `gzip data cut anywhere is an error, never fewer jobs`() {
        var text = header
        for index in 0..<40 { text += "\(index) \(index * 7919 % 1009) -1 5 4 -1 -1 -1 -1 -1 -1 1 1 -1 -1 -1 -1 -1\n" }
        let bytes = gzip(Array(text.utf8))
        for count in 2..<bytes.count {
            #expect(refusal(Array(bytes[..<count])).contains("the gzip data ends in the middle"))
        }
    }

    @Test func `a flipped byte in gzip data is an error`() {
        var text = header
        for index in 0..<40 { text += "\(index) \(index * 7919 % 1009) -1 5 4 -1 -1 -1 -1 -1 -1 1 1 -1 -1 -1 -1 -1\n" }
        let bytes = gzip(Array(text.utf8))
        for index in 10..<bytes.count {  // the header before has fields that do not matter
            var damaged = bytes
            damaged[index] ^= 0x10
            #expect(!refusal(damaged).isEmpty)
        }
    }

    @Test func `bytes behind gzip data are an error`() {
        #expect(
            refusal(gzip(Array((header + job + "\n").utf8)) + [0, 0]).contains(
                "bytes that are no gzip data behind its end"))
    }

    @Test func `a file that is not there is named`() {
        let error = #expect(throws: ImportError.self) { try SWFReader(path: "/nowhere/trace.swf") }
        #expect(error?.text == "/nowhere/trace.swf: No such file or directory")
        let directory = #expect(throws: ImportError.self) { try SWFReader(path: "/tmp") }
        #expect(directory?.text == "/tmp: is a directory, expected a log")
        let binary = TemporaryFile([0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 10, 0])
        let refused = #expect(throws: ImportError.self) { try SWFReader(path: binary.path) }
        #expect(refused?.text == "\(binary.path): not gzip and not text")
    }
}
