internal import Glibc

/// Files with secrets in them are for their owner alone (0600). Florin makes them so; a copy or a backup may not.
enum OwnerOnly {
    /// Takes from everybody else what they may do with a file. A sentence about it if there was anything to take.
    static func tighten(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 != 0 else {
            return nil
        }
        let mode = String(status.st_mode & 0o777, radix: 8)
        guard chmod(path, 0o600) == 0 else {
            return "\(path) is a secret that others can read (mode \(mode)), and that cannot be changed: "
                + String(cString: strerror(errno))
        }
        return "\(path) is a secret that others could read (mode \(mode)): it is 600 now"
    }
}
