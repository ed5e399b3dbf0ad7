import Testing

@testable import LedgerLoad

struct RequestTests {
    private func scenario(_ fields: String = "") throws -> Scenario {
        let source = "return function(p) return { \(fields) mix = { { name = \"a\", \"PING\" } } } end"
        return try ScenarioReader.read(name: "s", source: source, parameters: [:])
    }

    private func options(_ fields: String = "", _ change: (inout LoadRequest) -> Void) throws -> LoadOptions {
        var request = LoadRequest()
        change(&request)
        return try request.options(for: scenario(fields))
    }

    private static let ramp = "stages = { { rate = 10, over = \"1s\" } },"

    @Test func `What nobody says has a default, and the command line goes before the script`() throws {
        let bare = try options { _ in }
        #expect(bare.mode == .closed && bare.arrivals == .poisson)
        #expect([bare.connections, bare.pipeline, bare.threads, bare.backlog] == [16, 1, 1, 100_000])
        #expect(bare.seed == 1 && bare.duration == 10_000_000_000 && bare.warmup == 2_000_000_000)
        let fields = """
            connections = 3, pipeline = 4, rate = 100, arrivals = "constant", duration = "5s", warmup = "1s",
            """
        let scripted = try options(fields) { _ in }
        #expect(scripted.mode == .open(rate: 100) && scripted.arrivals == .constant)
        #expect([scripted.connections, scripted.pipeline] == [3, 4])
        #expect(scripted.duration == 5_000_000_000 && scripted.warmup == 1_000_000_000)
        let commanded = try options(fields) {
            $0.connections = 5
            $0.pipeline = 6
            $0.threads = 2
            $0.seed = 7
            $0.backlog = 8
            $0.rate = 9
            $0.arrivals = .poisson
            $0.duration = 10
            $0.warmup = 11
        }
        #expect(commanded.mode == .open(rate: 9) && commanded.arrivals == .poisson)
        #expect([commanded.connections, commanded.pipeline, commanded.threads, commanded.backlog] == [5, 6, 2, 8])
        #expect(commanded.seed == 7 && commanded.duration == 10 && commanded.warmup == 11)
    }

    @Test func `The long form is 300 s after 30 s, whatever the script says`() throws {
        for fields in ["", "duration = \"5s\", warmup = \"1s\","] {
            for course in [LoadCourse.once, .canonical] {
                let long = try options(fields) {
                    $0.course = course
                    $0.isLong = true
                }
                #expect(long.duration == 300_000_000_000 && long.warmup == 30_000_000_000)
            }
        }
    }

    @Test func `A rate takes the place of the script's ramp, and 0 that of its rate`() throws {
        #expect(try options(Self.ramp) { _ in }.mode == .ramp([Stage(rate: 10, nanoseconds: 1_000_000_000)]))
        #expect(try options(Self.ramp) { $0.rate = 5 }.mode == .open(rate: 5))
        #expect(try options("rate = 5,") { $0.rate = 0 }.mode == .closed)
    }

    @Test(arguments: [LoadCourse.canonical, .search])
    func `Arrivals are kept for the open loops behind the closed one`(course: LoadCourse) throws {
        let said = try options {
            $0.course = course
            $0.arrivals = .constant
        }
        #expect(said.mode == .closed && said.arrivals == .constant)
        let scripted = try options("arrivals = \"constant\", " + Self.ramp) { $0.course = course }
        #expect(scripted.mode == .closed && scripted.arrivals == .constant)
        let rate = LoadRequest().options(at: 50, after: scripted)
        #expect(rate.mode == .open(rate: 50) && rate.arrivals == .constant)
        #expect(LoadReport.drive(rate).hasPrefix("open loop, 50/s, constant arrivals;"))
    }

    @Test func `A search measures each rate for its probe, after a second or the warm-up that was asked for`() throws {
        var request = LoadRequest()
        request.course = .search
        let first = try request.options(for: scenario("duration = \"60s\","))
        #expect(first.duration == 5_000_000_000 && first.warmup == 2_000_000_000)
        let rate = request.options(at: 50, after: first)
        #expect(rate.duration == 5_000_000_000 && rate.warmup == 1_000_000_000)
        request.probe = 300
        request.warmup = 4_000_000_000
        let asked = try request.options(for: scenario())
        #expect(asked.duration == 300 && asked.warmup == 4_000_000_000)
        #expect(request.options(at: 50, after: asked).warmup == 4_000_000_000)
        #expect(request.options(at: 50, after: asked).duration == 300)
        request.warmup = nil
        let short = try request.options(for: scenario("warmup = \"500ms\","))
        #expect(request.options(at: 50, after: short).warmup == 500_000_000)
    }

    private func refusal(_ fields: String = "", _ change: (inout LoadRequest) -> Void) -> String? {
        do {
            _ = try options(fields, change)
            return nil
        } catch {
            guard let error = error as? LoadError, error.isUsage else { return "\(error), no mistake of the user's" }
            return error.description
        }
    }

    @Test func `An option that would have no effect is refused, with what it goes with`() {
        let length = "the script's stages say how long it runs, and all of it is measured: "
        #expect(refusal(Self.ramp) { $0.isLong = true } == length + "--long goes with --rate")
        #expect(refusal(Self.ramp) { $0.duration = 1 } == length + "--duration goes with --rate")
        #expect(refusal(Self.ramp) { $0.warmup = 1 } == length + "--warmup goes with --rate")
        let search = "--search measures each rate for as long as --probe says: it goes without "
        for (option, set) in [
            ("--long", { $0.isLong = true }), ("--duration", { $0.duration = 1 }),
        ] as [(String, (inout LoadRequest) -> Void)] {
            #expect(
                refusal(Self.ramp) {
                    $0.course = .search
                    set(&$0)
                } == search + option)
            // With a rate, or where there is no ramp, they say something.
            #expect(
                refusal(Self.ramp) {
                    $0.rate = 5
                    set(&$0)
                } == nil)
            #expect(refusal { set(&$0) } == nil)
        }
        let closed = " is about an open loop, and this one is closed: it goes with --rate"
        #expect(refusal { $0.arrivals = .constant } == "--arrivals" + closed)
        #expect(refusal { $0.backlog = 5 } == "--backlog" + closed)
        for mode in [{ $0.rate = 5 }, { $0.course = .canonical }, { $0.course = .search }]
            as [(inout LoadRequest) -> Void]
        {
            #expect(
                refusal {
                    $0.arrivals = .constant
                    $0.backlog = 5
                    mode(&$0)
                } == nil)
        }
        #expect(refusal { $0.probe = 5 } == "--probe goes with --search")
        #expect(
            refusal {
                $0.course = .search
                $0.probe = 5
            } == nil)
    }
}
