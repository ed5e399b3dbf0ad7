import Testing

/// The binary as people run it, on loopback. One test at a time: each has processes of its own, and two cores are soon
/// taken.
@Suite(.serialized, .timeLimit(.minutes(10)))
enum EndToEnd {}
