import Glibc
import LedgerClient
import RESP
import Testing

extension EndToEnd {
    /// Data directories that are not as they should be.
    @Suite struct Directory {
        let workspace = Workspace()

        @Test func `a second server on the same directory is refused, and may start once the first is gone`()
            async throws
        {
            let server = try await ServerProcess.start(workspace)
            await expectRefusal("another process has this data directory open")
            let client = try await server.connect()
            try await client.must("PING")
            let verify = try await workspace.florin("verify", workspace.data)
            #expect(verify.end == .exit(1))
            #expect(verify.errors.contains("another process"))
            await client.close()
            await server.crash()
            let again = try await ServerProcess.start(workspace)
            await again.stop()
        }

        @Test func `removing the lock's file lets no second server in`() async throws {
            let server = try await ServerProcess.start(workspace)
            unlink(workspace.data + "/LOCK")
            await expectRefusal("another process has this data directory open")
            writeFile(workspace.data + "/LOCK", "")
            await expectRefusal("another process has this data directory open")
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada")
            await client.close()
            await server.stop()
            try await workspace.expectSound()
        }

        @Test(arguments: ["0000000009.segment", "spare-8.segment"])
        func `a live segment under another name is refused by name and stays`(name: String) async throws {
            let segment = try await makeLedger(crash: true)
            let other = workspace.data + "/journal/" + name
            let bytes = readBytes(segment)
            rename(segment, other)
            await expectRefusal("\(other) holds segment 1 of this ledger")
            await expectRefusal("holds segment 1 of this ledger", "--segment-size", "8MiB")
            let verify = try await workspace.florin("verify", workspace.data)
            #expect(verify.end == .exit(2))
            #expect(verify.output.contains("not even the first event could be read"), "\(verify.output)")
            #expect(!verify.output.contains("0000000000000000000000"))
            #expect(readBytes(other) == bytes)
            rename(other, segment)
            try await workspace.expectSound()
        }

        @Test func `a lost key is found, said, and not replaced`() async throws {
            try await makeLedger()
            let keys = workspace.data + "/keys"
            let whole = readBytes(keys)!
            for bytes in [whole[..<4096] + [UInt8](repeating: 0, count: 128) + whole[4224...], whole[..<4096]] {
                writeFile(keys, Array(bytes))
                let verify = try await workspace.florin("verify", workspace.data)
                #expect(verify.end == .exit(2))
                #expect(verify.output.contains("\(keys) at byte 4160: a user's key is missing"), "\(verify.output)")
                let server = try await ServerProcess.start(workspace)
                #expect(server.child.errors.contains("users have lost the key"), "\(server.child.errors)")
                #expect(server.child.errors.contains("WARNING"))
                let client = try await server.connect()
                #expect(try await client.refusal(of: "CREDIT CHARGE u_ada 1 api DESCRIPTION text") == "READONLY")
                try await client.must("CREDIT CHARGE u_ada 1 api")
                try await client.must("USER CREATE bob\(bytes.count)@example.com")
                await client.close()
                await server.stop()
                #expect(readBytes(keys)![4096..<4224].allSatisfy { $0 == 0 })
            }
            unlink(keys)
            await expectRefusal("the key file is missing")
            let verify = try await workspace.florin("verify", workspace.data)
            #expect(verify.end == .exit(2))
            #expect(verify.output.contains("the key file is missing"))
        }

        @Test func `verify sees keys of another fork, snapshots that nobody lists, and a damaged marker`() async throws
        {
            try await makeLedger()
            let (keys, fork) = (workspace.data + "/keys", workspace.path + "/fork")
            copyTree(workspace.data, to: fork)
            for (data, name) in [(workspace.data, "alpha"), (fork, "beta")] {
                let run = try await workspace.florin(
                    "repl", "--data", data, "-e", "USER CREATE \(name)@example.com ID new NAME \(name)")
                #expect(run.end == .exit(0), "\(run.errors)")
            }
            try await workspace.expectSound()
            let own = readBytes(keys)!
            writeFile(keys, readBytes(fork + "/keys")!)
            let foreign = try await workspace.florin("verify", workspace.data)
            #expect(foreign.end == .exit(2) && foreign.output.contains("key is another one's"), "\(foreign.output)")
            writeFile(keys, own)
            try await workspace.expectSound()

            #expect(try await workspace.florin("checkpoint", workspace.data).end == .exit(0))
            let folder = workspace.data + "/snapshots/"
            let snapshot = folder + (list(folder).first ?? "")
            writeFile(folder + "00000000000000099999.snapshot", readBytes(snapshot)!)
            let strange = try await workspace.florin("verify", workspace.data)
            #expect(strange.end == .exit(0) && strange.output.contains("99999.snapshot: the snapshot is damaged"))
            unlink(folder + "00000000000000099999.snapshot")

            let marker = readBytes(workspace.data + "/FLORIN")!
            for damaged in [[], Array(marker.dropLast(9)), marker.map { $0 == 0x72 ? 0x73 : $0 }] {
                writeFile(workspace.data + "/FLORIN", damaged)
                let verify = try await workspace.florin("verify", workspace.data, "--json")
                #expect(verify.end == .exit(2) && verify.output.hasPrefix("{\"sound\":false"), "\(verify.output)")
            }
            writeFile(workspace.data + "/FLORIN", marker)
            try await workspace.expectSound()
        }

        @Test func `verify looks at the pepper, wherever it is`() async throws {
            try await makeLedger()
            let (pepper, check) = (workspace.data + "/pepper", workspace.data + "/pepper.check")
            rename(check, workspace.path + "/check")
            #expect(try await workspace.florin("verify", workspace.data).end == .exit(2))
            rename(workspace.path + "/check", check)
            rename(pepper, workspace.path + "/pepper")
            let blind = try await workspace.florin("verify", workspace.data)
            #expect(blind.end == .exit(0))
            #expect(blind.output.contains("note: the pepper was not checked"), "\(blind.output)")
            let seeing = try await workspace.florin("verify", workspace.data, "--pepper", workspace.path + "/pepper")
            #expect(seeing.end == .exit(0))
            #expect(!seeing.output.contains("note"))
            let other = Workspace()
            await (try await ServerProcess.start(other)).stop()
            let foreign = try await workspace.florin("verify", workspace.data, "--pepper", other.data + "/pepper")
            #expect(foreign.end == .exit(2))
            #expect(foreign.output.contains("does not belong to this ledger"))
        }

        @Test func `the last batch without its first sector is cut, and said`() async throws {
            let segment = try await makeLedger(crash: true, text: String(repeating: "long ", count: 100))
            var bytes = readBytes(segment)!
            var block = lastByte(bytes) / 4096
            if bytes[block * 4096 + 72..<block * 4096 + 76].allSatisfy({ $0 == 0 }) {  // a closing batch
                bytes.replaceSubrange(block * 4096..<block * 4096 + 4096, with: [UInt8](repeating: 0, count: 4096))
                block -= 1
            }
            bytes.replaceSubrange(block * 4096..<block * 4096 + 512, with: [UInt8](repeating: 0, count: 512))
            writeFile(segment, bytes)
            let verify = try await workspace.florin("verify", workspace.data)
            #expect(verify.end == .exit(0))
            #expect(verify.output.contains("byte \(block * 4096) is not empty"), "\(verify.output)")
            let server = try await ServerProcess.start(workspace)
            #expect(server.child.errors.contains("behind byte \(block * 4096) was not empty"), "\(server.child.errors)")
            await server.stop()
        }

        @Test func `the journal is printed beside a busy server, run after run`() async throws {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 10000 stripe")
            let commands = charges(words: 150)
            let writing = Task {
                while !Task.isCancelled { _ = try await client.send(commands) }
            }
            for round in 0..<12 {
                let run = try await workspace.florin("journal", workspace.data, "--brief")
                #expect(run.end == .exit(0), "\(round): \(run.errors)")
            }
            writing.cancel()
            _ = try? await writing.value
            await client.close()
            await server.stop()
        }

        @Test func `what is wrong with a path is said with what can be done`() async throws {
            writeFile(workspace.data, "mine")
            await expectRefusal("this is not a directory")
            unlink(workspace.data)
            symlink(workspace.path + "/nowhere", workspace.data)
            await expectRefusal("a symbolic link that leads nowhere")
            unlink(workspace.data)
            await expectRefusal("there is no such folder", "--pepper", workspace.path + "/absent/pepper")
            // The ledger was begun, and is begun again.
            try await makeLedger()
            try await workspace.expectSound()

            rename(workspace.data + "/manifest.b", workspace.path + "/manifest.b")
            let server = try await ServerProcess.start(workspace)
            #expect(server.child.errors.contains("WARNING"))
            #expect(server.child.errors.contains("manifest.b is missing; the other copy is used"))
            await server.stop()
            unlink(workspace.data + "/manifest.a")
            unlink(workspace.data + "/manifest.b")
            await expectRefusal("restore the whole directory from a backup, nothing was changed")
            let verify = try await workspace.florin("verify", workspace.data, "--json")
            #expect(verify.end == .exit(2))
            #expect(verify.output.hasPrefix("{\"sound\":false,\"complete\":false"), "\(verify.output)")
            #expect(!verify.output.contains("\"state\""))
        }

        @Test(.enabled(if: Mounts.arePermitted, "needs mounts of its own"))
        func `a healthy ledger is sound where nothing can be written`() async throws {
            try await makeLedger()
            let run = try await workspace.run(
                "unshare",
                [
                    "-m", "sh", "-c",
                    "mount --bind \(workspace.data) \(workspace.data) && mount -o remount,ro,bind \(workspace.data) && exec \(Workspace.binary) verify \(workspace.data)",
                ])
            #expect(run.end == .exit(0), "\(run.output)\(run.errors)")
        }

        @Test func `a taken port is said in one line`() async throws {
            let server = try await ServerProcess.start(workspace)
            let other = Workspace()
            let run = try await other.florin(
                "serve", "--data", other.data, "--port", "\(server.port)", "--segment-size", "4MiB")
            #expect(run.end == .exit(1))
            #expect(run.errors.contains("cannot listen on 127.0.0.1:\(server.port)"))
            #expect(!list(other.path).contains("data"), "a ledger was made all the same")
            let nowhere = other.path + "/absent/port"
            let mute = try await other.florin("serve", "--data", other.data, "--port", "0", "--port-file", nowhere)
            #expect(mute.end == .exit(1) && mute.errors.contains("\(nowhere).tmp: No such file or directory"))
            let greedy = try await other.run(
                "sh",
                ["-c", "ulimit -n 200; exec \(Workspace.binary) serve --data \(other.data) --port 0 --event-loops 99"])
            #expect(greedy.end == .exit(1) && greedy.errors.contains("raise ulimit -n"), "\(greedy.errors)")
            #expect(!list(other.path).contains("data"))
            await server.stop()
        }

        @Test func `somebody else's directory stays untouched`() async throws {
            mkdir(workspace.data, 0o700)
            writeFile(workspace.data + "/notes.txt", "mine")
            await expectRefusal("is not a Florin data directory")
            #expect(list(workspace.data) == ["notes.txt"])
            for command in ["verify", "checkpoint", "journal", "admin"] {
                let run = try await workspace.florin(command, workspace.data)
                #expect(run.end == .exit(1), "\(command)")
                #expect(run.errors.contains("is not a Florin data directory"), "\(command): \(run.errors)")
            }
            #expect(list(workspace.data) == ["notes.txt"])
            for command in ["verify", "checkpoint", "journal", "admin"] {
                let run = try await workspace.florin(command, workspace.path + "/absent")
                #expect(run.end == .exit(1), "\(command)")
                #expect(run.errors.contains("there is no ledger here"), "\(command): \(run.errors)")
            }
            #expect(!list(workspace.path).contains("absent"))
        }

        @Test func `a directory of a newer Florin is refused by name`() async throws {
            try await makeLedger()
            let marker = readFile(workspace.data + "/FLORIN") ?? ""
            let lines = marker.split(separator: "\n").map { $0.hasPrefix("reader ") ? "reader 9" : String($0) }
            writeFile(workspace.data + "/FLORIN", lines.joined(separator: "\n") + "\n")
            let run = try await workspace.florin("serve", "--data", workspace.data, "--port", "0")
            #expect(run.end == .exit(1))
            #expect(run.errors.contains("written by a newer Florin"), "\(run.errors)")
        }

        @Test func `a lost or foreign pepper stops the start`() async throws {
            try await makeLedger()
            let pepper = readBytes(workspace.data + "/pepper")!
            rename(workspace.data + "/pepper", workspace.path + "/pepper")
            await expectRefusal("pepper")
            let elsewhere = try await ServerProcess.start(workspace, "--pepper", workspace.path + "/pepper")
            await elsewhere.stop()

            let other = Workspace()
            let server = try await ServerProcess.start(other)
            await server.stop()
            writeFile(workspace.data + "/pepper", readBytes(other.data + "/pepper")!)
            await expectRefusal("pepper")
            writeFile(workspace.data + "/pepper", pepper)
            let again = try await ServerProcess.start(workspace)
            await again.stop()
        }

        @Test(.enabled(if: Mounts.arePermitted, "needs mounts of its own"))
        func `a read-only directory is said in one line`() async throws {
            try await makeLedger()
            let run = try await workspace.run(
                "unshare",
                [
                    "-m", "sh", "-c",
                    "mount --bind \(workspace.data) \(workspace.data) && mount -o remount,ro,bind \(workspace.data) && exec \(Workspace.binary) serve --data \(workspace.data) --port 0",
                ])
            #expect(run.end == .exit(1))
            #expect(run.errors.contains("cannot be written"), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1)
        }

        @Test func `a torn tail is cut, a flipped byte before it is not believed`() async throws {
            let segment = try await makeLedger(crash: true)
            let bytes = readBytes(segment)!
            let used = lastByte(bytes)
            // Torn: the end of the last batch never reached the disk.
            var torn = bytes
            for index in (used - 20)...used { torn[index] = 0 }
            writeFile(segment, torn)
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("CREDIT BALANCE u_ada")
            await client.close()
            await server.stop()
            try await workspace.expectSound()

            // Damaged: something follows, so it was whole once.
            let after = readBytes(segment)!
            var flipped = after
            flipped[4096 + 300] ^= 1
            writeFile(segment, flipped)
            await expectRefusal("damaged")
            let verify = try await workspace.florin("verify", workspace.data)
            #expect(verify.end == .exit(2))
            #expect((verify.output + verify.errors).contains("0000000001.segment"))
            writeFile(segment, after)
            try await workspace.expectSound()
        }

        @Test func `damage in history that a snapshot stands for stops the start, unless it is looked for behind it`()
            async throws
        {
            var server = try await ServerProcess.start(workspace)
            var client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 10000 stripe")
            let commands = charges(words: 200)
            let sealed = workspace.data + "/journal/0000000001.sealed"
            for _ in 0..<200 where readBytes(sealed) == nil { _ = try await client.send(commands) }
            try await client.must("SNAPSHOT")
            for _ in 0..<600 where list(workspace.data + "/snapshots").filter({ $0.hasSuffix(".snapshot") }).isEmpty {
                try await Task.sleep(nanoseconds: 50_000_000)
            }
            let available = try await client.must("CREDIT BALANCE u_ada").text("available")
            #expect(try await client.must("INFO persistence").string?.contains("\r\nhistory_check:ok\r\n") == true)
            await client.close()
            await server.stop()

            let whole = readBytes(sealed)!
            var bytes = whole
            bytes[200] ^= 4
            writeFile(sealed, bytes)
            await expectRefusal("\(sealed) at byte 128: a compressed frame of the journal is damaged")
            await expectRefusal("put a good copy of this file back", "--check-history", "start")
            server = try await ServerProcess.start(workspace, "--check-history", "background")
            client = try await server.connect()
            #expect(try await client.must("CREDIT BALANCE u_ada").text("available") == available)
            try await client.must("CREDIT CHARGE u_ada 1 api")
            var told = ""
            for _ in 0..<600 where !told.contains("history_check:\(sealed) at byte 128") {
                told = try await client.must("INFO persistence").string ?? ""
                try await Task.sleep(nanoseconds: 50_000_000)
            }
            #expect(told.contains("history_check:\(sealed) at byte 128: a compressed frame"), "\(told)")
            await client.close()
            await server.stop()
            #expect(server.child.errors.contains("CRITICAL") && server.child.errors.contains("\(sealed) at byte 128"))
            writeFile(sealed, whole)
            try await workspace.expectSound()
            await (try await ServerProcess.start(workspace)).stop()
        }

        @Test func `a missing segment stops the start and is named`() async throws {
            let segment = try await makeLedger()
            rename(segment, workspace.path + "/away")
            await expectRefusal("0000000001.segment")
            rename(workspace.path + "/away", segment)
            try await workspace.expectSound()
        }

        @Test func `a damaged snapshot is passed over, and verify says so`() async throws {
            try await makeLedger()
            #expect(try await workspace.florin("checkpoint", workspace.data).end == .exit(0))
            let snapshot = workspace.data + "/snapshots/" + (list(workspace.data + "/snapshots").first ?? "")
            var bytes = readBytes(snapshot)!
            bytes[bytes.count / 2] ^= 0x10
            writeFile(snapshot, bytes)
            let verify = try await workspace.florin("verify", workspace.data, "--json")
            #expect(verify.end == .exit(2))
            #expect(verify.output.hasPrefix("{\"sound\":false"))
            let server = try await ServerProcess.start(workspace)
            #expect(server.child.errors.contains("snapshot could not be used"))
            let client = try await server.connect()
            #expect(try await client.must("CREDIT BALANCE u_ada").text("available") == "24.00")
            await client.close()
            await server.stop()
        }

        @Test(.enabled(if: Mounts.arePermitted, "needs mounts of its own"))
        func `on a full disk writing stops, reading goes on, and room brings writing back`() async throws {
            let mount = workspace.path + "/small"
            mkdir(mount, 0o700)
            #expect(system("mount -t tmpfs -o size=18m florin \(mount)") == 0)
            defer { _ = system("umount -l \(mount)") }
            writeFile(mount + "/ballast", [UInt8](repeating: 1, count: 8 << 20))
            let portFile = workspace.path + "/port"
            let child = try workspace.start(
                Workspace.binary,
                ["serve", "--data", mount + "/data", "--port", "0", "--port-file", portFile, "--segment-size", "4MiB"])
            while readFile(portFile) == nil, child.poll() == nil { try await Task.sleep(nanoseconds: 10_000_000) }
            let port = try #require(Int((readFile(portFile) ?? "").filter { !$0.isNewline }), "\(child.errors)")
            let passport = (readFile(mount + "/data/admin-passport") ?? "").filter { !$0.isNewline }
            let client = try await RemoteLedger.connect(host: "127.0.0.1", port: port, passport: passport)
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 10000 stripe")
            let commands = charges(words: 200)
            var refusal: RESPError?
            var accepted = 0
            while refusal == nil, accepted < 100_000 {
                for answer in try await client.send(commands) {
                    if let error = answer.error { refusal = refusal ?? error } else { accepted += 1 }
                }
            }
            #expect(refusal?.code == "READONLY", "\(refusal?.text ?? "no refusal")")
            try await client.must("CREDIT BALANCE u_ada")
            try await client.must("CREDIT HISTORY u_ada COUNT 5")
            unlink(mount + "/ballast")
            var isWriting = false
            for _ in 0..<600 where !isWriting {
                isWriting = try await client.ask("CREDIT CHARGE u_ada 0.001 api").error == nil
                if !isWriting { try await Task.sleep(nanoseconds: 50_000_000) }
            }
            #expect(isWriting)
            await client.close()
            child.signal(SIGTERM)
            #expect(await child.end() == .exit(0), "\(child.errors)")
            let verify = try await workspace.florin("verify", mount + "/data")
            #expect(verify.end == .exit(0), "\(verify.output)\(verify.errors)")
        }

        /// A stopped ledger with a user and some events; returns the path of its first segment.
        @discardableResult
        private func makeLedger(crash: Bool = false, text: String = "") async throws -> String {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 25 stripe")
            try await client.must("CREDIT CHARGE u_ada 1 api" + (text.isEmpty ? "" : " DESCRIPTION '\(text)'"))
            await client.close()
            if crash { await server.crash() } else { await server.stop() }
            return workspace.data + "/journal/0000000001.segment"
        }

        private func expectRefusal(
            _ text: String, _ options: String..., sourceLocation: SourceLocation = #_sourceLocation
        ) async {
            // A server that is not refused would run for ever.
            let run = try? await workspace.run(
                "timeout", ["60", Workspace.binary, "serve", "--data", workspace.data, "--port", "0"] + options)
            #expect(run?.end == .exit(1), sourceLocation: sourceLocation)
            #expect(run?.errors.contains(text) == true, "\(run?.errors ?? "")", sourceLocation: sourceLocation)
            #expect(
                run?.errors.split(separator: "\n").count == 1, "\(run?.errors ?? "")", sourceLocation: sourceLocation)
        }

        /// 500 charges of the ledger's user, each with so many words of text to fill the journal.
        private func charges(words: Int) -> [[[UInt8]]] {
            let text = String(repeating: "long ", count: words)
            let charge = ["CREDIT", "CHARGE", "u_ada", "0.001", "api", "DESCRIPTION", text].map { Array($0.utf8) }
            return Array(repeating: charge, count: 500)
        }

        private func lastByte(_ bytes: [UInt8]) -> Int { bytes.lastIndex { $0 != 0 } ?? 0 }
    }

    enum Mounts {
        static let arePermitted =
            system("unshare -m sh -c 'mount -t tmpfs florin /mnt' >/dev/null 2>&1") == 0
    }
}
