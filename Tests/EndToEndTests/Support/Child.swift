import Glibc

/// A process of ours: started with its output in files, so that nobody has to read a pipe in time, and never left
/// behind.
final class Child: @unchecked Sendable {  // `status` is written once, by the one task that owns the child
    let pid: pid_t
    let outputPath: String
    let errorPath: String
    private var status: Int32?

    struct StartFailure: Error { let description: String }

    /// How a process ended: its exit code, or the signal that killed it.
    enum End: Equatable {
        case exit(Int32)
        case signal(Int32)
    }

    /// `program` is looked up in PATH when it has no slash. `environment` is added to ours.
    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
        output name: String
    ) throws {
        outputPath = name + ".out"
        errorPath = name + ".err"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let line = String(cString: text)
            if let equals = line.firstIndex(of: "=") {
                variables[String(line[..<equals])] = String(line[line.index(after: equals)...])
            }
            entry += 1
        }
        variables.merge(environment) { $1 }

        var argv = ([program] + arguments).map { strdup($0) } + [nil]
        var envp = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, program, &actions, &attributes, &argv, &envp)
        guard code == 0 else { throw StartFailure(description: "\(program): \(String(cString: strerror(code)))") }
        self.pid = pid
    }

    deinit {
        guard status == nil else { return }
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// Nil while it runs.
    func poll() -> End? {
        if status == nil {
            var found: Int32 = 0
            guard waitpid(pid, &found, WNOHANG) == pid else { return nil }
            status = found
        }
        guard let status else { return nil }
        return status & 0x7f == 0 ? .exit(status >> 8 & 0xff) : .signal(status & 0x7f)
    }

    /// Waits for the end without holding a thread. Kills what takes longer than `seconds`, which is far more than any
    /// test needs.
    func end(within seconds: Int = 120) async -> End {
        for _ in 0..<seconds * 100 {
            if let end = poll() { return end }
            try? await Task.sleep(nanoseconds: 10_000_000)
        }
        kill(pid, SIGKILL)
        while true {
            if let end = poll() { return end }
            try? await Task.sleep(nanoseconds: 10_000_000)
        }
    }

    var output: String { readFile(outputPath) ?? "" }
    var errors: String { readFile(errorPath) ?? "" }
}

func readBytes(_ path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(file, &chunk, chunk.count)
        guard count > 0 else { return result }
        result += chunk[..<count]
    }
}

func readFile(_ path: String) -> String? { readBytes(path).map { String(decoding: $0, as: UTF8.self) } }

func writeFile(_ path: String, _ bytes: [UInt8]) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    precondition(file >= 0 && write(file, bytes, bytes.count) == bytes.count, "cannot write \(path)")
    close(file)
}

func writeFile(_ path: String, _ text: String) { writeFile(path, Array(text.utf8)) }

/// Names in a directory, sorted.
func list(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
}
