internal import Glibc

/// A terminal: its modes, its size, its bytes. Whoever makes it raw makes it as it was again.
package struct Terminal: Sendable {
    package var input: Int32
    package var output: Int32

    package init(input: Int32 = STDIN_FILENO, output: Int32 = STDOUT_FILENO) {
        self.input = input
        self.output = output
    }

    /// Whether escape sequences mean anything to it.
    package static func isDumb(_ environment: (String) -> String?) -> Bool {
        let name = environment("TERM") ?? ""
        return name.isEmpty || name == "dumb"
    }

    /// Whether what it shows is UTF-8: what the locale says, and without a locale, the better guess.
    package static func isUTF8(_ environment: (String) -> String?) -> Bool {
        guard let name = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(environment).first(where: { !$0.isEmpty })
        else {
            return true
        }
        let form = name.lowercased()
        return form.hasSuffix("utf-8") || form.hasSuffix("utf8") || form == "c" || form == "posix"
    }

    /// Columns and rows; 80 × 24 where it does not know.
    package var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(output, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
        return (Int(size.ws_col), size.ws_row > 0 ? Int(size.ws_row) : 24)
    }

    /// Every key as it is pressed, none of them shown or made a signal; output as before. Nil where there is no
    /// terminal. The answer is what to give to ``restore(_:)``.
    ///
    /// `keepingSignals`: Ctrl-C and Ctrl-Z stay what they are elsewhere.
    func makeRaw(keepingSignals: Bool = false) -> termios? {
        var modes = termios()
        guard tcgetattr(input, &modes) == 0 else { return nil }
        let before = modes
        modes.c_lflag &= ~tcflag_t(ECHO | ICANON | IEXTEN | (keepingSignals ? 0 : ISIG))
        modes.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR | IGNCR | ISTRIP | BRKINT | PARMRK | INPCK)
        modes.c_cflag |= tcflag_t(CS8)
        withUnsafeMutableBytes(of: &modes.c_cc) { characters in
            characters[Int(VMIN)] = 1
            characters[Int(VTIME)] = 0
        }
        // What was typed ahead stays.
        return set(modes) ? before : nil
    }

    func restore(_ modes: termios) { _ = set(modes) }

    private func set(_ modes: termios) -> Bool {
        var modes = modes
        while tcsetattr(input, TCSADRAIN, &modes) != 0 {
            guard errno == EINTR else { return false }
        }
        return true
    }

    package func write(_ text: String) { writeAll(text, to: output) }

    enum Event {
        case bytes([UInt8])
        /// The wake-up descriptor has something, or the time is over.
        case woken, timedOut
        /// Nobody is at the other end any more.
        case gone
    }

    /// Waits for bytes; `wake` is a descriptor that interrupts the wait. `milliseconds` nil: as long as it takes.
    func next(wake: Int32?, milliseconds: Int32? = nil) -> Event {
        var descriptors = [pollfd(fd: input, events: Int16(POLLIN), revents: 0)]
        if let wake { descriptors.append(pollfd(fd: wake, events: Int16(POLLIN), revents: 0)) }
        while true {
            let ready = poll(&descriptors, nfds_t(descriptors.count), milliseconds ?? -1)
            if ready < 0 {
                guard errno == EINTR || errno == EAGAIN else { return .gone }
                continue
            }
            if ready == 0 { return .timedOut }
            if let wake, descriptors[1].revents != 0 {
                drain(wake)
                return .woken
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(input, &buffer, buffer.count)
            if count > 0 { return .bytes(Array(buffer[..<count])) }
            // EIO: the terminal is gone.
            guard count < 0, errno == EINTR || errno == EAGAIN else { return .gone }
        }
    }

    private func drain(_ descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 256)
        while read(descriptor, &buffer, buffer.count) == buffer.count {}
    }
}

/// Writes all of it, or as much as anybody takes.
func writeAll(_ text: String, to file: Int32) {
    var text = text
    text.withUTF8 { bytes in
        var written = 0
        while written < bytes.count {
            let count = Glibc.write(file, bytes.baseAddress! + written, bytes.count - written)
            if count < 0 {
                if errno == EAGAIN {
                    // A terminal that somebody made non-blocking.
                    var descriptor = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
                    guard poll(&descriptor, 1, 10_000) > 0 else { return }
                } else if errno != EINTR {
                    return
                }
            } else {
                written += count
            }
        }
    }
}

extension Terminal {
    /// A question that one key answers: `y` or `n`, Enter for `standard`, and Ctrl-C, Ctrl-D and Escape for no. Other
    /// keys are none, and so is what was typed before it was asked. Keeps its thread.
    func ask(_ question: String, wake: Int32?, standard: Bool) -> Bool {
        guard let modes = makeRaw() else { return false }
        defer { restore(modes) }
        tcflush(input, TCIFLUSH)
        write(question)
        while true {
            switch next(wake: wake) {
            case .bytes(let bytes):
                for byte in bytes {
                    switch byte {
                    case UInt8(ascii: "y"), UInt8(ascii: "Y"): return answered(true)
                    case UInt8(ascii: "n"), UInt8(ascii: "N"), 0x03, 0x04, 0x1b: return answered(false)
                    case 0x0a, 0x0d: return answered(standard)
                    default: continue
                    }
                }
            case .woken: if Signals.mustEnd || Signals.wasInterrupted { return answered(false) }
            case .timedOut: continue
            case .gone: return false
            }
        }
    }

    private func answered(_ answer: Bool) -> Bool {
        write(answer ? "yes\n" : "no\n")
        return answer
    }
}
