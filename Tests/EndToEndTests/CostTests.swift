import Testing

extension EndToEnd {
    /// The figures of the program that people run are printed, and held, by `Scripts/counts`; those of a build for
    /// debugging, which this is, must not grow.
    @Suite struct Costs {
        @Test(.enabled(if: !Workspace.isSanitized))
        func `operations take no more allocations and copies than they did`() async throws {
            try await expectWithin()
        }

        @Test(
            .enabled(if: !Workspace.isSanitized && Workspace.has("valgrind"), "needs valgrind: Scripts/install --tests")
        )
        func `operations take no more instructions than they did`() async throws {
            try await expectWithin("instructions")
        }

        private func expectWithin(_ arguments: String...) async throws {
            let cost = try await Workspace().run(Workspace.products + "/operation-cost", arguments)
            #expect(cost.end == .exit(0), "\(cost.output)\(cost.errors)")
        }
    }
}
