internal import Glibc

/// A server of one's own for a load test: this binary, on a new ledger in a temporary directory that goes with it.
struct LoadServer {
    let port: Int
    let passport: String
    private let process: pid_t
    private let directory: String

    /// `options`: more of them for `florin serve`.
    static func start(_ options: String...) throws(Failure) -> LoadServer {
        let base = environment("TMPDIR") ?? "/tmp"
        var template = Array("\(base)/florin-load.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("\(base): \(String(cString: strerror(errno)))") }
        let directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        let portFile = directory + "/port"
        // Room for the keys of a long run: nobody else needs it, and it is taken only as keys come.
        let arguments =
            [
                "florin", "serve", "--key-memory", "8GiB", "--data", directory + "/ledger", "--port", "0",
                "--port-file",
                portFile, "--log",
                directory + "/log", "--log-level", "warning",
            ] + options
        var pid: pid_t = 0
        // No terminal: the admin passport goes to a file, and Ctrl-C comes to this process alone, which ends the other.
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        let words = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        let code = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, words + [nil], environ)
        guard code == 0 else {
            remove(directory)
            throw Failure("cannot start a server: \(String(cString: strerror(code)))")
        }
        var waited = 0
        while true {
            if let port = read(portFile).flatMap({ Int($0) }),
                let passport = environment("FLORIN_ADMIN_PASSPORT") ?? read(directory + "/ledger/admin-passport")
            {
                return LoadServer(port: port, passport: passport, process: pid, directory: directory)
            }
            var status: Int32 = 0
            let hasEnded = waitpid(pid, &status, WNOHANG) == pid
            if hasEnded || waited >= 30_000 {
                let log = read(directory + "/log") ?? ""
                if !hasEnded { end(pid) }
                remove(directory)
                throw Failure("the server did not start: \(log.isEmpty ? "no port within 30 s" : log)")
            }
            usleep(20_000)
            waited += 20
        }
    }

    /// Ends the server and removes its directory.
    func stop() {
        Self.end(process)
        Self.remove(directory)
    }

    private static func end(_ process: pid_t) {
        kill(process, SIGTERM)
        var status: Int32 = 0
        for _ in 0..<1000 {
            if waitpid(process, &status, WNOHANG) != 0 { return }
            usleep(10_000)
        }
        kill(process, SIGKILL)
        waitpid(process, &status, 0)
    }

    private static func remove(_ directory: String) {
        if let entries = opendir(directory) {
            while let entry = readdir(entries) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                guard name != ".", name != ".." else { continue }
                let path = directory + "/" + name
                // A symbolic link is unlinked, not followed.
                if unlink(path) != 0, errno == EISDIR || errno == EPERM { remove(path) }
            }
            closedir(entries)
        }
        rmdir(directory)
    }

    /// A small file's first line; nil while it is not there whole.
    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        guard let end = bytes[..<count].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        return String(decoding: bytes[..<end], as: UTF8.self)
    }
}
