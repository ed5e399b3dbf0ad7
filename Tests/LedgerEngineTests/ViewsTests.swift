import LedgerCore
import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct ViewsTests {
    private func view(_ user: UInt32, _ value: Int64) -> AccountView {
        AccountView(
            user: UserOrdinal(user), type: .pro, state: .active, paid: Money(nanos: value), promo: Money(nanos: value),
            held: Money(nanos: value), debt: Money(nanos: value), available: Money(nanos: value),
            asOf: Timestamp(nanoseconds: value), slope: value, validUntil: Timestamp(nanoseconds: value),
            storage: StorageAccrual(days: 31, whole: value, rest: UInt64(value), growth: UInt64(value)))
    }

    @Test func `readers never see half of a store`() {
        let views = Views(seed: 7)
        let names = Names(seed: Hash128(high: 1, low: 2))
        let noText = UnsafeRawBufferPointer(start: nil, count: 0)
        for user in 0..<4 as Range<UInt32> {
            views.add(
                UserOrdinal(user), hash: names.user(ShortText("u\(user)")!), id: ShortText("u\(user)")!, email: noText,
                view(user, 0), lastEvent: .none)
        }
        let stop = Atomic<Bool>(false)
        let torn = Atomic<Int>(0)
        let reads = Atomic<Int>(0)
        let readers = (0..<2).map { _ in
            NamedThread.start("reader") {
                while !stop.load(ordering: .relaxed) {
                    for user in 0..<4 as Range<UInt32> {
                        let seen = views.account(UserOrdinal(user))!
                        let parts = [
                            seen.paid.nanos, seen.promo.nanos, seen.held.nanos, seen.debt.nanos, seen.available.nanos,
                            seen.asOf.nanoseconds, seen.slope, seen.validUntil.nanoseconds,
                            seen.storage!.whole, Int64(seen.storage!.rest), Int64(seen.storage!.growth),
                        ]
                        if Set(parts).count != 1 { torn.wrappingAdd(1, ordering: .relaxed) }
                        reads.wrappingAdd(1, ordering: .relaxed)
                    }
                }
            }
        }
        for value in 1...20_000 as ClosedRange<Int64> {
            views.store(view(UInt32(value % 4), value), lastEvent: LSN(UInt64(value)))
        }
        while reads.load(ordering: .relaxed) < 1000 {}
        stop.store(true, ordering: .relaxed)
        for reader in readers { reader.join() }
        #expect(torn.load(ordering: .relaxed) == 0)
    }

    @Test func `readers find every published user while the index grows`() {
        let views = Views(seed: 7)
        let names = Names(seed: Hash128(high: 3, low: 4))
        let published = Atomic<Int>(0)
        let missed = Atomic<Int>(0)
        let count = 30_000
        let reader = NamedThread.start("reader") {
            var generator = SeededGenerator(seed: 9)
            while published.load(ordering: .acquiring) < count {
                let limit = published.load(ordering: .acquiring)
                guard limit > 0 else { continue }
                let user = Int.random(in: 0..<limit, using: &generator)
                let id = ShortText("user-\(user)")!
                let found = views.user(names.user(id))
                if found != UserOrdinal(UInt32(user)) { missed.wrappingAdd(1, ordering: .relaxed) }
                if views.userID(UserOrdinal(UInt32(user))) != id {
                    missed.wrappingAdd(1, ordering: .relaxed)
                }
                if views.withEmail(UserOrdinal(UInt32(user)), { bytes, _ in bytes.count }) != user % 40 {
                    missed.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
        for user in 0..<count {
            let id = ShortText("user-\(user)")!
            [UInt8](repeating: 0x40, count: user % 40).withUnsafeBytes {
                views.add(
                    UserOrdinal(UInt32(user)), hash: names.user(id), id: id, email: $0, view(UInt32(user), 1),
                    lastEvent: LSN(1))
            }
            published.store(user + 1, ordering: .releasing)
        }
        reader.join()
        #expect(missed.load(ordering: .relaxed) == 0)
        #expect(views.user(names.user(ShortText("user-\(count)")!)) == nil)
        for user in stride(from: 0, to: count, by: 97) {
            #expect(views.user(names.user(ShortText("user-\(user)")!)) == UserOrdinal(UInt32(user)))
        }
    }

    @Test func `passports are found by their id and change in place`() {
        let views = Views(seed: 99)
        var generator = SeededGenerator(seed: 5)
        var all: [PassportView] = []
        for ordinal in 0..<3000 as Range<UInt32> {
            let secret = PassportSecret.mint(using: &generator)
            let view = PassportView(
                ordinal: PassportOrdinal(ordinal), id: secret.id, user: UserOrdinal(ordinal / 3), digest: .zero,
                permissions: [.read, .billing], scope: .all, expires: Timestamp(nanoseconds: Int64(ordinal)),
                revoked: false, rate: ordinal, requiresKeys: ordinal % 2 == 1)
            views.store(view)
            all.append(view)
        }
        for view in all { #expect(views.passport(view.id) == view) }
        all[17].revoked = true
        views.store(all[17])
        #expect(views.passport(all[17].id)?.revoked == true)
        #expect(views.passport(PassportID(value: 1)) == nil)
        #expect(views.passport(PassportOrdinal(3000)) == nil)
        #expect(views.passport(PassportOrdinal.none) == nil)
    }

    @Test func `an e-mail that was added sealed is replaced by the clear one`() {
        let views = Views(seed: 1)
        let names = Names(seed: .zero)
        var cursor = Views.Cursor()
        Array("sealed".utf8).withUnsafeBytes {
            views.fill(
                UserOrdinal(0), hash: names.user("a"), id: "a", sealedEmail: $0, view(0, 0), lastEvent: .none,
                at: &cursor)
        }
        #expect(views.withEmail(UserOrdinal(0)) { String(decoding: $0, as: UTF8.self) + ($1 ? "!" : "") } == "sealed!")
        Array("clear@example.org".utf8).withUnsafeBytes { views.fill(email: $0, of: UserOrdinal(0)) }
        #expect(
            views.withEmail(UserOrdinal(0)) { String(decoding: $0, as: UTF8.self) + ($1 ? "!" : "") }
                == "clear@example.org")
        #expect(views.userID(UserOrdinal(1)) == nil)
        views.releaseSealedEmails()
        #expect(views.withEmail(UserOrdinal(0)) { bytes, _ in bytes.count } == 17)
    }

    @Test func `a sealed e-mail whose memory is gone reads as zeroes`() {
        let views = Views(seed: 1)
        var cursor = Views.Cursor()
        Array("sealed".utf8).withUnsafeBytes {
            views.fill(
                UserOrdinal(0), hash: Names(seed: .zero).user("a"), id: "a", sealedEmail: $0, view(0, 0),
                lastEvent: .none, at: &cursor)
        }
        views.releaseSealedEmails()
        #expect(views.withEmail(UserOrdinal(0)) { [UInt8]($0) + [$1 ? 1 : 0] } == [0, 0, 0, 0, 0, 0, 1])
    }

    @Test func `what was there at the start is found once it is indexed, and who comes later as well`() {
        let views = Views(seed: 3)
        let names = Names(seed: Hash128(high: 5, low: 6))
        let noText = UnsafeRawBufferPointer(start: nil, count: 0)
        let (before, count) = (5_000, 9_000)
        func id(_ user: Int) -> ShortText { ShortText("user-\(user)")! }
        func passport(_ number: Int) -> PassportView {
            PassportView(
                ordinal: PassportOrdinal(UInt32(number)), id: PassportID(value: UInt64(number) * 977 + 1),
                user: UserOrdinal(UInt32(number)), digest: .zero, permissions: [.read], scope: .all, expires: .never,
                revoked: false, rate: 0, requiresKeys: false)
        }
        views.reserve(users: before, passports: before) { true }
        var cursor = Views.Cursor()
        for user in 0..<before {
            let ordinal = UserOrdinal(UInt32(user))
            views.fill(
                ordinal, hash: names.user(id(user)), id: id(user), sealedEmail: noText, view(ordinal.value, 1),
                lastEvent: LSN(1), at: &cursor)
            views.fill(passport(user))
        }
        #expect(views.user(names.user(id(17))) == nil)
        views.index(users: before)
        views.index(passports: before)
        for user in before..<count {
            let ordinal = UserOrdinal(UInt32(user))
            views.add(
                ordinal, hash: names.user(id(user)), id: id(user), email: noText, view(ordinal.value, 1),
                lastEvent: LSN(1))
            views.store(passport(user))
        }
        for user in 0..<count {
            #expect(views.user(names.user(id(user))) == UserOrdinal(UInt32(user)))
            #expect(views.passport(passport(user).id) == passport(user))
        }
        #expect(views.user(names.user(id(count))) == nil && views.passport(PassportID(value: 2)) == nil)
        let empty = Views(seed: 3)
        empty.index(users: 0)
        empty.index(passports: 0)
        #expect(empty.user(names.user("a")) == nil)
    }

    /// As a start fills them: half of the users each, their texts in chunks of their own.
    @Test func `two threads fill the views at once, and every text is where it belongs`() {
        let views = Views(seed: 3)
        let names = Names(seed: Hash128(high: 5, low: 6))
        let count = 12_000
        @Sendable func id(_ user: UInt32) -> ShortText { ShortText("a-user-whose-id-is-longer-than-most-\(user)")! }
        @Sendable func email(_ user: UInt32) -> String {
            "sealed \(user) " + String(repeating: "x", count: Int(user % 90))
        }
        @Sendable func fill(_ half: Half) {
            var cursor = Views.Cursor()
            for user in half.of(count) {
                Array(email(user).utf8).withUnsafeBytes {
                    views.fill(
                        UserOrdinal(user), hash: names.user(id(user)), id: id(user), sealedEmail: $0, view(user, 1),
                        lastEvent: LSN(1), at: &cursor)
                }
            }
        }
        _ = NamedThread.both("half", { fill(.first) }, { fill(.second) })
        views.index(users: count)
        for user in 0..<UInt32(count) {
            #expect(views.user(names.user(id(user))) == UserOrdinal(user))
            #expect(views.userID(UserOrdinal(user)) == id(user))
            #expect(
                views.withEmail(UserOrdinal(user)) { String(decoding: $0, as: UTF8.self) + ($1 ? "!" : "") }
                    == email(user) + "!")
        }
    }

    @Test func `an id of any length is read as it was stored`() {
        let views = Views(seed: 1)
        let names = Names(seed: .zero)
        for length in 1...ShortText.capacity {
            let user = UserOrdinal(UInt32(length))
            let id = ShortText(String((0..<length).map { Character(Unicode.Scalar(UInt8(97 + $0 % 26))) }))!
            #expect(views.userID(user) == nil)
            let noText = UnsafeRawBufferPointer(start: nil, count: 0)
            views.add(user, hash: names.user(id), id: id, email: noText, view(user.value, 7), lastEvent: LSN(9))
            #expect(views.userID(user) == id && views.user(names.user(id)) == user)
            #expect(views.account(user)?.paid == Money(nanos: 7) && views.lastEvent(user) == LSN(9))
        }
    }
}
