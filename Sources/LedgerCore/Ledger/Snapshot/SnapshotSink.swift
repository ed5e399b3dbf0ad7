/// Where a snapshot's frames go: a file that compresses and checksums them, or a hash that compares two states.
///
/// The core writes its tables in a fixed order of sections, each section's rows in a fixed order of their keys, at most
/// 16,384 rows a frame; so equal states give equal frames, byte for byte.
package protocol SnapshotSink: ~Copyable {
    associatedtype Failure: Error
    /// `version`: of the section's fields.
    mutating func frame(section: UInt16, version: UInt8, rows: Int, bytes: [UInt8]) throws(Failure)
}

/// A snapshot or an event that does not read back as what was written. `reason` says what is wrong, for people.
package struct StateError: Error, CustomStringConvertible {
    package var reason: String
    package init(_ reason: String) { self.reason = reason }
    package var description: String { reason }
}
