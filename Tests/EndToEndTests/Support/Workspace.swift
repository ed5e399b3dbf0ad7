import Glibc
import Testing

/// A directory of a test's own, and the programs it runs there. Gone with the test.
final class Workspace: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/florin-test-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit { removeTree(path) }

    var data: String { path + "/data" }

    /// The program.
    static let binary = getenv("FLORIN_BINARY").map { String(cString: $0) } ?? products + "/florin"

    /// Where `swift build` left what belongs to these tests.
    static let products: String = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let own = String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
    }()

    /// The checkout.
    static let project: String = {
        let parts = #filePath.split(separator: "/")
        return "/" + parts.dropLast(4).joined(separator: "/")
    }()

    /// A Python with redis-py; nil where there is none (`Scripts/install --tests` makes one).
    static let python: String? = {
        let own = project + "/.build/venv/bin/python3"
        for candidate in [own, "/usr/bin/python3"] where access(candidate, X_OK) == 0 {
            let check = "\(candidate) -c 'import redis' 2>/dev/null"
            if system(check) == 0 { return candidate }
        }
        return nil
    }()

    static func has(_ program: String) -> Bool { system("command -v \(program) >/dev/null 2>&1") == 0 }

    /// Whether these tests, and so the server beside them, run under a sanitizer.
    static let isSanitized = getenv("TSAN_OPTIONS") != nil || dlsym(nil, "__tsan_init") != nil

    struct Finished {
        let end: Child.End
        let output: String
        let errors: String
    }

    private static let counter = Counter()

    func start(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Child {
        try Child(
            program, arguments, environment: environment, output: "\(path)/run-\(Self.counter.next())")
    }

    func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> Finished {
        let child = try start(program, arguments, environment: environment)
        let end = await child.end()
        return Finished(end: end, output: child.output, errors: child.errors)
    }

    /// Runs one of florin's subcommands to its end.
    func florin(_ arguments: String..., environment: [String: String] = [:]) async throws -> Finished {
        try await run(Self.binary, arguments, environment: environment)
    }

    /// `florin verify` finds nothing.
    func expectSound(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let verify = try await florin("verify", data)
        #expect(verify.end == .exit(0), "\(verify.output)\(verify.errors)", sourceLocation: sourceLocation)
    }
}

private final class Counter: @unchecked Sendable {  // behind a mutex
    private var mutex = pthread_mutex_t()
    private var value = 0

    init() { pthread_mutex_init(&mutex, nil) }

    func next() -> Int {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        value += 1
        return value
    }
}

func removeTree(_ path: String) {
    for name in list(path) {
        let child = path + "/" + name
        if unlink(child) != 0 { removeTree(child) }
    }
    rmdir(path)
}

/// Copies a directory of plain files.
func copyTree(_ source: String, to target: String) {
    mkdir(target, 0o700)
    for name in list(source) {
        if let directory = opendir(source + "/" + name) {
            closedir(directory)
            copyTree(source + "/" + name, to: target + "/" + name)
        } else {
            writeFile(target + "/" + name, readBytes(source + "/" + name) ?? [])
        }
    }
}
